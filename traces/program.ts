/**
 * A program: calls of one process, with the values that flow from one call to a later one as named resources. Types only.
 * Fuzzed, cut from a recording or read from syzkaller text; run on the model, shrunk, and written in other languages.
 */
import type { HexNumber, Machine, RecordedFile, Vma } from './recording.ts';

/** A value that a step made: an object id or a descriptor. Numbered from 0. */
export type Resource = number;

/** A descriptor argument: what a step made, or a plain number. */
export type Operand = Readonly<{ resource: Resource }> | Readonly<{ fd: number }>;

/** Bytes [at, at + width) of a struct hold a resource (little-endian). */
export type Use = Readonly<{ at: number; width: 4 | 8; resource: Resource }>;

/** A field that the kernel fills, by its name in the model; '' is a descriptor that the struct does not tell. */
export type Make = Readonly<{ field: string; resource: Resource }>;

/** What syzkaller can ask of a call. Only `failNth` concerns the model: the n-th allocation of the call fails. */
export type Props = Readonly<{ async?: true; failNth?: number; rerun?: number }>;

/** The second buffer: its user address and its bytes before the call. */
export type SecondBuffer = Readonly<{ address: bigint; bytes: Uint8Array }>;

export type OpenStep = Readonly<{ call: 'open'; path: string; make: Resource; props: Props }>;
export type CloseStep = Readonly<{ call: 'close'; fd: Operand; props: Props }>;
export type DupStep = Readonly<{ call: 'dup'; fd: Operand; make: Resource; props: Props }>;

/** `arg`: the address of the struct, or the value itself; `bytes`: as much of the struct as can be read. */
export type IoctlStep = Readonly<{
  call: 'ioctl';
  fd: Operand;
  request: number;
  arg: bigint;
  bytes: Uint8Array;
  uses: readonly Use[];
  makes: readonly Make[];
  second: SecondBuffer | undefined;
  /** What a descriptor in the struct was, where no step made it. */
  file: RecordedFile | undefined;
  props: Props;
}>;

export type ReadStep = Readonly<{ call: 'read'; fd: Operand; length: number; props: Props }>;
/** Of `length` bytes those in `bytes` are known. */
export type WriteStep = Readonly<{
  call: 'write';
  fd: Operand;
  length: number;
  bytes: Uint8Array;
  props: Props;
}>;
/** mmap of an iommufd at an address that the program chooses. */
export type MmapStep = Readonly<{
  call: 'mmap';
  fd: Operand;
  address: bigint;
  length: bigint;
  prot: number;
  flags: number;
  offset: bigint;
  props: Props;
}>;
export type MunmapStep = Readonly<{ call: 'munmap'; address: bigint; length: bigint; props: Props }>;
/** memfd_create() and ftruncate() to `size` bytes. */
export type MemfdStep = Readonly<{
  call: 'memfd';
  size: bigint;
  huge: boolean;
  make: Resource;
  props: Props;
}>;
export type TruncateStep = Readonly<{ call: 'ftruncate'; fd: Operand; size: bigint; props: Props }>;
/** From here on the process has these rights. */
export type CredStep = Readonly<{
  call: 'cred';
  uid: number;
  memlock: HexNumber;
  capEff: HexNumber;
  props: Props;
}>;
/** From here on the memory of the process is this. */
export type MemoryStep = Readonly<{ call: 'memory'; memory: readonly Vma[]; props: Props }>;

export type Step =
  | OpenStep
  | CloseStep
  | DupStep
  | IoctlStep
  | ReadStep
  | WriteStep
  | MmapStep
  | MunmapStep
  | MemfdStep
  | TruncateStep
  | CredStep
  | MemoryStep;

/** The machine that a program is meant for. */
export type Target = Readonly<{ kernel: string; arch: string; iommu: string; machine?: Machine }>;

export type Program = Readonly<{
  target: Target;
  /** Memory of the process when it begins. */
  memory: readonly Vma[];
  steps: readonly Step[];
}>;

export const NO_PROPS: Props = {};
const NO_USES: readonly Use[] = [];
const NO_MAKES: readonly Make[] = [];

/** An ioctl without resources in its struct. */
export function ioctlStep(
  fd: Operand,
  request: number,
  arg: bigint,
  bytes: Uint8Array,
  more: Partial<Pick<IoctlStep, 'uses' | 'makes' | 'second' | 'file' | 'props'>> = {},
): IoctlStep {
  return {
    call: 'ioctl',
    fd,
    request,
    arg,
    bytes,
    uses: more.uses ?? NO_USES,
    makes: more.makes ?? NO_MAKES,
    second: more.second,
    file: more.file,
    props: more.props ?? NO_PROPS,
  };
}

/** Resources that a step makes. */
export function madeBy(step: Step): Resource[] {
  switch (step.call) {
    case 'open':
    case 'dup':
    case 'memfd':
      return [step.make];
    case 'ioctl':
      return step.makes.map(({ resource }) => resource);
    default:
      return [];
  }
}
