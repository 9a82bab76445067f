/** Programs as syzkaller text. Facts that the language has no word for stand in comment lines that begin with `# ioasis`. */
import { hex } from '../events/hex.ts';
import type { IoctlStep, Operand, Program, Props, Step } from './program.ts';
import {
  ARENA_END,
  ARENA_START,
  anonymous,
  inArena,
  mapped,
  PLAIN_MEMORY,
  unmapped,
} from './program-memory.ts';
import type { Vma } from './recording.ts';
import { TEXT_BASE } from './syz-text.ts';
import { structText } from './syz-write-struct.ts';

/** Where the strings of open() and the buffers of read() and write() lie. */
const SCRATCH = hex(TEXT_BASE + 0xff_0000n);
const AT_FDCWD = '0xffffffffffffff9c';
const O_RDWR = '0x2';
const PAGE = 0x1000n;

/** The comment that opens a fact of ours. */
export const FACT = '# ioasis';

/** One line a call; every program that the model can run can be written, and is read back equal by readSyz(). */
export function writeSyz(program: Program): string {
  const lines = [`${FACT} target ${JSON.stringify(program.target)}`, ...memoryLines(program.memory)];
  for (const step of program.steps) lines.push(...stepLines(step));
  return `${lines.join('\n')}\n`;
}

/** A step as a person reads it: the call without our facts. */
export function stepText(step: Step): string {
  return stepLines(step).at(-1) ?? '';
}

function textAddress(address: bigint): string {
  return hex(address - BigInt(ARENA_START) + TEXT_BASE);
}

/** Memory as calls that make it from the plain data area; as a fact where calls cannot. */
function memoryLines(memory: readonly Vma[]): string[] {
  const lines: string[] = [];
  let made: readonly Vma[] = PLAIN_MEMORY;
  const inside = memory.filter(([start]) => inArena(BigInt(start)));
  for (const [start, end, rights] of inside) {
    if (rights === 'rw-p') continue;
    made = mapped(made, anonymous(Number(start), Number(end), rights));
    lines.push(`mprotect(${range(Number(start), Number(end))}, ${rights[0] === 'r' ? '0x1' : '0x0'})`);
  }
  let from = ARENA_START;
  for (const [start, end] of [...inside, [hex(ARENA_END), hex(ARENA_END)] as const]) {
    if (Number(start) > from) {
      made = unmapped(made, from, Number(start));
      lines.push(`munmap(${range(from, Number(start))})`);
    }
    from = Number(end);
  }
  return JSON.stringify(made) === JSON.stringify(memory)
    ? lines
    : [`${FACT} memory ${JSON.stringify(memory)}`];
}

function range(start: number, end: number): string {
  return `&(${textAddress(BigInt(start))}/${hex(end - start)})=nil, ${hex(end - start)}`;
}

function operand(fd: Operand): string {
  return 'resource' in fd ? `r${fd.resource}` : hex(BigInt.asUintN(64, BigInt(fd.fd)));
}

function propsText(props: Props): string {
  const parts: string[] = [];
  if (props.async) parts.push('async');
  if (props.failNth !== undefined) parts.push(`fail_nth: ${props.failNth}`);
  if (props.rerun !== undefined) parts.push(`rerun: ${props.rerun}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function stepLines(step: Step): string[] {
  const props = propsText(step.props);
  switch (step.call) {
    case 'open':
      return [openText(step.path, step.make) + props];
    case 'close':
      return [`close(${operand(step.fd)})${props}`];
    case 'dup':
      return [`r${step.make} = dup(${operand(step.fd)})${props}`];
    case 'ioctl':
      return ioctlLines(step, props);
    case 'read':
      return [`read(${operand(step.fd)}, &(${SCRATCH})=""/${step.length}, ${hex(step.length)})${props}`];
    case 'write': {
      const data = Buffer.from(step.bytes).toString('hex');
      return [`write(${operand(step.fd)}, &(${SCRATCH})="${data}", ${hex(step.length)})${props}`];
    }
    case 'mmap': {
      const { address, length, prot, flags, fd, offset } = step;
      const pages = length === 0n ? PAGE : (length + PAGE - 1n) & -PAGE;
      const place = `&(${textAddress(address)}/${hex(pages)})=nil`;
      return [
        `mmap$IOMMUFD(${place}, ${hex(length)}, ${hex(prot)}, ${hex(flags)}, ${operand(fd)}, ${hex(offset)})${props}`,
      ];
    }
    case 'munmap':
      return [`munmap(&(${textAddress(step.address)}/${hex(step.length)})=nil, ${hex(step.length)})${props}`];
    case 'memfd':
      return [
        `r${step.make} = memfd_create(&(${SCRATCH})='ioasis\\x00', ${step.huge ? '0x4' : '0x0'})${props}`,
        `ftruncate(r${step.make}, ${hex(step.size)})`,
      ];
    case 'ftruncate':
      return [`ftruncate(${operand(step.fd)}, ${hex(step.size)})${props}`];
    case 'cred': {
      const { uid, memlock, capEff } = step;
      return [`${FACT} cred ${JSON.stringify({ uid, memlock, capEff })}`];
    }
    case 'memory':
      return [`${FACT} memory ${JSON.stringify(step.memory)}`];
  }
}

function openText(path: string, make: number): string {
  const variant = path === '/dev/iommu' ? 'iommufd' : path === '/dev/vfio/vfio' ? 'vfio' : 'vfio_device';
  return `r${make} = openat$${variant}(${AT_FDCWD}, &(${SCRATCH})='${path}\\x00', ${O_RDWR}, 0x0)`;
}

function ioctlLines(step: IoctlStep, props: string): string[] {
  const facts = step.file === undefined ? [] : [`${FACT} file ${JSON.stringify(step.file)}`];
  const returned = step.makes.find(({ field }) => field === '');
  const result = returned === undefined ? '' : `r${returned.resource} = `;
  const { name, argument } = structText(step);
  const args = [operand(step.fd), hex(step.request), ...(argument === undefined ? [] : [argument])];
  return [...facts, `${result}${name}(${args.join(', ')})${props}`];
}
