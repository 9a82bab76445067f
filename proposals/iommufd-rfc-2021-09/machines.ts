/** The kinds of the 20-patch RFC of September 2021, as machines. */
import { lifecycleMachine } from '../../machines/lifecycle.ts';

/** R20-07: only closing the descriptor of a device ends what binding it began. */
export const deviceMachine = lifecycleMachine({
  id: 'device',
  initial: 'closed',
  states: {
    closed: { on: { DeviceOpened: 'open' } },
    open: { on: { DeviceBound: 'bound', DeviceClosed: 'closed' } },
    bound: { on: { DeviceClosed: 'closed' } },
  },
});

/** R20-11: one kind, which is fixed at allocation. */
export const spaceMachine = lifecycleMachine({
  id: 'ioasid',
  initial: 'free',
  states: {
    free: { on: { 'SpaceAllocated.kernel': 'kernel' } },
    kernel: {
      on: { PageMapped: 'kernel', PagesMappedAtOnce: 'kernel', PageUnmapped: 'kernel', SpaceFreed: 'free' },
    },
  },
});
