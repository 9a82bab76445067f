/** Deciders of the VFIO device character device: bind, attach, detach, info (device_cdev.c, iommufd.c, vfio_main.c). */
import type {
  DeviceAttachIommufdPt,
  DeviceBindIommufd,
  DeviceDetachIommufdPt,
  DeviceGetInfo,
} from '../events/device-command.ts';
import type { Event } from '../events/event.ts';
import { DONE, done, type Outcome, refuse, refuseAfter, stored } from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import { canRead, canWrite } from './address-space.ts';
import { planAttach, planDetach, planReplace } from './attachment.ts';
import { planUnbind } from './binding.ts';
import { type Device, freeId, mustBe } from './objects.ts';
import { newPlan, type Plan } from './plan.ts';
import type { VfioDevice } from './platform.ts';
import { failed, isFailure, type Site } from './site.ts';
import type { Context, OpenFile } from './world.ts';

const FLAG_TOKEN = 1;
const FLAG_PASID = 1;
const TOKEN_BYTES = 16;
/** An IDA holds ids below 2^31. */
const PASID_LIMIT = 0x8000_0000;
/** Compared with -EINVAL as an unsigned number, this PASID looks attached. */
const PASID_LIKE_EINVAL = 0xffff_ffea;
const PCI_REGIONS = 9;
const PCI_IRQS = 5;
const INFO_MIN = 16;
const INFO_SIZE = 24;

function vfioDeviceOf(site: Site): VfioDevice | undefined {
  return site.platform.devices.get(site.file.path);
}

/** vfio_df_ioctl_bind_iommufd(). Only out_devid is written back. */
export function decideDeviceBindIommufd(site: Site, command: DeviceBindIommufd): Outcome {
  const { file, kernel } = site;
  const known = kernel.has.has('vfio-bind-token') ? FLAG_TOKEN : 0;
  if (command.iommufd < 0 || command.flags & ~known) return refuse('vfio-bind/arguments');
  if (file.phase === 'bound') return refuse('vfio-bind/bound');
  const token = command.flags & FLAG_TOKEN ? refusesToken(site, command.tokenUuidPtr) : undefined;
  if (token !== undefined) return refuse(token);
  const context = contextOf(site, command.iommufd);
  if (typeof context === 'string') return refuse(context);
  const device = vfioDeviceOf(site);
  if (device === undefined) return failed({ missing: `what device ${file.path} is` });
  const rule = refusesBind(site, device, context);
  if (rule !== undefined) return refuse(rule);
  const id = freeId(context);
  if (!canWrite(site.space, site.arg + 12, 4)) return refuse('respond/fault');
  return done([{ type: 'DeviceBound', context: context.id, id, traits: device.traits, file: file.id }], {
    outDevid: id,
  });
}

/** vfio-pci knows a token only for SR-IOV functions; it is read before it is turned down. */
function refusesToken(site: Site, address: bigint): RuleId {
  return canRead(site.space, Number(address), TOKEN_BYTES) && address !== 0n
    ? 'vfio-bind/token'
    : 'vfio-bind/token-fault';
}

/** iommufd_ctx_from_fd(). */
function contextOf(site: Site, fd: number): Context | RuleId {
  const fileId = site.process.fds.get(fd);
  if (fileId === undefined)
    return site.process.foreign.has(fd) ? 'vfio-bind/not-iommufd' : 'vfio-bind/descriptor';
  const file = site.world.files.get(fileId) as OpenFile;
  if (file.kind !== 'iommufd' && file.kind !== 'vfio-container') return 'vfio-bind/not-iommufd';
  return site.world.contexts.get(file.contextId) as Context;
}

function refusesBind(site: Site, device: VfioDevice, context: Context): RuleId | undefined {
  for (const other of site.world.files.values()) {
    if (other.kind === 'vfio-dev' && other.path === site.file.path && other.phase === 'bound')
      return 'vfio-bind/other-file';
  }
  if (device.traits.noIommu) return undefined;
  if (!device.isolatedMsi && !site.platform.allowUnsafeInterrupts) return 'vfio-bind/isolated-msi';
  const owner = site.world.groupOwners.get(device.traits.groupKey);
  return owner === undefined || owner === context.id ? undefined : 'vfio-bind/group-owner';
}

/** vfio_df_ioctl_attach_pt(). A failed write-back runs the RID detach, whatever was attached. */
export function decideDeviceAttachIommufdPt(site: Site, command: DeviceAttachIommufdPt): Outcome {
  if (command.argsz < 12) return refuse('vfio-attach/argsz');
  const byPasid = (command.flags & FLAG_PASID) !== 0;
  if (command.flags & ~(site.kernel.has.has('pasid') ? FLAG_PASID : 0)) return refuse('vfio-attach/flags');
  if (byPasid && !vfioDeviceOf(site)?.pasidOps) return refuse('vfio-attach/pasid-op');
  if (byPasid && command.argsz < 16) return refuse('vfio-attach/pasid-argsz');
  const device = mustBe(site.context, site.file.objectId, 'device');
  const plan = newPlan();
  const result = byPasid
    ? changePasid(site, plan, device, command)
    : changeRid(site, plan, device, command.ptId);
  if (isFailure(result)) return failed(result, plan.residue);
  const pasid = byPasid ? command.pasid : 0;
  const events: Event[] = [...plan.residue, ...plan.events];
  if (notes(site.file, pasid, byPasid)) {
    events.push({ type: 'VfioAttachmentNoted', file: site.file.id, pasid, attached: true, byPasid });
  }
  if (canWrite(site.space, site.arg + 8, 4)) return done(events, { ptId: result.hwptId });
  return refuseAfter('respond/fault', undoByRidDetach(site, device, pasid, byPasid, events));
}

