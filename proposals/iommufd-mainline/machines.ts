/** The kinds of iommufd as it is in Linux 7.3, as machines. */
import { lifecycleMachine } from '../../machines/lifecycle.ts';

/** An IOAS with the HWPTs that its devices need (`kernel`), or a nested HWPT over a table of the guest, or over its PASID table. */
export const spaceMachine = lifecycleMachine({
  id: 'ioas-or-hwpt',
  initial: 'free',
  states: {
    free: {
      on: {
        'SpaceAllocated.kernel': 'kernel',
        'SpaceAllocated.user': 'user',
        'SpaceAllocated.table': 'table',
      },
    },
    kernel: {
      on: { PageMapped: 'kernel', PagesMappedAtOnce: 'kernel', PageUnmapped: 'kernel', SpaceFreed: 'free' },
    },
    user: { on: { TableWritten: 'user', SpaceInvalidated: 'user', SpaceFreed: 'free' } },
    table: { on: { TableWritten: 'table', SpaceInvalidated: 'table', SpaceFreed: 'free' } },
  },
});
