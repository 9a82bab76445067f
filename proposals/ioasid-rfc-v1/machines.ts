/** The kinds of the first /dev/ioasid RFC, as machines. */
import { lifecycleMachine } from '../../machines/lifecycle.ts';

/**
 * An IOASID is inert until a device is attached. Its table is empty then, and the first MAP or BIND decides what it is. That the last
 * detach makes it inert again, and empties it, is deduced.
 */
export const spaceMachine = lifecycleMachine({
  id: 'ioasid',
  initial: 'free',
  states: {
    free: { on: { 'SpaceAllocated.inert': 'inert' } },
    inert: { on: { SpaceActivated: 'empty', SpaceFreed: 'free' } },
    empty: {
      on: {
        PageMapped: 'kernel',
        PagesMappedAtOnce: 'kernel',
        TableBound: 'user',
        PasidTableBound: 'table',
        SpaceDeactivated: 'inert',
        SpaceFreed: 'free',
      },
    },
    kernel: {
      on: {
        PageMapped: 'kernel',
        PagesMappedAtOnce: 'kernel',
        PageUnmapped: 'kernel',
        SpaceDeactivated: 'inert',
        SpaceFreed: 'free',
      },
    },
    user: {
      on: { TableWritten: 'user', SpaceInvalidated: 'user', TableUnbound: 'empty', SpaceFreed: 'free' },
    },
    table: {
      on: { TableWritten: 'table', SpaceInvalidated: 'table', TableUnbound: 'empty', SpaceFreed: 'free' },
    },
  },
});
