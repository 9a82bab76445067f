/** The kinds of the 20-patch RFC of September 2021, as machines. */
import { lifecycleMachine } from '../../machines/lifecycle.ts';

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
