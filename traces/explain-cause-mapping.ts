/** Why a range of IOVAs did not do: areas in the way, reserved ranges, alignment, areas that stick out. */

import type { RuleId } from '../events/rules.ts';
import { U64_MAX } from '../events/u64.ts';
import { type Area, areaCount, firstIntersecting, forEachArea, nextAfter } from '../machines/area-tree.ts';
import { type Ioas, objectOf } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import { hex, rangeText } from './describe-command.ts';
import { reservedIn } from './explain-cause-reserved.ts';
import {
  bigField,
  type Cause,
  distinctSteps,
  madeText,
  makerOf,
  numberField,
  openObject,
  type Scene,
  stepText,
} from './explain-scene.ts';
import { areaStep, lastStep, type Step } from './provenance.ts';

const PAGE = 4096;
const DEMANDS_SHOWN = 3;

export type Target = Readonly<{ ioas: Ioas; start: bigint; last: bigint }>;

/** The IOAS and the IOVAs that a mapping or unmapping command is about. */
export function targetOf(scene: Scene): Target | undefined {
  const { call, context } = scene;
  if (context === undefined) return undefined;
  const compat = call.type === 'VfioIommuMapDma' || call.type === 'VfioIommuUnmapDma';
  const open = openObject(scene);
  const id =
    open?.kind === 'access'
      ? open.ioasId
      : compat
        ? context.compatIoasId
        : (numberField(call, 'dstIoasId') ?? numberField(call, 'ioasId') ?? numberField(call, 'id'));
  const ioas = id === undefined ? undefined : objectOf(context, id, 'ioas');
  const start = bigField(call, 'dstIova') ?? bigField(call, 'iova') ?? bigField(call, 'start');
  const length = bigField(call, 'length');
  if (ioas === undefined || start === undefined || length === undefined) return undefined;
  const everything = call.type === 'IoasUnmap' && start === 0n && length === U64_MAX;
  const end = start + length - 1n;
  return { ioas, start, last: everything || end > U64_MAX ? U64_MAX : end };
}

/** What a COPY reads. */
function sourceOf({ call }: Scene, context: Context): Target | undefined {
  const ioas = objectOf(context, numberField(call, 'srcIoasId') ?? 0, 'ioas');
  const start = bigField(call, 'srcIova');
  const length = bigField(call, 'length');
  if (ioas === undefined || start === undefined || length === undefined) return undefined;
  return { ioas, start, last: start + length - 1n };
}

const RULES = new Set<RuleId>([
  'map/exists',
  'map/reserved',
  'map/iova-aligned',
  'map/length',
  'map/page-offset',
  'map/auto-alignment',
  'map/no-space',
  'ioas/alignment',
  'reserve/in-use',
  'unmap/partial',
  'unmap/locked',
  'ioas-unmap/nothing',
  'access/covered',
  'ioas-copy/covered',
  'domain/granule',
  'domain/granule-classic',
]);

/** undefined where the rule is not about areas and ranges. */
export function mappingCause(scene: Scene, rule: RuleId): Cause | undefined {
  const { context } = scene;
  if (!RULES.has(rule) || context === undefined) return undefined;
  const target = rule === 'ioas-copy/covered' ? sourceOf(scene, context) : targetOf(scene);
  if (target === undefined)
    return rule === 'reserve/in-use' || rule === 'ioas/alignment' ? joining(scene, context, rule) : undefined;
  const { ioas, start, last } = target;
  switch (rule) {
    case 'map/exists':
      return areasIn(scene, context, target, 'is mapped already');
    case 'map/reserved':
      return reservedIn(scene, context, ioas, start, last);
    case 'map/no-space':
      return noSpace(scene, context, ioas);
    case 'reserve/in-use':
      return areasIn(scene, context, target, 'is mapped');
    case 'unmap/partial':
      return partial(scene, context, target);
    case 'unmap/locked':
      return areasIn(scene, context, target, 'is kept by a HW queue', (area) => area.locks > 0);
    case 'access/covered':
    case 'ioas-copy/covered':
      return gaps(scene, context, target);
    case 'ioas-unmap/nothing':
      return nothing(scene, context, target);
    default:
      return alignment(scene, ioas);
  }
}

/** `[0x1000, 0x1fff] of IOAS 1`. */
function areaText(ioas: Ioas, area: { iova: bigint; last: bigint }): string {
  return `${rangeText(area.iova, area.last)} of IOAS ${ioas.id}`;
}

function mappedBy(step: Step | undefined): string {
  return step === undefined ? '' : ` (mapped by ${stepText(step)})`;
}

function areasIn(
  scene: Scene,
  context: Context,
  { ioas, start, last }: Target,
  what: string,
  only: (area: Area) => boolean = () => true,
): Cause {
  const text: string[] = [];
  const steps: (Step | undefined)[] = [];
  forEachArea(
    ioas.areas,
    (area) => {
      if (!only(area)) return true;
      const step = areaStep(scene.steps, context.id, ioas.id, area.iova);
      text.push(`${areaText(ioas, area)}${mappedBy(step)} ${what}`);
      steps.push(step);
      return text.length < 4;
    },
    start,
    last,
  );
  for (const range of ioas.allowed)
    if (range.start <= last && range.last >= start && what === 'is mapped')
      text.push(`${rangeText(range.start, range.last)} of IOAS ${ioas.id} is promised to automatic IOVAs`);
  return { text, steps: distinctSteps(steps) };
}

