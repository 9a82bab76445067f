/** IOMMU_DESTROY: any object whose only reference is the table's own. */
import type { Destroy } from '../events/ioas-command.ts';
import { done, type Outcome, refuse } from '../events/outcome.ts';
import { mockDestroyEvents } from './binding.ts';
import { mustBe, objectAt } from './objects.ts';
import type { Site } from './site.ts';

/** iommufd_destroy(). */
export function decideDestroy(site: Site, command: Destroy): Outcome {
  const { context } = site;
  const object = objectAt(context, command.id);
  if (object === undefined) return refuse('destroy/exists');
  if (object.users !== 1) return refuse('destroy/users');
  if (object.kind === 'hwpt-paging' || object.kind === 'hwpt-nested') {
    return done([{ type: 'HwptDestroyed', context: context.id, id: object.id }]);
  }
  if (object.kind !== 'selftest')
    return done([{ type: 'ObjectDestroyed', context: context.id, id: object.id }]);
  return done(mockDestroyEvents(site, object.id, mustBe(context, object.deviceId, 'device')));
}
