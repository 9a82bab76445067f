/** How the commands of address spaces are filled. */
import { U64_MAX } from '../events/u64.ts';
import { type Area, areaCount, nextAfter, nthArea } from '../machines/area-tree.ts';
import type { Ioas } from '../machines/objects.ts';
import type { Draft, Fills } from './fuzz-draft.ts';
import {
  EDGE_ADDRESSES,
  EDGE_IOVAS,
  EDGE_LENGTHS,
  mostly,
  ODD_LENGTHS,
  USUAL_ADDRESSES,
  USUAL_IOVAS,
  USUAL_LENGTHS,
  WRAPPING,
} from './fuzz-values.ts';
import { DESTROYABLE } from './program-fields.ts';

const FIXED = 1;
const WRITEABLE = 2;
const READABLE = 4;
const SYZKALLER = 0x1_0000;
const PAGE = 0x1000n;
const RANGE_BYTES = 16;

/** An area of the IOAS, each as likely as another. */
export function anyArea(draft: Draft, ioas: Ioas): Area | undefined {
  const count = areaCount(ioas.areas);
  return count === 0 ? undefined : nthArea(ioas.areas, draft.random.below(count));
}

export function usualIova(draft: Draft): bigint {
  return mostly(draft.random, draft.edge, USUAL_IOVAS, EDGE_IOVAS);
}

export function usualLength(draft: Draft): bigint {
  return mostly(draft.random, draft.edge, USUAL_LENGTHS, EDGE_LENGTHS);
}

export function usualAddress(draft: Draft): bigint {
  return mostly(draft.random, draft.edge * 1.5, USUAL_ADDRESSES, EDGE_ADDRESSES);
}

/** [iova, length] of an area, of a part of one, of one and what follows, or of nothing in particular. */
export function rangeIn(draft: Draft, ioas: Ioas): [bigint, bigint] {
  const { random } = draft;
  const area = anyArea(draft, ioas);
  if (area === undefined || random.chance(draft.edge)) return [usualIova(draft), usualLength(draft)];
  const length = (area.last - area.iova + 1n) & U64_MAX;
  switch (random.below(8)) {
    case 0:
      return [area.iova, length > PAGE ? length - PAGE : length];
    case 1:
      return length > PAGE ? [area.iova + PAGE, length - PAGE] : [area.iova, length];
    case 2:
      return [area.iova, random.pick(USUAL_LENGTHS)];
    case 3:
      return [area.iova, (length + PAGE) & U64_MAX];
    case 4: {
      const next = nextAfter(ioas.areas, area.last);
      return [area.iova, next === undefined ? length : (next.last - area.iova + 1n) & U64_MAX];
    }
    default:
      return [area.iova, length];
  }
}

function flags(draft: Draft, fixed: boolean): number {
  const { random } = draft;
  const access = random.chance(0.7) ? WRITEABLE | READABLE : random.pick([READABLE, WRITEABLE, READABLE]);
  return (fixed ? FIXED : 0) | access;
}

/** A fresh place for `length` bytes next to an area, or at a usual IOVA. */
function target(draft: Draft, ioas: Ioas): bigint {
  const area = draft.random.chance(0.3) ? anyArea(draft, ioas) : undefined;
  return area === undefined ? usualIova(draft) : (area.last + 1n) & U64_MAX;
}

function map(draft: Draft, source: (draft: Draft) => void): void {
  const ioas = draft.live('ioasId', 'ioas');
  if (ioas === undefined) return;
  const fixed = draft.random.chance(0.75);
  draft.set('flags', flags(draft, fixed));
  draft.set64('length', usualLength(draft));
  draft.set64('iova', fixed ? target(draft, ioas) : 0n);
  if (ioas.align === 1 && fixed && draft.random.chance(0.2)) oddLength(draft, ioas);
  source(draft);
}

/** Bytes of half a page: what two areas fill together can be aligned although neither is. */
const HALF_PAGE = 0x800n;

/** An area that only an IOAS without domains takes, or one that begins where such a one ends and fills up its half page. */
function oddLength(draft: Draft, ioas: Ioas): void {
  const before = anyArea(draft, ioas);
  const rest = before === undefined ? 0n : (before.last + 1n) % HALF_PAGE;
  draft.set64('length', rest === 0n ? draft.random.pick(ODD_LENGTHS) : HALF_PAGE - rest);
  if (before !== undefined && rest !== 0n) draft.set64('iova', (before.last + 1n) & U64_MAX);
}

/** Where sums wrap: near the end of 64 bits. */
function wrapping(draft: Draft): void {
  const [address, length] = draft.random.pick(WRAPPING);
  draft.set64('userVa', address);
  draft.set64('length', length);
  if (length > 0x1_0000n) draft.set64('iova', 0n);
}

