/** Deciders of vIOMMUs and vDEVICEs, and of mmap on the iommufd (viommu.c, main.c). */
import { answer, done, type Outcome, type Patch, refuse } from '../events/outcome.ts';
import type { VdeviceAlloc, ViommuAlloc } from '../events/viommu-command.ts';
import { freeId, objectOf } from './objects.ts';
import { canRespond, failed, isFailure, type Site } from './site.ts';
import type { Context } from './world.ts';

const PAGE = 4096n;

/** iommufd_viommu_alloc_ioctl(). */
export function decideViommuAlloc(site: Site, command: ViommuAlloc): Outcome {
  const { context, platform } = site;
  if (command.flags !== 0 || command.viommuType === 0) return refuse('viommu-alloc/flags');
  const device = objectOf(context, command.devId, 'device');
  if (device === undefined) return refuse('device/exists');
  const { driver } = platform;
  if (device.traits.noIommu || driver.viommuType === undefined) return refuse('viommu-alloc/op');
  if (!driver.viommuType(device.traits, command.viommuType)) return refuse('viommu-alloc/type');
  const parent = objectOf(context, command.hwptId, 'hwpt-paging');
  if (parent === undefined) return refuse('hwpt-paging/exists');
  if (!parent.nestParent) return refuse('viommu-alloc/nest-parent');
  const data = { type: command.viommuType, length: command.dataLen, address: Number(command.dataUptr) };
  const init = driver.initViommu(site, { traits: device.traits, kind: command.viommuType, parent, data });
  if (isFailure(init)) return failed(init);
  if (!canRespond(site)) return refuse('respond/fault');
  const id = freeId(context);
  const windowOffset = init.windowLength === 0n ? 0n : freeWindow(context, init.windowLength);
  const buffer: Patch[] = init.reply === undefined ? [] : [{ at: 0, bytes: init.reply(windowOffset) }];
  return done(
    [
      {
        type: 'ViommuAllocated',
        context: context.id,
        id,
        hwptId: parent.id,
        instance: device.traits.instance,
        kind: command.viommuType,
        windowOffset,
        windowLength: init.windowLength,
      },
    ],
    { outViommuId: id },
    buffer,
  );
}

/** Lowest page-aligned offset from one page up with room for `length` bytes. */
function freeWindow(context: Context, length: bigint): bigint {
  let offset = PAGE;
  for (const window of [...context.windows].sort((one, other) => (one.offset < other.offset ? -1 : 1))) {
    if (offset + length <= window.offset) break;
    offset = window.offset + window.length;
  }
  return offset;
}

/** iommufd_vdevice_alloc_ioctl(). */
export function decideVdeviceAlloc(site: Site, command: VdeviceAlloc): Outcome {
  const { context } = site;
  const viommu = objectOf(context, command.viommuId, 'viommu');
  if (viommu === undefined) return refuse('viommu/exists');
  const device = objectOf(context, command.devId, 'device');
  if (device === undefined) return refuse('device/exists');
  if (device.traits.noIommu || device.traits.instance !== viommu.instance)
    return refuse('vdevice-alloc/instance');
  if (device.vdeviceId !== 0) return refuse('vdevice-alloc/device-taken');
  for (const object of context.objects) {
    if (object?.kind === 'vdevice' && object.viommuId === viommu.id && object.virtId === command.virtId) {
      return refuse('vdevice-alloc/virt-id-taken');
    }
  }
  const rule = site.platform.driver.initVdevice(device.traits, command.virtId);
  if (rule !== undefined) return refuse(rule);
  if (!canRespond(site)) return refuse('respond/fault');
  const id = freeId(context);
  const { virtId } = command;
  return done(
    [{ type: 'VdeviceAllocated', context: context.id, id, viommuId: viommu.id, deviceId: device.id, virtId }],
    { outVdeviceId: id },
  );
}

export type MmapRequest = Readonly<{
  length: bigint;
  prot: number;
  flags: number;
  offset: bigint;
  address: number;
}>;

const MAP_SHARED = 1;
const PROT_EXEC = 4;

/** iommufd_fops_mmap(): only a whole window of a vIOMMU, shared and not executable. The address is the process's own. */
export function decideMmap(site: Site, request: MmapRequest): Outcome {
  const { context } = site;
  if (!site.kernel.has.has('viommu')) return refuse('mmap/op');
  if (request.length === 0n) return refuse('mmap/length');
  if ((request.flags & 3) !== MAP_SHARED) return refuse('mmap/shared');
  if (request.prot & PROT_EXEC) return refuse('mmap/executable');
  const { offset } = request;
  const window = context.windows.find((one) => offset >= one.offset && offset < one.offset + one.length);
  if (window === undefined) return refuse('mmap/window');
  const length = (request.length + PAGE - 1n) & ~(PAGE - 1n);
  if (offset !== window.offset || length !== window.length) return refuse('mmap/whole-window');
  const { address } = request;
  return {
    ...answer(0),
    events: [
      {
        type: 'WindowMapped',
        context: context.id,
        id: window.ownerId,
        pid: site.process.pid,
        address,
        length: Number(length),
      },
    ],
  };
}
