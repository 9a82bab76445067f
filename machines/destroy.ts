/** IOMMU_DESTROY: any object whose only reference is the table's own. */
import type { Destroy } from '../events/ioas-command.ts';
import { done, type Outcome, refuse, undetermined } from '../events/outcome.ts';
import { mockDestroyEvents } from './binding.ts';
import { mustBe, objectAt, type Veventq } from './objects.ts';
import { refuses, type Site } from './site.ts';

/** iommufd_destroy(). */
export function decideDestroy(site: Site, command: Destroy): Outcome {
  const { context } = site;
  const object = objectAt(context, command.id);
  if (object === undefined) return refuse('destroy/exists');
  const unseen = object.kind === 'veventq' ? unseenClose(site, object) : undefined;
  if (unseen !== undefined) return unseen;
  if (object.users !== 1) return refuse('destroy/users');
  if (object.kind === 'hwpt-paging' || object.kind === 'hwpt-nested') {
    return done([{ type: 'HwptDestroyed', context: context.id, id: object.id }]);
  }
  if (object.kind !== 'selftest')
    return done([{ type: 'ObjectDestroyed', context: context.id, id: object.id }]);
  return done(mockDestroyEvents(site, object.id, mustBe(context, object.deviceId, 'device')));
}

/**
 * The recorder follows event queue descriptors by the wrong number, so their closes can go unseen. Where the recording itself
 * shows that (the number comes back) or lets it be expected (another queue is wanted next), an open descriptor is no fact.
 */
function unseenClose(site: Site, queue: Veventq): Outcome | undefined {
  if (queue.phase !== 'open' || queue.users !== 2) return undefined;
  const { process, world } = site;
  for (const [fd, fileId] of process.fds) {
    const file = world.files.get(fileId);
    if (file?.kind !== 'eventq' || file.objectId !== queue.id || file.contextId !== site.context.id) continue;
    const doubtful = process.closesUnseen || site.reissued(fd) || site.remade?.(queue.viommuId);
    if (!doubtful) return undefined;
    const noticed = { type: 'UnseenCloseNoticed', pid: process.pid } as const;
    const missing = `whether descriptor ${fd} of event queue ${queue.id} is still open`;
    if (refuses(site, missing)) return refuse('destroy/users');
    if (!site.trusting && site.supposing === undefined) return undetermined(missing, [noticed]);
    return done([
      noticed,
      { type: 'DescriptorClosed', pid: process.pid, fd },
      { type: 'FileReleased', file: fileId },
      { type: 'ObjectDestroyed', context: site.context.id, id: queue.id },
    ]);
  }
  return undefined;
}
