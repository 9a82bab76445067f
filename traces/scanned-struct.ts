/**
 * The bytes of the structs that were scanned last: the scanner looks at each digit anyway, and the engine, some lines behind it,
 * need not read them again. A cache by the identity of the line: of one that is not here, the line's own text tells.
 */
import type { IoctlLine } from './recording.ts';

/** More than the lines that are read and not yet replayed, where these have results. */
const SLOTS = 128;
/** The recorder writes no more of a struct. */
export const SLOT_BYTES = 256;

const owners: (IoctlLine | undefined)[] = new Array(SLOTS).fill(undefined);
const args = new Float64Array(SLOTS);

/** All slots, one after another: the struct before the call, and after it. */
export const scannedBytes = new Uint8Array(SLOTS * 2 * SLOT_BYTES);
export const scannedPairs = new Uint16Array(scannedBytes.buffer);
export const scannedView = new DataView(scannedBytes.buffer);

/** Where in `scannedBytes` the struct of the line with this sequence number stands. */
export function slotAt(seq: number): number {
  return (seq % SLOTS) * 2 * SLOT_BYTES;
}

/** Where the struct after the call stands, if the line has one. */
export function outSlotAt(seq: number): number {
  return slotAt(seq) + SLOT_BYTES;
}

/** Where to write the struct of the line with this sequence number; whatever is there is given up. */
export function takeSlot(seq: number): number {
  owners[seq % SLOTS] = undefined;
  return slotAt(seq);
}

/** The bytes of the line's structs are in its slot. `arg`: the user address of the struct, or NaN where a double cannot hold it. */
export function keepScanned(line: IoctlLine, arg: number): void {
  const slot = line.seq % SLOTS;
  owners[slot] = line;
  args[slot] = arg;
}

/** Whether the slot of this line holds its bytes. */
export function isScanned(line: IoctlLine): boolean {
  return owners[line.seq % SLOTS] === line;
}

/** The user address of the struct of a line that is scanned, or NaN. */
export function scannedArg({ seq }: IoctlLine): number {
  return args[seq % SLOTS] as number;
}
