/** Syzkaller program text as a program: iommufd and VFIO calls are taken, calls of other subsystems skipped and counted. */
import type { MemoryStep, Operand, Program, Props, Step, Target } from './program.ts';
import { anonymous, mapped, PLAIN_MEMORY, unmapped } from './program-memory.ts';
import { targetOf } from './program-target.ts';
import type { RecordedFile, Vma } from './recording.ts';
import { parseCall, SyzSyntaxError } from './syz-parse.ts';
import { readIoctl } from './syz-read-struct.ts';
import { withTails } from './syz-tails.ts';
import { nameParts, type SyzArg, type SyzCall } from './syz-text.ts';
import { addressOf, constant, operandOf, ResourceNames } from './syz-values.ts';
import { FACT } from './syz-write.ts';
import { TraceFormatError } from './trace-format-error.ts';

export type SyzProgram = Readonly<{
  program: Program;
  /** Calls of other subsystems. */
  skipped: number;
}>;

const DEFAULT_TARGET = targetOf('7.3.4', 'mock');
const PATHS: Readonly<Record<string, string>> = { iommufd: '/dev/iommu', vfio: '/dev/vfio/vfio' };
const MFD_HUGETLB = 4n;
const MAP_ANONYMOUS = 0x20n;

/** Whether a file that is no recording looks like a syzkaller program. */
export function looksLikeSyz(text: string): boolean {
  return text
    .split('\n', 64)
    .some((line) => /^(r\d+ = )?[a-z_0-9]+(\$[A-Za-z0-9_$]+)?\(.*\)( \([^()]*\))?\s*$/.test(line));
}

/** All programs of a text: those that writeSyz() wrote one after another, or the one of a foreign text. Throws as readSyz(). */
export function readSyzPrograms(text: string, file: string, target: Target = DEFAULT_TARGET): SyzProgram[] {
  const parts = text.split(new RegExp(`^(?=${FACT} target )`, 'm'));
  const [first = '', ...rest] = parts;
  const texts = first.trim() === '' && rest.length > 0 ? rest : parts;
  return texts.map((one) => readSyz(one, file, target));
}

/** Throws TraceFormatError TRC020-bad-syzkaller-text where a line cannot be read. */
export function readSyz(text: string, file: string, target: Target = DEFAULT_TARGET): SyzProgram {
  const reader = new SyzReader(target);
  for (const [index, line] of text.split('\n').entries()) {
    try {
      reader.line(line.trim(), index + 1);
    } catch (cause) {
      if (!(cause instanceof SyzSyntaxError)) throw cause;
      throw new TraceFormatError('TRC020-bad-syzkaller-text', { file, line: index + 1 }, cause.message, {
        cause,
      });
    }
  }
  return reader.result();
}

class SyzReader {
  private target: Target;
  private memory: readonly Vma[] = PLAIN_MEMORY;
  private readonly steps: Step[] = [];
  private readonly names = new ResourceNames();
  private file: RecordedFile | undefined;
  private skipped = 0;
  /** The text is one of ours: structs are as long as they are. */
  private own = false;

  constructor(target: Target) {
    this.target = target;
  }

  result(): SyzProgram {
    const { target, steps, skipped } = this;
    return {
      program: { target, memory: this.first ?? this.memory, steps: this.own ? steps : withTails(steps) },
      skipped,
    };
  }

  line(text: string, number: number): void {
    if (text === '') return;
    if (text.startsWith(FACT)) this.fact(text.slice(FACT.length).trim(), number);
    else if (!text.startsWith('#')) this.call(parseCall(text, number));
  }

  private fact(text: string, number: number): void {
    const space = text.indexOf(' ');
    const value = this.json(text.slice(space + 1), number);
    switch (text.slice(0, space)) {
      case 'target':
        this.target = value as Target;
        this.own = true;
        return;
      case 'memory':
        this.changeMemory(value as readonly Vma[]);
        return;
      case 'cred':
        this.push({ call: 'cred', ...(value as { uid: number; memlock: '0x0'; capEff: '0x0' }), props: {} });
        return;
      case 'file':
        this.file = value as RecordedFile;
        return;
      default:
    }
  }

