/** The state of a recording at one point as plain data: what `ioasis show --json` prints, and what text and graph are made of. */
import { areaCount, forEachArea } from '../machines/area-tree.ts';
import type { Ioas, IommuObject } from '../machines/objects.ts';
import { pinnedCount } from '../machines/pages.ts';
import type { Context, World } from '../machines/world.ts';
import { hex } from './describe-command.ts';

type Hex = string;

export type ShownArea = Readonly<{
  iova: Hex;
  last: Hex;
  prot: string;
  pins: number;
  locks: number;
  source: string;
}>;
export type ShownRange = Readonly<{ start: Hex; last: Hex; owner: string }>;
export type ShownAttachment = Readonly<{ device: number; pasid: number; hwpt: number }>;

/** What a fact about an object may be. */
export type Fact =
  | string
  | number
  | boolean
  | readonly number[]
  | Readonly<{ start: Hex; last: Hex }>
  | readonly Readonly<{ id: number; iova: Hex; last: Hex }>[];

/** One object; `facts` depend on the kind, ids are numbers and u64 are `"0x…"`. */
export type ShownObject = Readonly<{
  id: number;
  kind: IommuObject['kind'];
  users: number;
  phase: string;
  facts: Readonly<Record<string, Fact>>;
}>;

export type ShownIoas = ShownObject &
  Readonly<{
    areaCount: number;
    /** The first of them, or all. */
    areas: readonly ShownArea[];
    reserved: readonly ShownRange[];
    allowed: readonly Readonly<{ start: Hex; last: Hex }>[];
  }>;

export type ShownContext = Readonly<{
  id: number;
  accountMode: string;
  compatIoas: number;
  broken: string;
  pinnedPages: number;
  ioas: readonly ShownIoas[];
  objects: readonly ShownObject[];
  attachments: readonly ShownAttachment[];
  groups: readonly Readonly<{ key: string; devices: readonly number[] }>[];
  windows: readonly Readonly<{ offset: Hex; length: Hex; owner: number }>[];
  mappings: readonly Readonly<{ pid: number; address: Hex; length: Hex; owner: number }>[];
}>;

export type ShownDescriptor = Readonly<{
  fd: number;
  kind: string;
  context: number;
  object: number;
  path: string;
}>;

export type Shown = Readonly<{
  schema: 'ioasis.show/1';
  trace: string;
  kernel: string;
  iommu: string;
  /** The last line that is taken into account. */
  seq: number;
  contexts: readonly ShownContext[];
  processes: readonly Readonly<{
    pid: number;
    uid: number;
    memlock: Hex;
    descriptors: readonly ShownDescriptor[];
  }>[];
  /** Pages charged, by account (`uid:N`, `mm:PID`). */
  charged: Readonly<Record<string, number>>;
}>;

const AREAS_SHOWN = 4;

export type ShowOptions = Readonly<{
  trace: string;
  kernel: string;
  iommu: string;
  seq: number;
  areas: boolean;
}>;

/** A picture of the world. Maps come out in the order of their keys' first use, objects by id. */
export function showWorld(world: World, options: ShowOptions): Shown {
  const { areas, ...head } = options;
  return {
    schema: 'ioasis.show/1',
    ...head,
    contexts: [...world.contexts.values()].map((context) => shownContext(context, areas)),
    processes: [...world.processes.values()]
      .filter(({ fds }) => fds.size > 0)
      .map(({ pid, uid, memlock, fds }) => ({
        pid,
        uid,
        memlock: hex(memlock),
        descriptors: [...fds]
          .sort(([one], [other]) => one - other)
          .flatMap(([fd, id]) => shownDescriptor(world, fd, id)),
      })),
    charged: Object.fromEntries([...world.charged].filter(([, pages]) => pages > 0)),
  };
}

function shownDescriptor(world: World, fd: number, fileId: number): ShownDescriptor[] {
  const file = world.files.get(fileId);
  if (file === undefined) return [];
  return [{ fd, kind: file.kind, context: file.contextId, object: file.objectId, path: file.path }];
}