/** The alignment of an IOAS and the objects that demand it. */
function alignment(scene: Scene, ioas: Ioas): Cause {
  const steps: (Step | undefined)[] = [];
  const who: string[] = [];
  if (!ioas.largePages) who.push('the option HUGE_PAGES 0');
  for (const id of ioas.hwptIds) {
    const hwpt = scene.context?.objects[id];
    if (hwpt?.kind !== 'hwpt-paging' || hwpt.domain.granule < ioas.align) continue;
    steps.push(makerOf(scene, id));
    who.push(`HWPT ${id}${madeText(makerOf(scene, id))}, whose smallest page is ${hex(hwpt.domain.granule)}`);
  }
  for (const id of ioas.accessIds) {
    const access = scene.context?.objects[id];
    if (access?.kind !== 'access' || !access.needsPin || ioas.align < PAGE) continue;
    steps.push(makerOf(scene, id));
    who.push(`hidden access ${id}${madeText(makerOf(scene, id))}, which pins whole pages`);
  }
  const more = who.length > DEMANDS_SHOWN ? ` and by ${who.length - DEMANDS_SHOWN} more` : '';
  const named = who.slice(0, DEMANDS_SHOWN).join(' and by ');
  const by = who.length === 0 ? 'no object demands more' : `demanded by ${named}${more}`;
  return {
    text: [`the alignment of IOAS ${ioas.id} is ${hex(ioas.align)}: ${by}`],
    steps: distinctSteps(steps),
  };
}

function noSpace(scene: Scene, context: Context, ioas: Ioas): Cause {
  const allowed = ioas.allowed.map(({ start, last }) => rangeText(start, last)).join(', ');
  const reserved = reservedIn(scene, context, ioas, 0n, U64_MAX);
  const text = [
    `IOAS ${ioas.id} has ${areaCount(ioas.areas)} areas; automatic IOVAs may come from ${allowed === '' ? 'everywhere' : allowed}`,
    ...reserved.text,
  ];
  return { text, steps: reserved.steps };
}

function partial(scene: Scene, context: Context, { ioas, start, last }: Target): Cause {
  const gone: string[] = [];
  for (
    let area = firstIntersecting(ioas.areas, start, last);
    area !== undefined;
    area = nextAfter(ioas.areas, area.last)
  ) {
    if (area.iova >= start && area.last <= last) {
      gone.push(rangeText(area.iova, area.last));
      continue;
    }
    const step = areaStep(scene.steps, context.id, ioas.id, area.iova);
    const text = [`${areaText(ioas, area)}${mappedBy(step)} sticks out of ${rangeText(start, last)}`];
    if (gone.length > 0)
      text.push(
        `the areas before it are unmapped all the same: ${gone.slice(0, 4).join(', ')}${gone.length > 4 ? ` and ${gone.length - 4} more` : ''}`,
      );
    return { text, steps: distinctSteps([step]) };
  }
  return { text: [], steps: [] };
}

function nothing(scene: Scene, context: Context, { ioas, start, last }: Target): Cause {
  const unmapped = lastStep(
    scene.steps,
    (event) =>
      event.type === 'AreaUnmapped' &&
      event.context === context.id &&
      event.id === ioas.id &&
      event.iova >= start &&
      event.iova <= last,
  );
  const next = nextAfter(ioas.areas, start);
  const text = [
    areaCount(ioas.areas) === 0
      ? `IOAS ${ioas.id} has no areas at all`
      : next === undefined
        ? `IOAS ${ioas.id} has no area after ${hex(start)}`
        : `the next area is ${areaText(ioas, next)}`,
  ];
  if (unmapped !== undefined) text.push(`what was there was unmapped by ${stepText(unmapped)}`);
  return { text, steps: distinctSteps([unmapped]) };
}

/** Which part of the range no area covers. */
function gaps(scene: Scene, context: Context, { ioas, start, last }: Target): Cause {
  const steps: (Step | undefined)[] = [];
  let free = start;
  forEachArea(
    ioas.areas,
    (area) => {
      if (area.iova > free) return false;
      free = area.last + 1n;
      steps.push(areaStep(scene.steps, context.id, ioas.id, area.iova));
      return true;
    },
    start,
    last,
  );
  return { text: [`nothing is mapped at ${hex(free)} of IOAS ${ioas.id}`], steps: distinctSteps(steps) };
}

/** The IOAS that the call names, whatever the field is called. */
export function ioasNamed({ call, context }: Scene): Ioas | undefined {
  const fields = ['ptId', 'ioasId', 'objectId', 'id'];
  const id = fields.map((name) => numberField(call, name)).find((value) => value !== undefined);
  return context === undefined || id === undefined ? undefined : objectOf(context, id, 'ioas');
}

/** A domain or an access that cannot join: which areas and promises of the IOAS are in the way. */
function joining(scene: Scene, context: Context, rule: RuleId): Cause | undefined {
  const ioas = ioasNamed(scene);
  if (ioas === undefined) return undefined;
  const odd = (area: Area): boolean => ((area.iova | (area.last + 1n) | area.startByte) & 0xfffn) !== 0n;
  const everywhere = { ioas, start: 0n, last: U64_MAX };
  const areas =
    rule === 'ioas/alignment'
      ? areasIn(scene, context, everywhere, 'is not aligned to pages', odd)
      : areasIn(scene, context, everywhere, 'is mapped');
  return rule === 'ioas/alignment'
    ? { ...areas, text: [...alignment(scene, ioas).text, ...areas.text] }
    : areas;
}
