/** One thing wrong with a call that was right: its size, its memory, a flag, an id, a number near an edge. */
import type { StructLayout } from './decode-struct.ts';
import type { Draft } from './fuzz-draft.ts';
import { bent, ODD_NUMBERS } from './fuzz-values.ts';
import { roleOf } from './program-fields.ts';
import { ARENA_END, HOLE_START, READ_ONLY_START } from './program-memory.ts';

/** Its `op` says which command it is. */
const TEST_STRUCT = 'iommu_test_cmd';

/** What becomes of the struct: where it lies and how many of its bytes can be read there. */
export type Placement = Readonly<{ arg: bigint; bytes: Uint8Array }>;

/** Spoils the draft; answers where its struct lies, `at` being the place of a good one. */
export function spoil(draft: Draft, at: bigint): Placement {
  const { random } = draft;
  switch (random.below(8)) {
    case 0:
      return badSize(draft, at);
    case 1:
      return badPlace(draft);
    case 2:
    case 3:
      bendField(draft, 'number');
      break;
    default:
      bendField(draft, 'any');
  }
  return { arg: at, bytes: draft.bytes() };
}

/** The first word is the size, or argsz, of every struct. */
function badSize(draft: Draft, at: bigint): Placement {
  const { random, layout, view } = draft;
  const { size, minSize } = layout;
  const longer = size + random.pick([1, 8, 64]);
  const chosen = random.pick([0, 3, minSize - 1, minSize, size - 1, size - 4, longer, longer, 200]);
  view.setUint32(0, chosen, true);
  if (chosen > size && random.chance(0.2)) return { arg: BigInt(ARENA_END - size), bytes: draft.bytes() };
  if (chosen <= size) return { arg: at, bytes: draft.bytes() };
  const bytes = draft.bytes(Math.min(chosen, 256));
  if (random.chance(0.5)) bytes[bytes.length - 1] = 1;
  return { arg: at, bytes };
}

/** Unreadable, read-only, or readable only in its first bytes. */
function badPlace(draft: Draft): Placement {
  const { random } = draft;
  switch (random.below(4)) {
    case 0:
      return { arg: random.pick([0n, BigInt(HOLE_START)]), bytes: new Uint8Array(0) };
    case 1: {
      const readable = random.pick([4, 8, 16, 4]);
      const end = random.pick([HOLE_START, ARENA_END]);
      return { arg: BigInt(end - readable), bytes: draft.bytes(readable) };
    }
    default:
      return { arg: BigInt(READ_ONLY_START) + BigInt(random.below(16)) * 0x100n, bytes: draft.bytes() };
  }
}

const namesByLayout = new Map<StructLayout, readonly string[]>();

function namesOf(layout: StructLayout): readonly string[] {
  let names = namesByLayout.get(layout);
  if (names === undefined) {
    names = Object.keys(layout.fields);
    namesByLayout.set(layout, names);
  }
  return names;
}

function bendField(draft: Draft, which: 'number' | 'any'): void {
  const { random, layout, type } = draft;
  const names = namesOf(layout);
  for (let tries = 0; tries < 8; tries++) {
    const name = names[1 + random.below(names.length - 1)];
    if (name === undefined || (name === 'op' && layout.name === TEST_STRUCT)) continue;
    const role = roleOf(type, name);
    const kind = layout.fields[name]?.[2];
    if (role?.is === 'made-id' || role?.is === 'made-descriptor') continue;
    if (which === 'number' && role?.is === 'id') continue;
    if (role?.is === 'id' || role?.is === 'descriptor') bendName(draft, name);
    else if (kind === 'u64')
      draft.set64(name, bent(random, draft.view.getBigUint64(offset(draft, name), true)));
    else bendWord(draft, name);
    return;
  }
}

function offset(draft: Draft, name: string): number {
  return draft.layout.fields[name]?.[1] ?? 0;
}

function bendWord(draft: Draft, name: string): void {
  const { random } = draft;
  const at = offset(draft, name);
  if (draft.layout.fields[name]?.[2] === 'u24' || draft.layout.fields[name]?.[2] === 'u8')
    draft.view.setUint8(at, 1);
  else if (random.chance(0.5)) draft.set(name, random.pick(ODD_NUMBERS) & 0xffff_ffff);
  else if (draft.layout.fields[name]?.[2] === 'u16') draft.set(name, random.below(4));
  else draft.set(name, draft.view.getUint32(at, true) ^ (1 << random.below(32)));
}

/** Another object's name, that of one that is gone, or a number that was never one. */
function bendName(draft: Draft, name: string): void {
  const { random, names, context } = draft;
  const at = offset(draft, name);
  draft.uses = draft.uses.filter((use) => use.at !== at);
  const stale = names.stale;
  if (stale.length > 0 && random.chance(0.35)) {
    draft.uses.push({ at, width: 4, resource: random.pick(stale) });
    return;
  }
  const ids = context.objects.length;
  if (ids > 1 && random.chance(0.6)) {
    const id = 1 + random.below(ids - 1);
    draft.object(name, id);
    return;
  }
  draft.view.setUint32(at, random.pick([0, ids, 0x7fff_ffff, 0xffff_ffff]), true);
}
