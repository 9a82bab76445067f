/** One machine for each object kind of an iommufd context, and for the slots and files that hold them. */
import { compile, lifecycleMachine } from './lifecycle.ts';

export const ioasMachine = lifecycleMachine({
  id: 'ioas',
  initial: 'live',
  states: { live: { on: { ObjectDestroyed: 'gone' } }, gone: { type: 'final' } },
});

/** Tracking of dirty pages is a phase of its own: it can be switched on again while it is on. */
export const hwptPagingMachine = lifecycleMachine({
  id: 'hwpt-paging',
  initial: 'live',
  states: {
    live: { on: { DirtyTrackingStarted: 'tracking', HwptDestroyed: 'gone' } },
    tracking: { on: { DirtyTrackingStopped: 'live', HwptDestroyed: 'gone' } },
    gone: { type: 'final' },
  },
});

export const hwptNestedMachine = lifecycleMachine({
  id: 'hwpt-nested',
  initial: 'live',
  states: { live: { on: { HwptDestroyed: 'gone' } }, gone: { type: 'final' } },
});

export const deviceMachine = lifecycleMachine({
  id: 'device',
  initial: 'bound',
  states: { bound: { on: { DeviceUnbound: 'gone' } }, gone: { type: 'final' } },
});

/** The RID slot of a group. */
export const attachmentMachine = lifecycleMachine({
  id: 'attachment',
  initial: 'detached',
  states: {
    detached: { on: { DeviceAttached: 'attached' } },
    attached: {
      on: {
        DeviceAttached: 'attached',
        HwptReplaced: 'attached',
        DeviceDetached: 'attached',
        LastDeviceDetached: 'detached',
      },
    },
  },
});

/** A PASID slot of a group. */
export const pasidBindingMachine = lifecycleMachine({
  id: 'pasid-binding',
  initial: 'unbound',
  states: {
    unbound: { on: { DeviceAttached: 'bound' } },
    bound: {
      on: {
        DeviceAttached: 'bound',
        HwptReplaced: 'bound',
        DeviceDetached: 'bound',
        LastDeviceDetached: 'unbound',
      },
    },
  },
});

export const groupMachine = lifecycleMachine({
  id: 'group',
  initial: 'unowned',
  states: {
    unowned: { on: { DeviceBound: 'owned' } },
    owned: { on: { DeviceBound: 'owned', LastDeviceUnbound: 'unowned' } },
  },
});

export const accessMachine = lifecycleMachine({
  id: 'access',
  initial: 'attached',
  states: {
    attached: { on: { AccessMoved: 'attached', AccessDetached: 'detached', AccessDestroyed: 'gone' } },
    detached: { on: { AccessMoved: 'attached', AccessDestroyed: 'gone' } },
    gone: { type: 'final' },
  },
});

/** Objects with a descriptor of their own outlive it. */
const withDescriptor = (id: string, closed: string) =>
  lifecycleMachine({
    id,
    initial: 'open',
    states: {
      open: { on: { [closed]: 'closed' } },
      closed: { on: { ObjectDestroyed: 'gone' } },
      gone: { type: 'final' },
    },
  });

export const faultMachine = withDescriptor('fault', 'FaultQueueClosed');
export const veventqMachine = withDescriptor('veventq', 'VeventqClosed');

export const viommuMachine = lifecycleMachine({
  id: 'viommu',
  initial: 'live',
  states: { live: { on: { ObjectDestroyed: 'gone' } }, gone: { type: 'final' } },
});

/** Its id stays taken when the device goes first. */
export const vdeviceMachine = lifecycleMachine({
  id: 'vdevice',
  initial: 'live',
  states: {
    live: { on: { ObjectDestroyed: 'gone', VdeviceBuried: 'tombstone' } },
    tombstone: { type: 'final' },
    gone: { type: 'final' },
  },
});

export const hwQueueMachine = lifecycleMachine({
  id: 'hw-queue',
  initial: 'live',
  states: { live: { on: { ObjectDestroyed: 'gone' } }, gone: { type: 'final' } },
});

export const selftestMachine = lifecycleMachine({
  id: 'selftest',
  initial: 'live',
  states: { live: { on: { SelftestDestroyed: 'gone' } }, gone: { type: 'final' } },
});

/** A VFIO device file: bound once, then only closed. */
export const vfioFileMachine = lifecycleMachine({
  id: 'vfio-file',
  initial: 'unbound',
  states: {
    unbound: { on: { DeviceBound: 'bound', FileReleased: 'closed' } },
    bound: { on: { FileReleased: 'closed' } },
    closed: { type: 'final' },
  },
});

export const machines = {
  ioas: ioasMachine,
  'hwpt-paging': hwptPagingMachine,
  'hwpt-nested': hwptNestedMachine,
  device: deviceMachine,
  attachment: attachmentMachine,
  'pasid-binding': pasidBindingMachine,
  group: groupMachine,
  access: accessMachine,
  fault: faultMachine,
  viommu: viommuMachine,
  vdevice: vdeviceMachine,
  veventq: veventqMachine,
  'hw-queue': hwQueueMachine,
  selftest: selftestMachine,
  'vfio-file': vfioFileMachine,
} as const;

export type MachineName = keyof typeof machines;

/** Every machine as a table. */
export const tables = Object.fromEntries(
  Object.entries(machines).map(([name, machine]) => [name, compile(machine)]),
) as Readonly<Record<MachineName, ReturnType<typeof compile>>>;
