/** Ranges of an IOAS that no area may touch, and who reserved them. */
import type { Ioas } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import { rangeText } from './describe-command.ts';
import { type Cause, distinctSteps, madeText, makerOf, type Scene, stepText } from './explain-scene.ts';
import { lastStep, type Step } from './provenance.ts';

/** Who reserved a range, in words, and the step that did. */
export function ownerText(
  scene: Scene,
  context: Context,
  ioasId: number,
  owner: string,
  start: bigint,
): { text: string; step: Step | undefined } {
  const [kind, word] = owner.split(':');
  const id = Number(word);
  const object = context.objects[id];
  const step = makerOf(scene, id);
  if (kind === 'hwpt' && object?.kind === 'hwpt-paging') {
    const { aperture } = object.domain;
    const range = rangeText(aperture.start, aperture.last);
    return { text: `HWPT ${id}${madeText(step)}, whose aperture is ${range}`, step };
  }
  const reserved = lastStep(
    scene.steps,
    (event) =>
      event.type === 'RangeReserved' &&
      event.context === context.id &&
      event.id === ioasId &&
      event.owner === owner &&
      event.start === start,
  );
  const at = reserved === undefined ? '' : ` (${stepText(reserved)})`;
  if (kind === 'device' && object?.kind === 'device')
    return { text: `device ${id} ${object.traits.name}, attached${at}`, step: reserved };
  return { text: kind === 'test' ? `IOMMU_TEST_OP_ADD_RESERVED${at}` : `${owner}${at}`, step: reserved };
}

/** The reserved ranges that share a byte with [start, last], with their owners. */
export function reservedIn(scene: Scene, context: Context, ioas: Ioas, start: bigint, last: bigint): Cause {
  const owners = new Map<string, string[]>();
  const steps: (Step | undefined)[] = [];
  for (const range of ioas.reserved) {
    if (range.start > last || range.last < start) continue;
    const { text, step } = ownerText(scene, context, ioas.id, range.owner, range.start);
    const where = `${rangeText(range.start, range.last)} of IOAS ${ioas.id}`;
    owners.set(where, [...(owners.get(where) ?? []), text]);
    steps.push(step);
  }
  const text = [...owners].map(([where, who]) => `${where} is reserved by ${who.join(' and by ')}`);
  return { text, steps: distinctSteps(steps) };
}
