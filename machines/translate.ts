/** What DMA meets: the walk from (RID, PASID, IOVA) to memory of a user, or to the fault, as the tables are programmed. */
import type { FaultKind } from '../events/dma.ts';
import { hex } from '../events/hex.ts';
import type { Range } from '../events/ioas.ts';
import { type AddressSpace, vmaAt } from './address-space.ts';
import { type Area, areaAt } from './area-tree.ts';
import {
  entryAt,
  isTranslating,
  msiWindow,
  type NestedEntry,
  type PagingEntry,
  type RidState,
} from './hardware.ts';
import { type StageFormat, stageFormat } from './hardware-stage.ts';
import { PROT_READ, PROT_WRITE, pagesAt } from './mapping.ts';
import { type HwptPaging, mustBe } from './objects.ts';
import { type Pages, pinnedPage } from './pages.ts';
import { stage1Choice } from './stage1.ts';
import type { Context, World } from './world.ts';

/** Where a byte lies. `stillThere` is false when the owner's address shows another page by now. */
export type Target =
  | Readonly<{ kind: 'process'; pid: number; address: bigint; page: string; stillThere: boolean | undefined }>
  | Readonly<{ kind: 'file'; ino: number; offset: bigint; page: string }>
  | Readonly<{ kind: 'dmabuf'; file: number; offset: bigint }>;

export type Answer =
  /** Contiguous in the area up to `last`. */
  | Readonly<{
      kind: 'memory';
      target: Target;
      read: boolean;
      write: boolean;
      last: bigint;
      ioasId: number;
      hwptId: number;
    }>
  /** The address is used as it is. */
  | Readonly<{ kind: 'untranslated' }>
  /** A write here is an interrupt and meets no DMA translation. */
  | Readonly<{ kind: 'interrupt'; last: bigint }>
  | Readonly<{ kind: 'fault'; fault: FaultKind; why: string }>
  /** `missing` is the fact that nobody recorded. */
  | Readonly<{ kind: 'unknown'; missing: string }>;

/** One table that the hardware reads on the way. */
export type WalkStep = Readonly<{
  level: 'rid' | 'pasid' | 'stage-1' | 'stage-2' | 'memory';
  /** What it finds there. */
  finds: string;
}>;

export type Translation = Readonly<{
  rid: string;
  pasid: number;
  iova: bigint;
  steps: readonly WalkStep[];
  answer: Answer;
}>;

type Walk = { readonly world: World; readonly state: RidState; readonly iova: bigint; steps: WalkStep[] };

/** PASID tables of these drivers' nested RIDs belong to user space. */
const USER_PASID_TABLE: ReadonlySet<string> = new Set(['arm-smmu-v3', 'mock']);

/**
 * The answer for one byte at `iova`. It follows the tables, not the caches; reads no result and changes nothing.
 * Kernel functions behind the leaves: iopt_area_fill_domain(), iopt_area_unfill_domain().
 */
export function translate(world: World, rid: string, pasid: number, iova: bigint): Translation {
  const state = world.hardware.rids.get(rid);
  if (state === undefined) {
    const finds = 'the default domain: no context has bound this device or one of its group';
    const missing = `what the kernel's own domain maps for ${rid}, which no context has bound`;
    const answer = { kind: 'unknown', missing } as const;
    return { rid, pasid, iova, steps: [{ level: 'rid', finds }], answer };
  }
  const walk: Walk = { world, state, iova, steps: [] };
  const answer = interrupt(walk) ?? walkEntries(walk, pasid);
  return { rid, pasid, iova, steps: walk.steps, answer };
}

function fault(kind: FaultKind, why: string): Answer {
  return { kind: 'fault', fault: kind, why };
}

/** On x86 the window of message interrupts is decoded before DMA is remapped. */
function interrupt({ state, iova, steps }: Walk): Answer | undefined {
  const window = state.traits.reserved.find(
    ({ start, last, type }) => type === 'msi' && start <= iova && iova <= last,
  );
  if (window === undefined) return undefined;
  steps.push({
    level: 'rid',
    finds: `the window of message interrupts ${hex(window.start)}..${hex(window.last)}`,
  });
  return { kind: 'interrupt', last: window.last };
}

