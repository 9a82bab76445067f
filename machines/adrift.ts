/** Answers that depend on where areas are, in an IOAS that has some at an IOVA that nobody knows. */
import type { Command } from '../events/command.ts';
import type { Event } from '../events/event.ts';
import { type Outcome, refuse, undetermined } from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import { objectAt } from './objects.ts';
import { refuses, type Site } from './site.ts';
import { openFileAt } from './world.ts';

const ADRIFT = 'the IOVA that an earlier mapping got';

/** Refusals that other areas could turn into something else; every other one comes before the areas, or stands whatever they are. */
const UNSURE: ReadonlySet<RuleId> = new Set<RuleId>([
  'ioas-unmap/nothing',
  'unmap/locked',
  'unmap/partial',
  'ioas-copy/covered',
  'access/covered',
  'access/permission',
  'access/pages-writable',
  'access/dmabuf',
  'access/page-aligned',
  'access/user-memory',
  'access-pages/mismatch',
  'md-check-map/mismatch',
  'md-check-refs/count',
  'map/pages-writable',
  'map/page-offset',
  'pin/user-memory',
  'pin/file-size',
  'pin/file-kind',
  'pin/memlock',
  'pin/owner-gone',
]);

/** `outcome`, or that it cannot be told. What it changes is followed all the same: nothing in these IOASes is claimed again. */
export function whereAdrift(site: Site, command: Command, outcome: Outcome): Outcome {
  if (outcome.missing !== undefined) return outcome;
  if (outcome.rule !== undefined && !UNSURE.has(outcome.rule)) return outcome;
  if (!touched(site, command, outcome).some((id) => isAdrift(site, id))) return outcome;
  if (site.supposing === 'denied') return refuse(outcome.rule ?? 'reserve/in-use');
  if (command.type === 'TestAddReserved' && site.supposing !== undefined)
    return refuses(site, ADRIFT) ? refuse('reserve/in-use') : outcome;
  return undetermined(ADRIFT, [...outcome.events, ...spread(site, command)]);
}

/** What is copied from there lies who knows where. */
function spread({ context }: Site, command: Command): readonly Event[] {
  if (command.type !== 'IoasCopy' || objectAt(context, command.dstIoasId)?.kind !== 'ioas') return [];
  return [{ type: 'AreasAdrift', context: context.id, id: command.dstIoasId }];
}

function isAdrift({ context }: Site, id: number): boolean {
  const object = objectAt(context, id);
  return object?.kind === 'ioas' && object.adrift === true;
}

/** IOASes whose areas this answer depends on. */
function touched(site: Site, command: Command, outcome: Outcome): readonly number[] {
  switch (command.type) {
    case 'IoasMap':
    case 'IoasMapFile':
    case 'IoasUnmap':
      return [command.ioasId];
    case 'IoasCopy':
      return [command.srcIoasId, command.dstIoasId];
    case 'TestAddReserved':
      return [command.id];
    case 'TestMdCheckMap':
    case 'TestDirty':
      return [ioasBehind(site, command.id)];
    case 'HwptGetDirtyBitmap':
      return [ioasBehind(site, command.hwptId)];
    case 'TestAccessPages':
    case 'TestAccessRw':
      return [ioasBehind(site, openFileAt(site.world, site.process, command.id)?.objectId ?? 0)];
    case 'HwQueueAlloc':
      return outcome.rule === undefined ? [] : [ioasOfViommu(site, command.viommuId)];
    case 'TestMdCheckRefs':
      return [...site.context.objects.keys()];
    default:
      return [];
  }
}

/** The IOAS of a paging HWPT or of an access; 0 for none. */
function ioasBehind({ context }: Site, id: number): number {
  const object = objectAt(context, id);
  return object?.kind === 'hwpt-paging' || object?.kind === 'access' ? object.ioasId : 0;
}

function ioasOfViommu(site: Site, id: number): number {
  const object = objectAt(site.context, id);
  return object?.kind === 'viommu' ? ioasBehind(site, object.hwptId) : 0;
}
