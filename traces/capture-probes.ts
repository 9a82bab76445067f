/** The probes that a capture needs, as tracefs takes them. User memory is fetched word by word: the kernel refuses arrays of it. */
import { hex } from '../events/hex.ts';
import { pointerOffset, SECOND_BUFFERS } from './capture-second.ts';

/** Words of the struct: more than any command has. */
export const STRUCT_WORDS = 11;
/** Words of the second buffer, as far as they are fetched. */
export const SECOND_WORDS = 16;
export const WORD_BYTES = 8;
/** Group of the probes, and name of the ring. */
export const GROUP = 'ioasis';

export type CaptureProbe = Readonly<{
  name: string;
  /** What is written into `kprobe_events`. */
  definition: string;
  /** Instead of it on kernels that cannot read arguments in return probes (before 6.9); '' for nothing. */
  fallback: string | undefined;
  /** Which of its events are kept. */
  filter: string | undefined;
  /** The capture is of no use without it. */
  needed: boolean;
}>;

const HANDLERS = [
  ['iommufd', 'iommufd_fops_ioctl'],
  ['vfio', 'vfio_device_fops_unl_ioctl'],
] as const;

/** `w0=+u0($arg3):x64 w8=+u8($arg3):x64 …` */
function structWords(): string {
  return Array.from({ length: STRUCT_WORDS }, (_, index) => {
    const at = index * WORD_BYTES;
    return `w${at}=+u${at}($arg3):x64`;
  }).join(' ');
}

/** `p0=+u0(+u16($arg3)):x64 …`: words of what the pointer at byte `offset` of the struct points to. */
function secondWords(offset: number): string {
  return Array.from({ length: SECOND_WORDS }, (_, index) => {
    const at = index * WORD_BYTES;
    return `p${at}=+u${at}(+u${offset}($arg3)):x64`;
  }).join(' ');
}

function probe(name: string, kind: 'p' | 'r', symbol: string, args: string): string {
  return `${kind}:${GROUP}/${name} ${symbol} ${args}`;
}

function handlerProbes([prefix, symbol]: (typeof HANDLERS)[number]): CaptureProbe[] {
  const enter = `${prefix}_enter`;
  const exit = `${prefix}_exit`;
  const words = structWords();
  return [
    {
      name: enter,
      definition: probe(enter, 'p', symbol, `cmd=$arg2:x32 uptr=$arg3:x64 ${words}`),
      fallback: undefined,
      filter: undefined,
      needed: prefix === 'iommufd',
    },
    {
      name: exit,
      definition: probe(exit, 'r', symbol, `cmd=$arg2:x32 ret=$retval:s64 ${words}`),
      fallback: probe(exit, 'r', symbol, 'ret=$retval:s64'),
      filter: undefined,
      needed: prefix === 'iommufd',
    },
  ];
}

/** Commands by the offset of the pointer in their struct. */
export function secondGroups(): ReadonlyMap<number, readonly number[]> {
  const groups = new Map<number, number[]>();
  for (const second of SECOND_BUFFERS) {
    const offset = pointerOffset(second);
    const commands = groups.get(offset) ?? [];
    commands.push(second.command);
    groups.set(offset, commands);
  }
  return new Map([...groups].sort(([one], [other]) => one - other));
}

function secondProbes(): CaptureProbe[] {
  const symbol = HANDLERS[0][1];
  return [...secondGroups()].flatMap(([offset, commands]): CaptureProbe[] => {
    const filter = commands.map((command) => `cmd==${hex(command)}`).join('||');
    const args = `cmd=$arg2:x32 ptr=+u${offset}($arg3):x64 ${secondWords(offset)}`;
    const enter = `second${offset}_enter`;
    const exit = `second${offset}_exit`;
    return [
      {
        name: enter,
        definition: probe(enter, 'p', symbol, args),
        fallback: undefined,
        filter,
        needed: false,
      },
      { name: exit, definition: probe(exit, 'r', symbol, args), fallback: '', filter, needed: false },
    ];
  });
}

/** Every probe, in the order in which their events come within a call. */
export function captureProbes(): CaptureProbe[] {
  const opened = 'open_path';
  return [
    ...HANDLERS.flatMap(handlerProbes),
    ...secondProbes(),
    {
      name: opened,
      definition: probe(opened, 'p', 'do_sys_openat2', 'path=+0($arg2):ustring'),
      fallback: undefined,
      filter: 'path ~ "/dev/iommu" || path ~ "/dev/vfio/*"',
      needed: false,
    },
  ];
}

/** System calls that make, copy, close or use descriptors, and those that change the address space. */
export const CAPTURED_CALLS = [
  'ioctl',
  'open',
  'openat',
  'openat2',
  'close',
  'dup',
  'dup2',
  'dup3',
  'fcntl',
  'mmap',
  'munmap',
  'mprotect',
  'mremap',
  'brk',
] as const;

/** Other events: who shares descriptors with whom, and what the IOMMU core did. */
export const CAPTURED_EVENTS = [
  'task/task_newtask',
  'sched/sched_process_exec',
  'sched/sched_process_exit',
  'iommu',
] as const;
