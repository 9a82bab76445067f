/** What a device goes through, as machines that several proposals have. */
import { lifecycleMachine } from '../machines/lifecycle.ts';

/** Only closing the descriptor of a device ends what binding it began. */
export const boundUntilClosed = lifecycleMachine({
  id: 'device',
  initial: 'closed',
  states: {
    closed: { on: { DeviceOpened: 'open' } },
    open: { on: { DeviceBound: 'bound', DeviceClosed: 'closed' } },
    bound: { on: { DeviceClosed: 'closed' } },
  },
});

/** A device is registered with a descriptor, and can be taken out again. */
export const boundUntilUnbound = lifecycleMachine({
  id: 'device',
  initial: 'closed',
  states: {
    closed: { on: { DeviceOpened: 'open' } },
    open: { on: { DeviceBound: 'bound', DeviceClosed: 'closed' } },
    bound: { on: { DeviceUnbound: 'open', DeviceClosed: 'closed' } },
  },
});
