/** The memory of a program in C: the data area, and of the rest what some struct points into, as it comes and goes. */
import { hex } from '../events/hex.ts';
import { ARENA_SETUP } from './c-export-prelude.ts';
import type { IoctlStep, Program } from './program.ts';
import { roleOf } from './program-fields.ts';
import { ARENA_END, ARENA_START, inArena } from './program-memory.ts';
import type { Vma } from './recording.ts';
import { callNameOf, fieldsOf } from './syz-fields.ts';

/** User addresses [start, end). */
type Range = Readonly<{ start: number; end: number }>;

/** With rights as PROT_ names. */
type Stretch = Range & Readonly<{ prot: string }>;

/** Bytes: a call that names more than this is not meant to find memory behind all of them. */
const LENGTH_MOST = 1n << 32n;

export class ProgramMemory {
  private readonly memory: readonly Vma[];
  /** Where structs point outside the data area. */
  private readonly pages: readonly Range[];
  private mapped: readonly Stretch[] = [];

  constructor(program: Program) {
    this.memory = program.memory;
    this.pages = program.steps
      .flatMap((step) => (step.call === 'ioctl' ? pagesOf(step) : []))
      .filter(({ start }) => !inArena(BigInt(start)));
  }

  /** Lines that map what the program begins with. */
  begin(): string[] {
    return [...arenaCode(this.memory), ...this.become(this.memory)];
  }

  /** Lines after which memory outside the data area is as told; what stays is not touched, so that its pages stay too. */
  become(memory: readonly Vma[]): string[] {
    const before = this.mapped;
    const after = this.touched(memory);
    this.mapped = after;
    const ends = [...before, ...after].flatMap(({ start, end }) => [start, end]);
    const borders = [...new Set(ends)].sort((one, other) => one - other);
    return borders.slice(1).flatMap((end, index) => {
      const start = borders[index] ?? end;
      return changeCode(start, end - start, protAt(before, start), protAt(after, start));
    });
  }

  private touched(memory: readonly Vma[]): Stretch[] {
    return memory
      .map(([start, end, rights]) => ({ start: Number(start), end: Number(end), prot: protOf(rights) }))
      .filter(({ start, end }) => end <= ARENA_START || start >= ARENA_END)
      .filter(({ start, end }) => this.pages.some((range) => range.start < end && range.end > start));
  }
}

function protAt(stretches: readonly Stretch[], address: number): string | undefined {
  return stretches.find(({ start, end }) => address >= start && address < end)?.prot;
}

function changeCode(
  start: number,
  length: number,
  before: string | undefined,
  after: string | undefined,
): string[] {
  if (before === after) return [];
  if (after === undefined) return [`\tmunmap((void *)${hex(start)}UL, ${hex(length)}UL);`];
  if (before === undefined) return [`\tmap_at(${hex(start)}UL, ${hex(length)}UL, ${after});`];
  return [`\tmprotect((void *)${hex(start)}UL, ${hex(length)}UL, ${after});`];
}

function arenaCode(memory: readonly Vma[]): string[] {
  const lines = [ARENA_SETUP];
  let from = ARENA_START;
  for (const [start, end, rights] of memory.filter(([one]) => inArena(BigInt(one)))) {
    if (Number(start) > from) lines.push(`\tmunmap((void *)${hex(from)}UL, ${hex(Number(start) - from)});`);
    if (rights !== 'rw-p')
      lines.push(`\tmprotect((void *)${start}UL, ${hex(Number(end) - Number(start))}, ${protOf(rights)});`);
    from = Number(end);
  }
  if (from < ARENA_END) lines.push(`\tmunmap((void *)${hex(from)}UL, ${hex(ARENA_END - from)});`);
  return lines;
}

function protOf(rights: string): string {
  const parts = [rights[0] === 'r' ? 'PROT_READ' : '', rights[1] === 'w' ? 'PROT_WRITE' : ''].filter(Boolean);
  return parts.length === 0 ? 'PROT_NONE' : parts.join(' | ');
}

/** Where the struct points, as far as its length says. */
function pagesOf(step: IoctlStep): Range[] {
  const entry = callNameOf(step)?.entry;
  if (entry === undefined) return [];
  const view = new DataView(step.bytes.buffer, step.bytes.byteOffset, step.bytes.length);
  const words = fieldsOf(entry.layout).filter(({ at, width }) => width === 8 && at + 8 <= step.bytes.length);
  const length = words.find(({ name }) => name === 'length');
  const bytes = length === undefined ? 1n : view.getBigUint64(length.at, true);
  return words
    .filter(({ name }) => roleOf(entry.type, name)?.is === 'pages')
    .map(({ at }) => {
      const start = view.getBigUint64(at, true);
      return {
        start: Number(start),
        end: Number(start + (bytes > LENGTH_MOST || bytes === 0n ? 1n : bytes)),
      };
    });
}
