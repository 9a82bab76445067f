/** Leaving a context: what the kernel undoes when a driver lets go of a device (iommufd_device_unbind()). */
import type { Event } from '../events/event.ts';
import { planDetach } from './attachment.ts';
import type { Device } from './objects.ts';
import { newPlan, type Plan } from './plan.ts';
import type { Site } from './site.ts';
import type { Context } from './world.ts';

/** The mock's own invariant: it detaches the RID only, so a PASID that is still attached outlives its device. */
export const PASID_OUTLIVES_DEVICE = 'no PASID stays attached when its device is unbound';

/** Buries the device's vDEVICE, if any, and removes the device. */
export function planUnbind(site: Site, plan: Plan, device: Device): void {
  const context = site.context.id;
  if (device.vdeviceId !== 0) plan.events.push({ type: 'VdeviceBuried', context, id: device.vdeviceId });
  plan.events.push({ type: 'DeviceUnbound', context, id: device.id });
}

/** Whether a PASID of the device is attached, which the mock forgets to detach when the device goes. */
export function outlivedByPasid(context: Context, device: Device): boolean {
  for (const [pasid, slot] of context.groups.get(device.traits.groupKey)?.slots ?? []) {
    if (pasid !== 0 && slot.deviceIds.includes(device.id)) return true;
  }
  return false;
}

/** Destroying the mock's handle: RID detach, unbind; with a PASID still attached the kernel warns and leaks. */
export function mockDestroyEvents(site: Site, selftestId: number, device: Device): Event[] {
  if (outlivedByPasid(site.context, device)) {
    return [{ type: 'InvariantBroken', context: site.context.id, invariant: PASID_OUTLIVES_DEVICE }];
  }
  const plan = newPlan();
  planDetach(site, plan, device, 0);
  planUnbind(site, plan, device);
  plan.events.push({ type: 'SelftestDestroyed', context: site.context.id, id: selftestId });
  return plan.events;
}
