/**
 * What a call can see of another one that is still under way, where the kernel is not atomic. Each effect is a rule with its source;
 * a result is explained by one only if a call that causes it overlaps in time.
 */
import { ERRNO } from '../events/errno.ts';
import type { RuleId } from '../events/rules.ts';
import { type Context, openFileAt, type World } from '../machines/world.ts';
import {
  areaBuilt,
  asking,
  commandOf,
  fieldsOf,
  idsMade,
  idsOf,
  idsSetAside,
  meets,
  type OverlappingCall,
  rangeAsked,
} from './linearise-call.ts';
import type { RecordedLine } from './recording.ts';

export type EffectId =
  | 'object-held'
  | 'area-being-made'
  | 'area-made-in-vain'
  | 'source-being-made'
  | 'id-set-aside'
  | 'id-free-early';

export type EffectRule = Readonly<{ source: string; meaning: string; rule: RuleId | undefined }>;

/** `rule` is the refusal that the effect looks like; undefined where the call succeeds. */
export const EFFECTS: Readonly<Record<EffectId, EffectRule>> = {
  'object-held': {
    source: 'iommufd_object_remove',
    meaning: 'DESTROY is refused while another call holds the object',
    rule: 'destroy/users',
  },
  'area-being-made': {
    source: 'iopt_unmap_iova_range',
    meaning: 'UNMAP is refused at an area that another call is still making; areas before it are gone',
    rule: 'unmap/locked',
  },
  'area-made-in-vain': {
    source: 'iopt_alloc_area_pages',
    meaning: 'a call that fails keeps its IOVAs until it gives up',
    rule: 'map/exists',
  },
  'source-being-made': {
    source: 'iopt_get_pages',
    meaning: 'COPY does not find an area that another call is still making',
    rule: 'ioas-copy/covered',
  },
  'id-set-aside': {
    source: '_iommufd_object_alloc',
    meaning: 'an id is taken from the beginning of a call that makes an object, or fails to',
    rule: undefined,
  },
  'id-free-early': {
    source: 'iommufd_object_remove',
    meaning: 'the id of a mock device is free before the device is taken down',
    rule: undefined,
  },
};

/** Another way to take a call: what the model is fed instead, and the ids that are taken or free meanwhile. */
export type Alternative = Readonly<{
  effect: EffectId;
  /** The call that causes it. */
  cause: OverlappingCall;
  /** Fed without being compared; the recorded result then follows from the effect. */
  instead?: readonly RecordedLine[];
  /** Ids that are taken while the call runs. */
  aside?: readonly number[];
  /** An id that is free although its object is still there. */
  freed?: number;
}>;

/** The ways in which a call that the model answers otherwise can be explained by the calls that overlap it. */
export function alternatives(
  world: World,
  call: OverlappingCall,
  others: readonly OverlappingCall[],
  pending: readonly OverlappingCall[],
): Alternative[] {
  const { line } = call;
  if (line.ev !== 'ioctl' || others.length === 0) return [];
  const made = idsMade(line);
  if (made.length > 0) return otherIds(world, call, made, others, pending);
  switch (commandOf(call)) {
    case 'Destroy':
      return line.errno === ERRNO.EBUSY ? held(call, others) : [];
    case 'IoasUnmap':
      return line.errno === ERRNO.EBUSY ? beingMade(call, others) : [];
    case 'IoasMap':
    case 'IoasMapFile':
      return line.errno === ERRNO.EEXIST ? inVain(call, others) : [];
    case 'IoasCopy':
      if (line.errno === ERRNO.EEXIST) return inVain(call, others);
      return line.errno === ERRNO.ENOENT ? sourceBeingMade(call, others) : [];
    default:
      return [];
  }
}

/**
 * The ways in which a call can go whose result is not recorded, besides that it runs alone. `fails`: whether another call is
 * refused, which may then hold ids for a while that it does not keep.
 */
export function possibilities(
  world: World,
  call: OverlappingCall,
  others: readonly OverlappingCall[],
  fails: (other: OverlappingCall) => boolean,
): Alternative[] {
  if (call.line.ev !== 'ioctl' || others.length === 0) return [];
  switch (commandOf(call)) {
    case 'Destroy':
      return held(call, others);
    case 'IoasUnmap':
      return beingMade(call, others);
    case 'IoasMap':
    case 'IoasMapFile':
      return inVain(call, others);
    case 'IoasCopy':
      return [...inVain(call, others), ...sourceBeingMade(call, others)];
    default:
      return idsSetAside(call) === 0
        ? []
        : fewerIds(
            world,
            call,
            others.filter((other) => idsSetAside(other) > 0 && fails(other)),
          );
  }
}