function walkEntries(walk: Walk, pasid: number): Answer {
  const { world, state, steps } = walk;
  const { traits } = state;
  const rid = entryAt(world.hardware, state.rid, 0);
  if (rid === undefined) throw new Error(`invariant: RID ${state.rid} has no entry`);
  if (pasid === 0) {
    steps.push({ level: 'rid', finds: rid.kind });
    if (rid.kind === 'blocked') return fault('blocked', whyBlocked(state));
    if (rid.kind === 'identity') return { kind: 'untranslated' };
    return isTranslating(rid)
      ? walkStages(walk, rid)
      : { kind: 'unknown', missing: "what the kernel's own domain maps" };
  }
  if (traits.maxPasids === 0 || pasid >= traits.maxPasids) {
    const why = traits.maxPasids === 0 ? 'the device has no PASIDs' : `PASIDs end at ${traits.maxPasids - 1}`;
    return fault('pasid-width', why);
  }
  steps.push({ level: 'rid', finds: rid.kind });
  const entry = entryAt(world.hardware, state.rid, pasid);
  if (entry === undefined && rid.kind === 'nested' && USER_PASID_TABLE.has(traits.driver)) {
    steps.push({ level: 'pasid', finds: 'a PASID table in user memory' });
    return { kind: 'unknown', missing: 'the PASID table that user space keeps in its memory' };
  }
  steps.push({ level: 'pasid', finds: entry === undefined ? 'not present' : entry.kind });
  if (entry === undefined) return fault('pasid-not-present', `nothing is attached to PASID ${pasid}`);
  if (entry.kind === 'sva') return { kind: 'unknown', missing: `the page table of process ${entry.pid}` };
  return isTranslating(entry) ? walkStages(walk, entry) : fault('blocked', `PASID ${pasid} is blocked`);
}

function whyBlocked({ deviceId, leftBlocked }: RidState): string {
  if (leftBlocked)
    return 'the IOMMU driver blocked it before it refused a HWPT; what is attached is not programmed';
  return deviceId === 0
    ? 'its group belongs to a context and is attached to nothing'
    : 'the device is bound and attached to nothing';
}

function contextOf(world: World, id: number): Context {
  const context = world.contexts.get(id);
  if (context === undefined) throw new Error(`invariant: the hardware names context ${id}, which is gone`);
  return context;
}

function walkStages(walk: Walk, entry: PagingEntry | NestedEntry): Answer {
  const context = contextOf(walk.world, entry.context);
  if (entry.kind === 'paging') return walkTable(walk, context, mustBe(context, entry.hwptId, 'hwpt-paging'));
  const choice = stage1Choice(walk.state.traits.driver, mustBe(context, entry.hwptId, 'hwpt-nested').data);
  walk.steps.push({ level: 'stage-1', finds: `HWPT ${entry.hwptId}, ${choice.finds}` });
  if (choice.kind === 'abort') return fault('stage-1-abort', choice.finds);
  if (choice.kind === 'bypass')
    return walkTable(walk, context, mustBe(context, entry.parentId, 'hwpt-paging'));
  return { kind: 'unknown', missing: 'the stage-1 page table that user space keeps in its memory' };
}

