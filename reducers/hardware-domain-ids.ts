/** Domain ids: one for each HWPT behind each IOMMU instance, from the first entry that uses it to the last. */
import {
  type DomainIds,
  type Entry,
  type Hardware,
  isTranslating,
  SHARED_DOMAIN_ID,
} from '../machines/hardware.ts';

function idsOf(hardware: Hardware, instance: string): DomainIds {
  let domains = hardware.instances.get(instance);
  if (domains === undefined) {
    hardware.instances.set(instance, { ids: new Map(), used: new Set() });
    // The map may hold a draft of the object just stored.
    domains = hardware.instances.get(instance) as DomainIds;
  }
  return domains;
}

/** The id of the HWPT there, one use more; the lowest free one above the shared id where it has none yet. */
export function domainIdFor(hardware: Hardware, instance: string, context: number, hwptId: number): number {
  const { ids, used } = idsOf(hardware, instance);
  const key = `${context}/${hwptId}`;
  const known = ids.get(key);
  if (known !== undefined) {
    known.uses++;
    return known.id;
  }
  let id = SHARED_DOMAIN_ID + 1;
  while (used.has(id)) id++;
  used.add(id);
  ids.set(key, { id, uses: 1 });
  return id;
}

/** An entry is gone, its caches are clean: one use less of its id, and of its parent's. */
export function releaseDomainId(hardware: Hardware, instance: string, entry: Entry): void {
  if (!isTranslating(entry)) return;
  drop(idsOf(hardware, instance), `${entry.context}/${entry.hwptId}`);
  if (entry.kind === 'nested') drop(idsOf(hardware, instance), `${entry.context}/${entry.parentId}`);
}

function drop({ ids, used }: DomainIds, key: string): void {
  const known = ids.get(key);
  if (known === undefined) throw new Error(`invariant: domain ${key} has no id`);
  if (--known.uses > 0) return;
  ids.delete(key);
  used.delete(known.id);
}
