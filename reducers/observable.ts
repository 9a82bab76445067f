/** A context as user space could find it out by further calls, as one string: equal strings, equal answers. */
import { forEachArea } from '../machines/area-tree.ts';
import type { IommuObject } from '../machines/objects.ts';
import type { World } from '../machines/world.ts';

/** Everything but areas goes through here: maps and sets as lists, u64 as digits, areas one by one. */
function plain(name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Map || value instanceof Set) return [...value];
  return name === 'areas' ? undefined : value;
}

function observeObject(object: IommuObject): string {
  const told = JSON.stringify(object, plain);
  if (object.kind !== 'ioas') return told;
  const areas: string[] = [];
  forEachArea(object.areas, ({ iova, last, pagesId, startByte, prot, pins, locks }) => {
    areas.push(`${iova},${last},${pagesId},${startByte},${prot},${pins},${locks}`);
  });
  return `${told} ${areas.join(' ')}`;
}

/** Objects, slots, pages, options and hardware entries of the context; empty when it is gone. */
export function observe(world: World, contextId: number): string {
  const context = world.contexts.get(contextId);
  if (context === undefined) return '';
  const parts = [`${context.live} ${context.accountMode} ${context.compatIoasId} ${context.noIommuMode}`];
  for (const object of context.objects) if (object !== undefined) parts.push(observeObject(object));
  for (const group of context.groups.values()) parts.push(JSON.stringify(group, plain));
  for (const pages of context.pages.values()) parts.push(JSON.stringify(pages, plain));
  parts.push(JSON.stringify([context.windows, context.mappings, [...world.charged]], plain));
  for (const rid of world.hardware.contexts.get(contextId) ?? [])
    parts.push(JSON.stringify([rid, ...(world.hardware.rids.get(rid)?.entries ?? [])], plain));
  return parts.join('\n');
}
