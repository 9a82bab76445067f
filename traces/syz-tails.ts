/** Structs that claim to be longer than the text shows them: what lies behind them in the data area. */
import type { IoctlStep, Step } from './program.ts';
import { inArena } from './program-memory.ts';

type Extent = Readonly<{ start: bigint; end: bigint; step: Step }>;

/** Nobody writes structs that are longer, however long they claim to be. */
const TAIL_MAX = 0x1_0000;

/**
 * The data area is zero where no call put anything, so a struct whose size word reaches past its text goes on with zeros, up to
 * what some call has put there.
 */
export function withTails(steps: readonly Step[]): Step[] {
  if (!steps.some((step) => step.call === 'ioctl' && claimed(step) > step.bytes.length)) return [...steps];
  const taken = steps.flatMap(extentsOf);
  return steps.map((step) => (step.call === 'ioctl' ? withTail(step, taken) : step));
}

function claimed({ bytes }: IoctlStep): number {
  return bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true);
}

function extentsOf(step: Step): Extent[] {
  if (step.call !== 'ioctl') return [];
  const own = { start: step.arg, end: step.arg + BigInt(step.bytes.length), step };
  if (step.second === undefined) return [own];
  const { address, bytes } = step.second;
  return [own, { start: address, end: address + BigInt(bytes.length), step }];
}

function withTail(step: IoctlStep, taken: readonly Extent[]): IoctlStep {
  const size = Math.min(claimed(step), TAIL_MAX);
  const start = step.arg + BigInt(step.bytes.length);
  const end = step.arg + BigInt(size);
  const free = !taken.some((one) => one.step !== step && one.start < end && one.end > start);
  if (size <= step.bytes.length || !free || !inArena(step.arg, BigInt(size))) return step;
  const bytes = new Uint8Array(size);
  bytes.set(step.bytes);
  return { ...step, bytes };
}
