/** The kinds of /dev/iommu as of July 2021, as machines. */
import { lifecycleMachine } from '../../machines/lifecycle.ts';

const MAPPING = (kind: string) => ({
  PageMapped: kind,
  PagesMappedAtOnce: kind,
  PageUnmapped: kind,
  SpaceFreed: 'free',
});

/** V2, IOMMU_IOASID_ALLOC: what a space is is said when it is made. A table of the user goes with the space; there is no UNBIND. */
export const spaceMachine = lifecycleMachine({
  id: 'ioasid',
  initial: 'free',
  states: {
    free: {
      on: {
        'SpaceAllocated.kernel': 'kernel',
        'SpaceAllocated.shadow': 'shadow',
        'SpaceAllocated.user': 'user',
        'SpaceAllocated.table': 'table',
        'SpaceAllocated.root': 'root',
      },
    },
    kernel: { on: MAPPING('kernel') },
    shadow: { on: MAPPING('shadow') },
    root: { on: MAPPING('root') },
    user: { on: { TableWritten: 'user', SpaceInvalidated: 'user', SpaceFreed: 'free' } },
    table: { on: { TableWritten: 'table', SpaceInvalidated: 'table', SpaceFreed: 'free' } },
  },
});
