/** The kinds of the variant with one call for each, as machines. */
import { lifecycleMachine } from '../../machines/lifecycle.ts';

/** S3: the call decides the kind, which never changes; one DESTROY ends each. */
export const spaceMachine = lifecycleMachine({
  id: 'ioasid',
  initial: 'free',
  states: {
    free: {
      on: {
        'SpaceAllocated.kernel': 'kernel',
        'SpaceAllocated.mm': 'mm',
        'SpaceAllocated.kvm': 'kvm',
        'SpaceAllocated.user': 'user',
      },
    },
    kernel: {
      on: { PageMapped: 'kernel', PagesMappedAtOnce: 'kernel', PageUnmapped: 'kernel', SpaceFreed: 'free' },
    },
    mm: { on: { SpaceFreed: 'free' } },
    kvm: { on: { SpaceFreed: 'free' } },
    user: { on: { TableWritten: 'user', SpaceInvalidated: 'user', SpaceFreed: 'free' } },
  },
});
