/** How V1 says higher words, where that is not the usual way. */
import { type Phrasing, say } from '../phrase.ts';

export const phrases: Phrasing = {
  // A device that leaves a child is attached to the parent, as it was (5.3, 5.4).
  'leave-nesting': (_, device) => [[say('detach', device), say('detach', device)]],
};
