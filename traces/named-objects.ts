/** Which objects a call's struct names: what a person wants to see beside a result that surprises. */
import { IOMMU_TEST_CMD } from '../events/ioctl-number.ts';
import { objectAt } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import { containerIoctls, deviceIoctls, type IoctlEntry, nativeIoctls, testEntry } from './ioctl-table.ts';
import type { IoctlLine } from './recording.ts';

const idField = /(^i|I)d$/;
const outField = /^out/;
/** Operations of the mock whose `id` is a descriptor. */
const byDescriptor = /^Test(Access|DestroyAccess)/;
const OP_OFFSET = 4;
const HEX = 2;
const WORD = 4;

/** The 32-bit word at byte `offset` of the struct before the call; undefined where the recording ends before it. */
function wordAt(line: IoctlLine, offset: number): number | undefined {
  const digits = line.in.slice(offset * HEX, (offset + WORD) * HEX);
  return digits.length < WORD * HEX ? undefined : Buffer.from(digits, 'hex').readUInt32LE(0);
}

function entryOf(line: IoctlLine): IoctlEntry | undefined {
  const number = Number(line.req);
  if (line.kind === 'vfio-dev') return deviceIoctls.get(number);
  if (number === IOMMU_TEST_CMD) return testEntry(wordAt(line, OP_OFFSET) ?? 0, Number.POSITIVE_INFINITY);
  return nativeIoctls.get(number) ?? containerIoctls.get(number);
}

/** `pt_id 7 (ioas)`, `dev_id 3 (none)`, … in the order of the struct, as they are in `context`; an id of 0 names nothing. */
export function namedObjects(line: IoctlLine, context: Context | undefined): string[] {
  const named: string[] = [];
  const entry = entryOf(line);
  for (const [name, [header, offset, type]] of Object.entries(entry?.layout.fields ?? {})) {
    if (type !== 'u32' || !idField.test(name) || outField.test(name)) continue;
    if (name === 'id' && byDescriptor.test(entry?.type ?? '')) continue;
    const id = wordAt(line, offset);
    if (id === undefined || id === 0) continue;
    const object = context === undefined ? undefined : objectAt(context, id);
    named.push(`${header} ${id} (${object?.kind ?? 'none'})`);
  }
  return named;
}
