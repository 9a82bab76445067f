/** User pages and IOVAs of a program under canonical names: the first that appears is the first of its kind. */
import { Renaming } from '../explore/renaming.ts';
import type { IoctlStep, Program } from './program.ts';
import { roleOf } from './program-fields.ts';
import { PAGES_LENGTH, PAGES_START } from './program-memory.ts';
import { callNameOf, fieldsOf } from './syz-fields.ts';

const PAGE = 0x1000n;
const FIRST_IOVA = 0x100_0000n;
const LAST_IOVA = 0x110_0000n;
const IOVA_FIELDS: ReadonlySet<string> = new Set([
  'iova',
  'dstIova',
  'srcIova',
  'start',
  'addr',
  'nestingParentIova',
]);

/**
 * The program with its pages renamed. Distances between pages change, so whoever depends on them has to look whether the
 * program still does what it did.
 */
export function renamedAddresses(program: Program): Program {
  const users = new Renaming();
  const iovas = new Renaming();
  const steps = program.steps.map((step) => {
    if (step.call !== 'ioctl') return step;
    return renamed(step, (name, value) => {
      const type = callNameOf(step)?.entry.type;
      if (
        roleOf(type, name)?.is === 'pages' &&
        value >= BigInt(PAGES_START) &&
        value < BigInt(PAGES_START + PAGES_LENGTH)
      )
        return place(users, value, BigInt(PAGES_START));
      if (IOVA_FIELDS.has(name) && value >= FIRST_IOVA && value < LAST_IOVA)
        return place(iovas, value, FIRST_IOVA);
      return value;
    });
  });
  return { ...program, steps };
}

function place(names: Renaming, value: bigint, first: bigint): bigint {
  return first + BigInt(names.nameOf(Number(value / PAGE))) * PAGE + (value % PAGE);
}

function renamed(step: IoctlStep, rename: (name: string, value: bigint) => bigint): IoctlStep {
  const entry = callNameOf(step)?.entry;
  if (entry === undefined) return step;
  const bytes = Uint8Array.from(step.bytes);
  const view = new DataView(bytes.buffer);
  for (const { name, at, width } of fieldsOf(entry.layout)) {
    if (width !== 8 || at + 8 > bytes.length) continue;
    view.setBigUint64(at, rename(name, view.getBigUint64(at, true)), true);
  }
  return { ...step, bytes };
}
