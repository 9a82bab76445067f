/** How mainline says higher words, where that is not the usual way. */
import { type Phrasing, type Saying, type Scene, say } from '../phrase.ts';

/** VT-d takes the root of one table of the guest; Arm and AMD that of its PASID table, DMA without a PASID included. */
function nested({ platform }: Scene, space: number, parent: number): Saying {
  return platform === 'intel' ? say('alloc-user', space, parent) : say('alloc-table', space, parent);
}

export const phrases: Phrasing = {
  // An IOAS takes mappings from the beginning.
  'give-memory': (_, space, context, device, page) => [
    [say('alloc', space, context), say('map', space, page), say('attach', device, space)],
  ],
  'nest-table': (scene, space, parent) => [[nested(scene, space, parent)]],
  // Drivers of Arm and AMD take no IOMMU_HWPT_ALLOC_PASID on a nested HWPT.
  'nest-for-pasid': (_, space, parent) => [[say('alloc-user', space, parent)]],
  'guest-table': (scene, space, parent, device) => [
    [nested(scene, space, parent), say('attach', device, space)],
  ],
};
