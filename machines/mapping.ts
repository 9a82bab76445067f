/** Putting slices of memory into an IOAS: the part that MAP, MAP_FILE, COPY and VFIO MAP_DMA share (io_pagetable.c). */
import type { MappedArea, NewPages } from '../events/ioas.ts';
import type { Capture } from '../events/memory.ts';
import { U64_MAX } from '../events/u64.ts';
import { firstIntersecting, forEachArea } from './area-tree.ts';
import { intersectsAny } from './intervals.ts';
import { chooseIova, couldChoose } from './iova-allocation.ts';
import { type Ioas, mustBe } from './objects.ts';
import { newTally, type PinSource, pinRange, type Tally } from './pinning.ts';
import { type Failure, isFailure, refuses, type Site } from './site.ts';
import type { Context } from './world.ts';

/** Below it the number of pages cannot wrap. */
const HUGE_LENGTH = 1n << 63n;
export const MAP_FIXED_IOVA = 1;
export const MAP_WRITEABLE = 2;
export const MAP_READABLE = 4;

/** IOMMU_READ and IOMMU_WRITE, as areas keep them. */
export const PROT_READ = 1;
export const PROT_WRITE = 2;

/** IOMMU_PROT of a map's flags. */
export function protOf(flags: number): number {
  return (flags & MAP_READABLE ? PROT_READ : 0) | (flags & MAP_WRITEABLE ? PROT_WRITE : 0);
}

/** Part of a pages object: byte offset and length. */
export type Slice = Readonly<{ source: PinSource; startByte: bigint; length: bigint }>;

export type MappingRequest = Readonly<{
  ioas: Ioas;
  slices: readonly Slice[];
  length: bigint;
  /** undefined: the kernel chooses. */
  iova: bigint | undefined;
  /** Source address of the first byte, which shapes the automatic choice. */
  addr: bigint;
  prot: number;
}>;

export const ALLOWED_UNKNOWN = 'the ranges that ALLOW_IOVAS allowed';

/** The low twelve bits: all that an alignment can ask for. */
function lowBitsOf(value: bigint): number {
  return Number(BigInt.asUintN(12, value));
}

/** `adrift`: the kernel chose an IOVA if it found one; this is only one that it could be. */
export type Mapping = Readonly<{
  iova: bigint;
  areas: MappedArea[];
  captures: readonly Capture[];
  adrift: boolean;
}>;

/** iopt_map_pages(): checks in the kernel's order; the areas that would appear, or why not. */
export function planMapping(site: Site, request: MappingRequest): Mapping | Failure {
  const { ioas, length } = request;
  const mask = ioas.align - 1;
  if (length === 0n || lowBitsOf(length) & mask) return { rule: 'map/length' };
  const iova = request.iova === undefined ? chosen(site, request) : fixed(ioas, request.iova, length);
  if (typeof iova !== 'bigint') return iova;
  // Where nobody knows what is allowed, there may have been no room, and then nothing after that was looked at.
  const unsure = request.iova === undefined && !ioas.allowedKnown && !site.trusting;
  const loaded = load(site, request, iova);
  if (unsure && isFailure(loaded) && !site.checking) return { missing: ALLOWED_UNKNOWN };
  if (isFailure(loaded)) return loaded;
  return { iova, ...loaded, adrift: unsure && !site.checking };
}

/** The areas that would appear from `iova` on, and what loading them into the domains pins. */
function load(
  site: Site,
  { ioas, slices, prot }: MappingRequest,
  iova: bigint,
): Pick<Mapping, 'areas' | 'captures'> | Failure {
  const mask = ioas.align - 1;
  const areas: MappedArea[] = [];
  let at = iova;
  for (const slice of slices) {
    if (prot & PROT_WRITE && !slice.source.writable) return { rule: 'map/pages-writable' };
    if (lowBitsOf(slice.startByte) & mask) return { rule: 'map/page-offset' };
    if (endsBeyond(slice)) return { rule: 'map/pages-wrap' };
    areas.push({
      iova: at,
      last: at + slice.length - 1n,
      pagesId: slice.source.id,
      startByte: slice.startByte,
      prot,
      pins: 0,
      locks: 0,
    });
    at += slice.length;
  }
  const tally = newTally();
  const failure = ioas.hwptIds.length === 0 ? undefined : fillSlices(site, tally, ioas, areas, slices);
  return failure ?? { areas, captures: tally.captures };
}

/** Whether a slice ends beyond its pages: only where their number has wrapped. */
function endsBeyond({ source, startByte, length }: Slice): boolean {
  return length >= HUGE_LENGTH && Number((startByte + length + 0xfffn) >> 12n) > source.npages;
}