/** The write-back of pt_id faulted: the RID is detached, if VFIO believes it attached. */
function undoByRidDetach(
  site: Site,
  device: Device,
  pasid: number,
  byPasid: boolean,
  events: Event[],
): Event[] {
  if (byPasid) {
    const plan = newPlan();
    if (site.file.attached) {
      planDetach(site, plan, device, 0);
      plan.events.push({
        type: 'VfioAttachmentNoted',
        file: site.file.id,
        pasid: 0,
        attached: false,
        byPasid: false,
      });
    }
    return [...events, ...plan.events];
  }
  if (!site.file.attached) return [];
  const plan = newPlan();
  planDetach(site, plan, device, pasid);
  return [
    ...plan.events,
    { type: 'VfioAttachmentNoted', file: site.file.id, pasid: 0, attached: false, byPasid: false },
  ];
}

function notes(file: OpenFile, pasid: number, byPasid: boolean): boolean {
  return byPasid ? !file.pasids.includes(pasid) && pasid < PASID_LIMIT : !file.attached;
}

/** vfio_iommufd_physical_attach_ioas(): the second attach of a device is a replace. */
function changeRid(site: Site, plan: Plan, device: Device, ptId: number) {
  return site.file.attached
    ? planReplace(site, plan, device, 0, ptId)
    : planAttach(site, plan, device, 0, ptId);
}

/** vfio_iommufd_physical_pasid_attach_ioas(). PASID 0 is the RID slot under another name. */
function changePasid(site: Site, plan: Plan, device: Device, { pasid, ptId }: DeviceAttachIommufdPt) {
  if (site.file.pasids.includes(pasid) || pasid === PASID_LIKE_EINVAL)
    return planReplace(site, plan, device, pasid, ptId);
  if (pasid >= PASID_LIMIT) return { rule: 'vfio-attach/pasid-limit' } as const;
  return planAttach(site, plan, device, pasid, ptId);
}

/** vfio_df_ioctl_detach_pt(): 0 also when nothing was attached. */
export function decideDeviceDetachIommufdPt(site: Site, command: DeviceDetachIommufdPt): Outcome {
  if (command.argsz < 8) return refuse('vfio-detach/argsz');
  const byPasid = (command.flags & FLAG_PASID) !== 0;
  if (command.flags & ~(site.kernel.has.has('pasid') ? FLAG_PASID : 0)) return refuse('vfio-detach/flags');
  if (byPasid && !vfioDeviceOf(site)?.pasidOps) return refuse('vfio-attach/pasid-op');
  if (byPasid && command.argsz < 12) return refuse('vfio-detach/pasid-argsz');
  const pasid = byPasid ? command.pasid : 0;
  const attached = byPasid ? site.file.pasids.includes(pasid) : site.file.attached;
  if (!attached) return DONE;
  const plan = newPlan();
  planDetach(site, plan, mustBe(site.context, site.file.objectId, 'device'), pasid);
  return done([
    ...plan.events,
    { type: 'VfioAttachmentNoted', file: site.file.id, pasid, attached: false, byPasid },
  ]);
}

/** vfio_pci_ioctl_get_info(): whether the function can be reset is the hardware's own secret. */
export function decideDeviceGetInfo(site: Site, command: DeviceGetInfo): Outcome {
  if (command.argsz < INFO_MIN) return refuse('vfio-device-info/argsz');
  const length = Math.min(command.argsz, INFO_SIZE);
  if (!canWrite(site.space, site.arg, length)) return refuse('respond/fault');
  const view = new DataView(new ArrayBuffer(INFO_SIZE));
  view.setUint32(8, PCI_REGIONS, true);
  view.setUint32(12, PCI_IRQS, true);
  return stored([
    { at: 4, bytes: new Uint8Array(1), unknowable: true },
    { at: 5, bytes: new Uint8Array(view.buffer, 5, length - 5) },
  ]);
}

/** What closing a VFIO device file undoes: PASIDs ascending, the RID, the binding. */
export function closeEvents(site: Site, file: OpenFile): Event[] {
  if (file.phase !== 'bound') return [];
  const device = mustBe(site.context, file.objectId, 'device');
  const plan = newPlan();
  for (const pasid of file.pasids) planDetach(site, plan, device, pasid);
  if (file.attached && !file.pasids.includes(0)) planDetach(site, plan, device, 0);
  planUnbind(site, plan, device);
  return plan.events;
}
