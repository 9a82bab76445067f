/** Leaving a context: what the kernel undoes when a driver lets go of a device (iommufd_device_unbind()). */
import type { Event } from '../events/event.ts';
import { planDetach } from './attachment.ts';
import type { Device } from './objects.ts';
import { newPlan, type Plan } from './plan.ts';
import type { Site } from './site.ts';

/** The mock's own invariant: it detaches the RID only, so a PASID that is still attached outlives its device. */
export const PASID_OUTLIVES_DEVICE = 'no PASID stays attached when its device is unbound';

/** Buries the device's vDEVICE, if any, and removes the device. */
export function planUnbind(site: Site, plan: Plan, device: Device): void {
  const context = site.context.id;
  if (device.vdeviceId !== 0) plan.events.push({ type: 'VdeviceBuried', context, id: device.vdeviceId });
  plan.events.push({ type: 'DeviceUnbound', context, id: device.id });
}

/** Destroying the mock's handle: RID detach, unbind; with a PASID still attached the kernel warns and leaks. */
export function mockDestroyEvents(site: Site, selftestId: number, device: Device): Event[] {
  const plan = newPlan();
  const slots = site.context.groups.get(device.traits.groupKey)?.slots;
  for (const [pasid, slot] of slots ?? []) {
    if (pasid === 0 || !slot.deviceIds.includes(device.id)) continue;
    return [{ type: 'InvariantBroken', context: site.context.id, invariant: PASID_OUTLIVES_DEVICE }];
  }
  planDetach(site, plan, device, 0);
  planUnbind(site, plan, device);
  plan.events.push({ type: 'SelftestDestroyed', context: site.context.id, id: selftestId });
  return plan.events;
}
