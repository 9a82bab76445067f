/** How the allocator of May 2021 says higher words, where that is not the usual way. */
import { type Phrasing, say } from '../phrase.ts';

export const phrases: Phrasing = {
  // A nested one is for a table of the guest: CREATE_NESTED_IOASID.
  'nest-shadow': (_, space, parent) => [[say('alloc-shadow', space, parent)]],
  'shadow-space': (_, space, parent, device) => [
    [say('alloc-shadow', space, parent), say('attach', device, space)],
  ],
  // What ENQCMD puts on the bus is asked for as global, ahead of its use (scenario 3).
  'route-pasid': ({ kindOf, submits }, device, space, pasid) => {
    if (kindOf(device) !== 'mdev') return [[say('attach-pasid', device, space, pasid)]];
    const attach = say('attach-vpasid', device, space, pasid, 'any');
    return submits(device) ? [[say('alloc-global-pasid', 'any'), attach]] : [[attach]];
  },
};
