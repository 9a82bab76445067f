/** A world as a text: two worlds with the same text have the same future. */
import type { World } from '../machines/world.ts';
import { showWorld } from './show.ts';

export function stateOf(world: World): string {
  return JSON.stringify(showWorld(world, { trace: '', kernel: '', iommu: '', seq: 0, areas: true }));
}