function chosen(site: Site, request: MappingRequest): bigint | Failure {
  const { ioas, length, addr } = request;
  // A recording can be damaged: what the kernel is said to have chosen must fit.
  if (site.trusting && site.adoptedIova !== undefined) return fixed(ioas, site.adoptedIova, length);
  const wanted = {
    length,
    addr,
    align: BigInt(ioas.align),
    reserved: ioas.reserved,
    allowed: ioas.allowedKnown ? ioas.allowed : [],
    areas: ioas.areas,
    thpCap: site.kernel.hugePageSize,
  };
  const iova = chooseIova(wanted);
  if (iova === 'EOVERFLOW') return { rule: 'map/auto-length' };
  if (iova === 'EINVAL') return { rule: 'map/auto-alignment' };
  if (iova === 'ENOSPC' || (!ioas.allowedKnown && refuses(site, ALLOWED_UNKNOWN)))
    return { rule: 'map/no-space' };
  const told = site.checking && !ioas.allowedKnown ? site.adoptedIova : undefined;
  return told !== undefined && couldChoose(wanted, told) ? told : iova;
}

function fixed(ioas: Ioas, iova: bigint, length: bigint): bigint | Failure {
  if (lowBitsOf(iova) & (ioas.align - 1)) return { rule: 'map/iova-aligned' };
  const last = iova + length - 1n;
  if (last > U64_MAX) return { rule: 'map/iova-overflow' };
  if (intersectsAny(ioas.reserved, iova, last)) return { rule: 'map/reserved' };
  if (firstIntersecting(ioas.areas, iova, last) !== undefined) return { rule: 'map/exists' };
  return iova;
}

/** Page indexes (inclusive) of an area within its pages object. */
export function pagesOf(area: { iova: bigint; last: bigint; startByte: bigint }): [number, number] {
  return [Number(area.startByte >> 12n), Number((area.startByte + area.last - area.iova) >> 12n)];
}

function fillSlices(
  site: Site,
  tally: Tally,
  ioas: Ioas,
  areas: readonly MappedArea[],
  slices: readonly Slice[],
): Failure | undefined {
  for (let index = 0; index < areas.length; index++) {
    const failure = fillArea(site, tally, ioas, areas[index] as MappedArea, (slices[index] as Slice).source);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** iopt_area_fill_domains(): pins the area's pages, then maps them into every domain. */
function fillArea(
  site: Site,
  tally: Tally,
  ioas: Ioas,
  area: MappedArea,
  source: PinSource,
): Failure | undefined {
  const [first, last] = pagesOf(area);
  const failure = pinRange(site, tally, source, first, last);
  if (failure !== undefined || source.kind === 'dmabuf') return failure;
  for (const id of ioas.hwptIds) {
    const refused = mapInto(site, mustBe(site.context, id, 'hwpt-paging').domain.granule, area);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** What the driver's map_pages says of one area. */
function mapInto(site: Site, granule: number, area: MappedArea): Failure | undefined {
  const generic = site.kernel.has.has('generic-page-tables');
  if (area.prot === 0 && generic) return { rule: 'domain/prot' };
  if ((lowBitsOf(area.iova) | lowBitsOf(area.last + 1n)) & (granule - 1))
    return { rule: generic ? 'domain/granule' : 'domain/granule-classic' };
  return undefined;
}

/** iopt_fill_domain(): what loading every area of `ioas` into a new domain needs; captures go to `tally`. */
export function fillDomain(site: Site, tally: Tally, ioas: Ioas, granule: number): Failure | undefined {
  let failure: Failure | undefined;
  forEachArea(ioas.areas, (area) => {
    const source = pagesAt(site.context, area.pagesId);
    const [first, last] = pagesOf(area);
    if (!(source.kind === 'dmabuf'))
      failure = pinRange(site, tally, source, first, last) ?? mapInto(site, granule, area);
    return failure === undefined;
  });
  return failure;
}

/** The pages object of an area; its absence is a defect of ours. */
export function pagesAt(context: Context, id: number) {
  const pages = context.pages.get(id);
  if (pages === undefined) throw new Error(`invariant: no pages object ${id}`);
  return pages;
}

/** The pages object that a MAP by this process would make. */
export function newPages(
  site: Site,
  facts: Pick<NewPages, 'kind' | 'ino' | 'fileType' | 'basePage' | 'npages' | 'writable' | 'account'>,
): NewPages {
  const { process } = site;
  return {
    // Written out: V8 copies a spread property by property, 100 times slower.
    kind: facts.kind,
    ino: facts.ino,
    fileType: facts.fileType,
    basePage: facts.basePage,
    npages: facts.npages,
    writable: facts.writable,
    account: facts.account,
    id: site.world.nextPagesId,
    spaceId: process.spaceId,
    ownerPid: process.pid,
    uid: process.uid,
  };
}
