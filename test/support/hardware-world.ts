/** Small worlds for the hardware: one context, one process, devices and page tables by their events. */
import type { DeviceTraits } from '../../events/device.ts';
import type { Event } from '../../events/event.ts';
import type { Domain } from '../../events/hwpt.ts';
import { emptyWorld, type World } from '../../machines/world.ts';
import { applyEvent } from '../../reducers/evolve.ts';

export const PID = 7;
export const CONTEXT = 1;
export const IOAS = 1;
/** User memory of the process: 16 pages from here. */
export const MEMORY = 0x10_0000;
export const RID = '0000:01:00.0';
export const SIBLING = '0000:01:00.1';

export function traits(rest: Partial<DeviceTraits> = {}): DeviceTraits {
  return {
    driver: 'intel-vtd',
    instance: 'intel-vtd',
    groupKey: 'group:1',
    name: RID,
    maxPasids: 1 << 20,
    dirty: true,
    pri: true,
    noIommu: false,
    reserved: [],
    members: [],
    ...rest,
  };
}

export function domain(rest: Partial<Domain> = {}): Domain {
  return {
    driver: 'intel-vtd',
    instance: 'intel-vtd',
    format: 'second-stage',
    granule: 4096,
    pageSizes: 0x4020_1000n,
    aperture: { start: 0n, last: (1n << 48n) - 1n },
    cacheCoherent: true,
    noIommu: false,
    ...rest,
  };
}

const context = CONTEXT;

export const bound = (id: number, rest: Partial<DeviceTraits> = {}): Event => ({
  type: 'DeviceBound',
  context,
  id,
  traits: traits(rest),
  file: 0,
});

type PagingFacts = Partial<{
  nestParent: boolean;
  pasidCompat: boolean;
  dirtyOps: boolean;
  faultId: number;
  domain: Domain;
}>;

export const paging = (id: number, rest: PagingFacts = {}): Event => ({
  type: 'HwptPagingAllocated',
  context,
  id,
  ioasId: IOAS,
  auto: false,
  nestParent: false,
  pasidCompat: true,
  dirtyOps: false,
  faultId: 0,
  domain: domain(),
  captures: [],
  ...rest,
});

export const nested = (id: number, parentId: number, data = ''): Event => ({
  type: 'HwptNestedAllocated',
  context,
  id,
  parentId,
  viommuId: 0,
  pasidCompat: true,
  faultId: 0,
  instance: 'intel-vtd',
  iotlb: 0,
  data,
});

type SlotFacts = Readonly<{ deviceId: number; hwptId: number; pasid?: number; groupKey?: string }>;

export const attached = ({ deviceId, hwptId, pasid = 0, groupKey = 'group:1' }: SlotFacts): Event => ({
  type: 'DeviceAttached',
  context,
  deviceId,
  groupKey,
  pasid,
  hwptId,
});

export const replaced = (
  { deviceId, hwptId, pasid = 0, groupKey = 'group:1' }: SlotFacts,
  former: number,
): Event => ({
  type: 'HwptReplaced',
  context,
  deviceId,
  groupKey,
  pasid,
  hwptId,
  formerHwptId: former,
});

export const detached = ({ deviceId, hwptId, pasid = 0, groupKey = 'group:1' }: SlotFacts): Event => ({
  type: 'DeviceDetached',
  context,
  deviceId,
  groupKey,
  pasid,
  formerHwptId: hwptId,
});

/** `pages` pages of user memory at `iova`, pinned as a domain would pin them. */
export const mapped = (iova: bigint, pages: number, prot = 3, id = 1): Event => ({
  type: 'AreasMapped',
  context,
  id: IOAS,
  areas: [
    { iova, last: iova + BigInt(pages) * 4096n - 1n, pagesId: id, startByte: 0n, prot, pins: 0, locks: 0 },
  ],
  pages: {
    id,
    kind: 'user',
    spaceId: PID,
    ino: 0,
    fileType: '',
    basePage: BigInt(MEMORY >> 12),
    npages: pages,
    writable: (prot & 2) !== 0,
    account: 'user',
    ownerPid: PID,
    uid: 1000,
  },
  captures: [
    {
      pagesId: id,
      pieces: [{ first: 0, last: pages - 1, key: 'mm:7/1', base: MEMORY >> 12, compound: false }],
    },
  ],
});

export const unmapped = (iova: bigint): Event => ({ type: 'AreaUnmapped', context, id: IOAS, iova });

/** A context with one IOAS, object 1, and a process with some memory. */
export function worldWith(...events: readonly Event[]): World {
  const world = emptyWorld(2 ** 47 - 4096);
  const memory = { read: true, write: true, shared: false, kind: 'anon', ino: 0, offset: 0, huge: false };
  const first: Event[] = [
    { type: 'MappingsSeen', pid: PID, mappings: [{ start: MEMORY, end: MEMORY + 16 * 4096, ...memory }] },
    { type: 'ContextOpened', pid: PID, fd: 3, path: '/dev/iommu', kind: 'iommufd' },
    { type: 'IoasAllocated', context, id: IOAS },
  ];
  for (const event of [...first, ...events]) applyEvent(world, event);
  return world;
}

export function apply(world: World, ...events: readonly Event[]): World {
  for (const event of events) applyEvent(world, event);
  return world;
}