  private json(text: string, number: number): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw new SyzSyntaxError(`line ${number}: expected a JSON value after ${FACT}`);
    }
  }

  private first: readonly Vma[] | undefined;

  private push(step: Step): void {
    this.first ??= this.memory;
    this.steps.push(step);
  }

  private changeMemory(memory: readonly Vma[]): void {
    this.memory = memory;
    if (this.first === undefined) return;
    const step: MemoryStep = { call: 'memory', memory, props: {} };
    this.steps.push(step);
  }

  private call(call: SyzCall): void {
    const [base = '', variant = ''] = nameParts(call.name);
    const props = propsOf(call);
    switch (base) {
      case 'openat':
      case 'open':
      case 'syz_open_dev':
        this.open(call, variant, props);
        break;
      case 'ioctl':
        this.ioctl(call, props);
        break;
      case 'close':
        this.onOwn(call, (fd) => this.push({ call: 'close', fd, props }));
        break;
      case 'dup':
        this.onOwn(call, (fd) => this.push({ call: 'dup', fd, make: this.madeBy(call), props }));
        break;
      case 'read':
        this.onOwn(call, (fd) =>
          this.push({ call: 'read', fd, length: Number(constant(call.args[2])), props }),
        );
        break;
      case 'write':
        this.onOwn(call, (fd) => this.write(call, fd, props));
        break;
      case 'mmap':
        this.mmap(call, props);
        break;
      case 'munmap':
        this.munmap(call, props);
        break;
      case 'mprotect':
        this.mprotect(call);
        break;
      case 'memfd_create':
        this.memfd(call, props);
        break;
      case 'ftruncate':
        this.onOwn(call, (fd) => this.truncate(call, fd, props));
        break;
      default:
        this.skipped++;
    }
  }

  private madeBy(call: SyzCall): number {
    return call.result === undefined ? this.names.fresh() : this.names.make(call.result);
  }

  private open(call: SyzCall, variant: string, props: Props): void {
    const path = PATHS[variant] ?? stringOf(call.args[nameParts(call.name)[0] === 'open' ? 0 : 1]);
    const ours = path === '/dev/iommu' || path.startsWith('/dev/vfio/');
    if (!ours) this.skipped++;
    else this.push({ call: 'open', path, make: this.madeBy(call), props });
  }

  private ioctl(call: SyzCall, props: Props): void {
    const step = readIoctl(call, this.names, props, this.file);
    this.file = undefined;
    if (step === undefined) this.skipped++;
    else this.push(step);
  }

  /** A call on a descriptor that a call of this program made. */
  private onOwn(call: SyzCall, take: (fd: Operand) => void): void {
    const fd = operandOf(call.args[0], this.names);
    const own = call.args[0]?.is === 'resource' ? fd !== undefined : call.args[0]?.is === 'const';
    if (own && fd !== undefined) take(fd);
    else this.skipped++;
  }

  private memfd(call: SyzCall, props: Props): void {
    const huge = (constant(call.args[1]) & MFD_HUGETLB) !== 0n;
    this.push({ call: 'memfd', size: 0n, huge, make: this.madeBy(call), props });
  }

  private write(call: SyzCall, fd: Operand, props: Props): void {
    const data = call.args[1]?.is === 'pointer' ? call.args[1].pointee : undefined;
    const bytes = data?.is === 'data' ? data.bytes : new Uint8Array(0);
    this.push({ call: 'write', fd, length: Number(constant(call.args[2])), bytes, props });
  }

  private truncate(call: SyzCall, fd: Operand, props: Props): void {
    const size = constant(call.args[1]);
    const before = this.steps.at(-1);
    const made =
      before?.call === 'memfd' && before.size === 0n && 'resource' in fd && fd.resource === before.make;
    if (made && !this.truncated.has(before.make)) this.steps[this.steps.length - 1] = { ...before, size };
    else this.push({ call: 'ftruncate', fd, size, props });
    if ('resource' in fd) this.truncated.add(fd.resource);
  }

  private readonly truncated = new Set<number>();

  private mmap(call: SyzCall, props: Props): void {
    const [place, length, prot, flags, fdArg, offset] = call.args;
    const fd = operandOf(fdArg, this.names);
    const address = addressOf(place);
    if (call.name === 'mmap$IOMMUFD' && fd !== undefined) {
      this.push({
        call: 'mmap',
        fd,
        address,
        length: constant(length),
        prot: Number(constant(prot)),
        flags: Number(constant(flags)),
        offset: constant(offset),
        props,
      });
      return;
    }
    if ((constant(flags) & MAP_ANONYMOUS) === 0n) {
      this.skipped++;
      return;
    }
    const end = Number(address + constant(length));
    this.changeMemory(mapped(this.memory, anonymous(Number(address), end, rightsOf(constant(prot)))));
  }

  private munmap(call: SyzCall, props: Props): void {
    const address = addressOf(call.args[0]);
    const length = constant(call.args[1]);
    if (this.first === undefined)
      this.changeMemory(unmapped(this.memory, Number(address), Number(address + length)));
    else this.push({ call: 'munmap', address, length, props });
  }

  private mprotect(call: SyzCall): void {
    const start = Number(addressOf(call.args[0]));
    const end = start + Number(constant(call.args[1]));
    this.changeMemory(mapped(this.memory, anonymous(start, end, rightsOf(constant(call.args[2])))));
  }
}

function rightsOf(prot: bigint): string {
  return `${prot & 1n ? 'r' : '-'}${prot & 2n ? 'w' : '-'}-p`;
}

function propsOf({ props }: SyzCall): Props {
  const failNth = props.get('fail_nth');
  const rerun = props.get('rerun');
  return {
    ...(props.has('async') ? { async: true as const } : {}),
    ...(typeof failNth === 'bigint' ? { failNth: Number(failNth) } : {}),
    ...(typeof rerun === 'bigint' ? { rerun: Number(rerun) } : {}),
  };
}

function stringOf(arg: SyzArg | undefined): string {
  const data = arg?.is === 'pointer' ? arg.pointee : undefined;
  return data?.is === 'data' ? Buffer.from(data.bytes).toString('latin1').replace(/\0.*$/s, '') : '';
}