function shownContext(context: Context, all: boolean): ShownContext {
  const objects = context.objects.filter((one) => one !== undefined);
  const pages = [...context.pages.values()];
  return {
    id: context.id,
    accountMode: context.accountMode,
    compatIoas: context.compatIoasId,
    broken: context.broken,
    pinnedPages: pages.reduce((sum, one) => sum + pinnedCount(one), 0),
    ioas: objects.flatMap((one) => (one.kind === 'ioas' ? [shownIoas(context, one, all)] : [])),
    objects: objects.filter(({ kind }) => kind !== 'ioas').map(shownObject),
    attachments: [...context.groups.values()].flatMap(({ slots }) =>
      [...slots]
        .sort(([one], [other]) => one - other)
        .flatMap(([pasid, slot]) => slot.deviceIds.map((device) => ({ device, pasid, hwpt: slot.hwptId }))),
    ),
    groups: [...context.groups.values()].map(({ key, deviceIds }) => ({ key, devices: [...deviceIds] })),
    windows: context.windows.map(({ offset, length, ownerId }) => ({
      offset: hex(offset),
      length: hex(length),
      owner: ownerId,
    })),
    mappings: context.mappings.map(({ pid, address, length, ownerId }) => ({
      pid,
      address: hex(address),
      length: hex(length),
      owner: ownerId,
    })),
  };
}

function shownIoas(context: Context, ioas: Ioas, all: boolean): ShownIoas {
  const areas: ShownArea[] = [];
  forEachArea(ioas.areas, (area) => {
    const { iova, last, prot, pins, locks } = area;
    const rights = `${prot & 1 ? 'r' : '-'}${prot & 2 ? 'w' : '-'}`;
    areas.push({
      iova: hex(iova),
      last: hex(last),
      prot: rights,
      pins,
      locks,
      source: sourceOf(context, area),
    });
    return all || areas.length < AREAS_SHOWN;
  });
  const { align, largePages, hwptIds, accessIds } = ioas;
  return {
    ...base(ioas),
    facts: { align: hex(align), largePages, hwpts: [...hwptIds], accesses: [...accessIds] },
    areaCount: areaCount(ioas.areas),
    areas,
    reserved: ioas.reserved.map(({ start, last, owner }) => ({ start: hex(start), last: hex(last), owner })),
    allowed: ioas.allowed.map(({ start, last }) => ({ start: hex(start), last: hex(last) })),
  };
}

/** Where the first byte of an area comes from: `process 7 at 0x1000`, `inode 12 at 0x0`. */
function sourceOf(context: Context, { pagesId, startByte }: { pagesId: number; startByte: bigint }): string {
  const pages = context.pages.get(pagesId);
  if (pages === undefined) throw new Error(`invariant: no pages object ${pagesId}`);
  const at = hex(pages.basePage * 4096n + startByte);
  if (pages.kind === 'user') return `process ${pages.ownerPid} at ${at}`;
  return pages.kind === 'file' ? `inode ${pages.ino} at ${at}` : `dma-buf at ${at}`;
}

function base({ id, kind, users, phase }: IommuObject): Omit<ShownObject, 'facts'> {
  return { id, kind, users, phase };
}

function shownObject(object: IommuObject): ShownObject {
  return { ...base(object), facts: factsOf(object) };
}

function factsOf(object: IommuObject): ShownObject['facts'] {
  switch (object.kind) {
    case 'hwpt-paging': {
      const { ioasId, auto, nestParent, pasidCompat, dirtyOps, dirtyTracking, faultId, domain, dirty } =
        object;
      const aperture = { start: hex(domain.aperture.start), last: hex(domain.aperture.last) };
      const { driver, format, granule } = domain;
      const flags = { auto, nestParent, pasidCompat, dirtyOps, dirtyTracking };
      return {
        ioas: ioasId,
        ...flags,
        fault: faultId,
        driver,
        format,
        granule,
        aperture,
        dirtyPages: dirty.size,
      };
    }
    case 'hwpt-nested':
      return {
        parent: object.parentId,
        viommu: object.viommuId,
        pasidCompat: object.pasidCompat,
        fault: object.faultId,
      };
    case 'device': {
      const { name, groupKey, instance, maxPasids } = object.traits;
      return { name, group: groupKey, iommu: instance, maxPasids, vdevice: object.vdeviceId };
    }
    case 'access': {
      const items = object.items.map(({ id, iova, last }) => ({ id, iova: hex(iova), last: hex(last) }));
      return { ioas: object.ioasId, needsPin: object.needsPin, internal: object.internal, items };
    }
    case 'fault':
      return { queued: object.queued.length, pending: object.pending.size };
    case 'viommu':
      return { hwpt: object.hwptId, type: hex(object.type) };
    case 'vdevice':
      return { viommu: object.viommuId, device: object.deviceId, virtId: hex(object.virtId) };
    case 'veventq':
      return {
        viommu: object.viommuId,
        type: hex(object.type),
        depth: object.depth,
        queued: object.queued.length,
      };
    case 'hw-queue':
      return {
        viommu: object.viommuId,
        access: object.accessId,
        index: object.index,
        dependsOn: object.dependsOnId,
      };
    case 'selftest':
      return { device: object.deviceId };
    default:
      return {};
  }
}
