/** Builders for areas and trees, where only the addresses matter. */
import { type Area, type AreaTree, EMPTY_AREAS, forEachArea, putArea } from '../../machines/area-tree.ts';

export function area(iova: bigint, last: bigint, rest: Partial<Area> = {}): Area {
  return { iova, last, pagesId: 1, startByte: 0n, prot: 1, pins: 0, locks: 0, ...rest };
}

export function treeOf(areas: readonly Area[]): AreaTree {
  return areas.reduce(putArea, EMPTY_AREAS);
}

export function listOf(tree: AreaTree): Area[] {
  const areas: Area[] = [];
  forEachArea(tree, (each) => areas.push(each));
  return areas;
}