const FILE_OFFSETS: readonly bigint[] = [0n, PAGE, 2n * PAGE, 0x800n, 0x1_0000n];

export const ioasFills: Fills = {
  Destroy: (draft) => {
    const { random } = draft;
    const kind = random.pick(DESTROYABLE);
    const found = draft.find(kind) ?? draft.find(random.pick(DESTROYABLE));
    if (found === undefined) draft.want = kind;
    else draft.object('id', found.id);
  },
  IoasAlloc: (draft) => draft.make('outIoasId'),
  IoasAllowIovas: (draft) => {
    const ioas = draft.live('ioasId', 'ioas');
    if (ioas === undefined) return;
    const count = draft.random.below(4);
    draft.set('numIovas', count);
    draft.buffer('allowedIovas', ranges(draft, ioas, count));
  },
  IoasIovaRanges: (draft) => {
    draft.live('ioasId', 'ioas');
    const count = draft.random.pick([0, 1, 1, 2, 3, 4, 8]);
    draft.set('numIovas', count);
    draft.buffer('allowedIovas', new Uint8Array(count * RANGE_BYTES));
  },
  IoasMap: (draft) => {
    map(draft, (one) => one.set64('userVa', usualAddress(one)));
    if (draft.random.chance(draft.edge * 0.2)) wrapping(draft);
  },
  IoasMapFile: (draft) =>
    map(draft, (one) => {
      one.descriptor('fd', one.random.chance(0.3) && one.isMock ? 'dmabuf' : 'file');
      one.set64('start', one.random.pick(FILE_OFFSETS));
    }),
  IoasCopy: (draft) => {
    const source = draft.live('srcIoasId', 'ioas', (ioas) => areaCount(ioas.areas) > 0, 'area');
    const goal = draft.live('dstIoasId', 'ioas');
    if (source === undefined || goal === undefined) return;
    const fixed = draft.random.chance(0.7);
    const [iova, length] = rangeIn(draft, source);
    const byNumber = draft.random.chance(0.1);
    draft.set('flags', flags(draft, fixed) | (byNumber ? SYZKALLER : 0));
    draft.set64('srcIova', byNumber ? BigInt(draft.random.below(3)) : iova);
    draft.set64('length', length);
    draft.set64('dstIova', fixed ? target(draft, goal) : 0n);
  },
  IoasUnmap: (draft) => {
    const ioas = draft.live('ioasId', 'ioas');
    if (ioas === undefined) return;
    const all = draft.random.chance(0.1);
    const [iova, length] = all ? [0n, U64_MAX] : rangeIn(draft, ioas);
    draft.set64('iova', iova);
    draft.set64('length', length);
  },
  IoasChangeProcess: () => {},
  IoasNoiommuGetPa: (draft) => {
    const ioas = draft.live('ioasId', 'ioas', (one) => areaCount(one.areas) > 0, 'area');
    if (ioas === undefined) return;
    const [iova, length] = rangeIn(draft, ioas);
    draft.set64('iova', iova);
    draft.set64('length', length);
  },
  Option: (draft) => {
    const { random } = draft;
    const huge = random.chance(0.8);
    draft.set('optionId', huge ? 1 : 0);
    if (huge) draft.live('objectId', 'ioas');
    draft.set('op', random.chance(0.75) ? 0 : 1);
    draft.set('val64', random.chance(0.95) ? random.below(2) : 2);
  },
  VfioIoas: (draft) => {
    const op = draft.aim === 'compat' ? 1 : draft.random.pick([0, 1, 1, 1, 2]);
    draft.set('op', op);
    if (op === 1) draft.live('ioasId', 'ioas');
  },
};

/** struct iommu_iova_range, ascending as a rule. */
function ranges(draft: Draft, ioas: Ioas, count: number): Uint8Array {
  const { random } = draft;
  const bytes = new Uint8Array(count * RANGE_BYTES);
  const view = new DataView(bytes.buffer);
  let from = 0x100_0000n;
  for (let index = 0; index < count; index++) {
    const area = random.chance(0.3) ? anyArea(draft, ioas) : undefined;
    const start = random.chance(0.1) ? random.pick(EDGE_IOVAS) : (area?.iova ?? from);
    const length = random.pick(USUAL_LENGTHS) * 8n;
    const last = random.chance(0.08) ? start : (start + length - 1n) & U64_MAX;
    view.setBigUint64(index * RANGE_BYTES, start, true);
    view.setBigUint64(index * RANGE_BYTES + 8, last, true);
    from = last + (random.chance(0.1) ? 0n : 0x1_0001n);
  }
  return bytes;
}
