/** The kinds of the sketches of spring 2021, as machines. */
import { lifecycleMachine } from '../../machines/lifecycle.ts';

/** CREATE_IOASID with mappings of the kernel; CREATE_NESTED_IOASID, which is nothing until a table is set. */
export const spaceMachine = lifecycleMachine({
  id: 'ioasid',
  initial: 'free',
  states: {
    free: { on: { 'SpaceAllocated.kernel': 'kernel', 'SpaceAllocated.empty': 'empty' } },
    kernel: {
      on: { PageMapped: 'kernel', PagesMappedAtOnce: 'kernel', PageUnmapped: 'kernel', SpaceFreed: 'free' },
    },
    empty: { on: { TableBound: 'user', PasidTableBound: 'table', SpaceFreed: 'free' } },
    user: { on: { TableWritten: 'user', SpaceInvalidated: 'user', SpaceFreed: 'free' } },
    table: { on: { TableWritten: 'table', SpaceInvalidated: 'table', SpaceFreed: 'free' } },
  },
});