/** One page table that iommufd fills: every area of its IOAS, with the area's permissions. */
function walkTable(walk: Walk, context: Context, hwpt: HwptPaging): Answer {
  const { iova, steps } = walk;
  const { start, last } = hwpt.domain.aperture;
  const format = stageFormat(hwpt);
  const level = format.stage === 1 ? 'stage-1' : 'stage-2';
  const table = `HWPT ${hwpt.id} (${hwpt.domain.format})`;
  if (iova < start || iova > last) {
    steps.push({ level, finds: `${table}, which ends at ${hex(last)}` });
    return fault('address-width', `${hex(iova)} is outside ${hex(start)}..${hex(last)} of HWPT ${hwpt.id}`);
  }
  const area = areaAt(mustBe(context, hwpt.ioasId, 'ioas').areas, iova);
  const pages = area === undefined ? undefined : pagesAt(context, area.pagesId);
  const window = area === undefined ? msiPages(walk, context, hwpt) : undefined;
  if (window !== undefined) {
    const where = `${hex(window.start)}..${hex(window.last)}`;
    steps.push({
      level,
      finds: `${table}, the window ${where} in which the kernel maps pages for message interrupts`,
    });
    return { kind: 'unknown', missing: 'which message interrupts the device was given' };
  }
  if (area === undefined || pages === undefined || pages.detached) {
    steps.push({ level, finds: `${table}, no leaf at ${hex(iova)}` });
    const why =
      area === undefined
        ? `nothing is mapped at ${hex(iova)} of IOAS ${hwpt.ioasId}`
        : 'its dma-buf was revoked';
    return fault('not-present', why);
  }
  steps.push({ level, finds: `${table}, area ${hex(area.iova)}..${hex(area.last)} of IOAS ${hwpt.ioasId}` });
  const { target, last: end } = targetOf(walk.world, area, pages, iova);
  steps.push({ level: 'memory', finds: describe(target) });
  const rights = rightsOf(format, hwpt, area);
  return { kind: 'memory', target, ...rights, last: end, ioasId: hwpt.ioasId, hwptId: hwpt.id };
}

/** The window of message interrupts around the IOVA, of a RID that goes through this HWPT. */
function msiPages({ world, iova }: Walk, context: Context, hwpt: HwptPaging): Range | undefined {
  for (const rid of world.hardware.contexts.get(context.id) ?? []) {
    const state = world.hardware.rids.get(rid);
    const window = state === undefined ? undefined : msiWindow(state);
    if (state === undefined || window === undefined || iova < window.start || iova > window.last) continue;
    const entry = entryAt(world.hardware, rid, 0);
    const table = entry?.kind === 'nested' ? entry.parentId : entry?.kind === 'paging' ? entry.hwptId : 0;
    if (table === hwpt.id) return window;
  }
  return undefined;
}

/** Formats of CPU tables have no leaf that forbids reading; nest parents of VT-d are always writable. */
function rightsOf(format: StageFormat, hwpt: HwptPaging, area: Area): { read: boolean; write: boolean } {
  return {
    read: (area.prot & PROT_READ) !== 0 || format.readable,
    write: (area.prot & PROT_WRITE) !== 0 || (hwpt.nestParent && hwpt.domain.driver === 'intel-vtd'),
  };
}

function targetOf(world: World, area: Area, pages: Pages, iova: bigint): { target: Target; last: bigint } {
  const byte = area.startByte + (iova - area.iova);
  const address = pages.basePage * 4096n + byte;
  if (pages.kind === 'dmabuf')
    return { target: { kind: 'dmabuf', file: pages.ino, offset: address }, last: area.last };
  const index = Number(byte >> 12n);
  const held = pinnedPage(pages, index);
  const page = held === undefined ? 'not pinned' : `${held.key}#${held.page}`;
  if (pages.kind === 'file')
    return { target: { kind: 'file', ino: pages.ino, offset: address, page }, last: area.last };
  const stillThere =
    held === undefined ? undefined : shows(world.spaces.get(pages.spaceId), address, held.key);
  return { target: { kind: 'process', pid: pages.ownerPid, address, page, stillThere }, last: area.last };
}

/** Whether the owner's mapping at `address` still is the one that was pinned. */
function shows(space: AddressSpace | undefined, address: bigint, key: string): boolean | undefined {
  if (space === undefined || !space.known) return undefined;
  const vma = space.gone ? undefined : vmaAt(space, Number(address));
  if (vma === undefined) return false;
  return vma.shared ? undefined : vma.key === key;
}

function describe(target: Target): string {
  if (target.kind === 'process') return `process ${target.pid}, address ${hex(target.address)}`;
  if (target.kind === 'file') return `file with inode ${target.ino}, byte ${hex(target.offset)}`;
  return `dma-buf ${target.file}, byte ${hex(target.offset)}`;
}