/** The lowest free ids are set aside by calls that fail to make objects: each number of them. */
function fewerIds(world: World, call: OverlappingCall, failing: readonly OverlappingCall[]): Alternative[] {
  const context = contextOf(world, call.line);
  const [cause] = failing;
  if (context === undefined || cause === undefined) return [];
  const most = failing.reduce((sum, other) => sum + idsSetAside(other), 0);
  const free = freeBelow(context, context.objects.length + most, most).slice(0, most);
  return free.map((_id, index) => ({ effect: 'id-set-aside', cause, aside: free.slice(0, index + 1) }));
}

function held(call: OverlappingCall, others: readonly OverlappingCall[]): Alternative[] {
  const id = Number(fieldsOf(call.line)['id'] ?? 0);
  return others
    .filter(({ line }) => idsOf(line).has(id))
    .map((cause) => ({ effect: 'object-held', cause, instead: [] }));
}

function beingMade(call: OverlappingCall, others: readonly OverlappingCall[]): Alternative[] {
  const { line } = call;
  if (line.ev !== 'ioctl') return [];
  const asked = rangeAsked(line, 'ioasId', 'iova');
  return others.flatMap((cause): Alternative[] => {
    const area = areaBuilt(cause);
    if (area === undefined || !meets(area, asked)) return [];
    const { ret: _ret, errno: _errno, out: _out, ...unanswered } = line;
    const before = area.start - asked.start;
    const instead = before > 0n ? [asking(unanswered, 'length', before)] : [];
    return [{ effect: 'area-being-made', cause, instead }];
  });
}

function inVain(call: OverlappingCall, others: readonly OverlappingCall[]): Alternative[] {
  const wanted = areaBuilt(call);
  if (wanted === undefined) return [];
  return others.flatMap((cause): Alternative[] => {
    const area = areaBuilt(cause);
    const failed = cause.line.ev === 'ioctl' && (cause.line.ret ?? -1) === -1;
    return area !== undefined && failed && meets(area, wanted)
      ? [{ effect: 'area-made-in-vain', cause, instead: [] }]
      : [];
  });
}

function sourceBeingMade(call: OverlappingCall, others: readonly OverlappingCall[]): Alternative[] {
  const asked = rangeAsked(call.line, 'srcIoasId', 'srcIova');
  return others.flatMap((cause): Alternative[] => {
    const area = areaBuilt(cause);
    return area !== undefined && meets(area, asked)
      ? [{ effect: 'source-being-made', cause, instead: [] }]
      : [];
  });
}

/** The call was answered other ids than the lowest free ones. */
function otherIds(
  world: World,
  call: OverlappingCall,
  made: readonly number[],
  others: readonly OverlappingCall[],
  pending: readonly OverlappingCall[],
): Alternative[] {
  const context = contextOf(world, call.line);
  if (context === undefined) return [];
  const early = made.find((id) => context.objects[id]?.kind === 'selftest');
  if (early !== undefined) {
    const cause = others.find(
      (other) => pending.includes(other) && commandOf(other) === 'Destroy' && idsOf(other.line).has(early),
    );
    return cause === undefined ? [] : [{ effect: 'id-free-early', cause, freed: early }];
  }
  // No more ids can be taken than the other calls made or held; a damaged recording can tell of any id.
  const most = others.reduce((sum, other) => sum + idsMade(other.line).length + idsSetAside(other), 0);
  const aside = freeBelow(context, Math.max(...made), most + made.length).filter((id) => !made.includes(id));
  if (aside.length > most) return [];
  const cause = aside.length === 0 ? undefined : whoSetAside(aside, others);
  return cause === undefined ? [] : [{ effect: 'id-set-aside', cause, aside }];
}

/** Free ids below `limit`: all of them, or one more than `most`. */
function freeBelow(context: Context, limit: number, most: number): number[] {
  const free: number[] = [];
  for (let id = context.lowestFree; id < limit && free.length <= most; id++)
    if (context.objects[id] === undefined) free.push(id);
  return free;
}

/** Each id must be one that an overlapping call was answered, or one of as many as failing calls can have held. */
function whoSetAside(
  ids: readonly number[],
  others: readonly OverlappingCall[],
): OverlappingCall | undefined {
  const makers = others.filter(({ line }) => ids.some((id) => idsMade(line).includes(id)));
  const answered = new Set(makers.flatMap(({ line }) => idsMade(line)));
  const unexplained = ids.filter((id) => !answered.has(id));
  const failing = others.filter((other) => idsSetAside(other) > 0);
  const held = failing.reduce((sum, other) => sum + idsSetAside(other), 0);
  return unexplained.length <= held ? (makers[0] ?? failing[0]) : undefined;
}

/** The context that a call works on. */
export function contextOf(world: World, line: RecordedLine): Context | undefined {
  if (line.ev !== 'ioctl') return undefined;
  const file = openFileAt(world, world.processes.get(line.pid), line.fd);
  return file === undefined ? undefined : world.contexts.get(file.contextId);
}
