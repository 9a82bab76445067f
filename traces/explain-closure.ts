/** A first guess at the calls that an answer depends on: who made the objects involved, and what had to be there for their ids. */
import type { Event } from '../events/event.ts';
import { decodeCall } from './decoded-call.ts';
import { idFieldsOf, numberField, openObject, type Scene } from './explain-scene.ts';
import { isCall, type Life, type Step } from './provenance.ts';

/** Fields of events that name objects of the event's context. */
const ID_NAMES = [
  'id',
  'deviceId',
  'hwptId',
  'formerHwptId',
  'ioasId',
  'parentId',
  'viommuId',
  'faultId',
  'accessId',
  'dependsOnId',
] as const;

type Stay = Life & Readonly<{ from: number; to: number }>;
type Lives = ReadonlyMap<string, readonly Stay[]>;

/** Every stay of every object, by `context/id`. */
function indexLives(steps: readonly Step[]): Lives {
  const lives = new Map<string, Stay[]>();
  for (const [index, step] of steps.entries()) {
    for (const { context, id, kind, fate } of step.fates) {
      const key = `${context}/${id}`;
      const known = lives.get(key) ?? [];
      const last = known.at(-1);
      if (fate === 'made')
        known.push({ kind, made: step, ended: undefined, buried: false, from: index, to: steps.length });
      else if (last !== undefined && fate === 'destroyed')
        known[known.length - 1] = { ...last, ended: step, to: index };
      lives.set(key, known);
    }
  }
  return lives;
}

/** Ids that a step's events and arguments name, as `[context, id]`. */
function namesOf(step: Step): [number, number][] {
  const names: [number, number][] = [];
  const context = step.result?.context ?? 0;
  for (const event of step.events) for (const id of idsIn(event)) names.push([contextOf(event, context), id]);
  if (isCall(step.line)) {
    const call = decodeCall(step.line);
    for (const field of idFieldsOf(call)) names.push([context, numberField(call, field) ?? 0]);
  }
  return names;
}

function contextOf(event: Event, otherwise: number): number {
  return 'context' in event ? event.context : otherwise;
}

function idsIn(event: Event): number[] {
  const values = event as Readonly<Record<string, unknown>>;
  return ID_NAMES.map((name) => values[name]).filter((id) => typeof id === 'number' && id > 0) as number[];
}

/**
 * The steps that `related` and the call rest on: makers of objects, and makers of what occupied the lower ids then (ids are
 * given lowest first). A guess: whether it is enough is found by replaying.
 */
export function closureOf(scene: Scene, related: readonly Step[]): ReadonlySet<Step> {
  const { steps } = scene;
  const lives = indexLives(steps);
  const position = new Map(steps.map((step, index) => [step, index]));
  const found = new Set<Step>();
  const waiting: Step[] = [];
  const add = (step: Step | undefined): void => {
    if (step === undefined || found.has(step) || !position.has(step)) return;
    found.add(step);
    waiting.push(step);
  };
  const need = (context: number, id: number, at: number): void => {
    const stay = lives.get(`${context}/${id}`)?.findLast(({ from }) => from <= at);
    add(stay?.made);
    if (stay !== undefined && stay.to < at) add(stay.ended);
  };
  const open = openObject(scene);
  if (open !== undefined) need(scene.result.context, open.id, steps.length);
  for (const [context, id] of namesOf(scene.step)) need(context, id, steps.length);
  for (const step of related) add(step);
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    const at = position.get(step) ?? 0;
    for (const [context, id] of namesOf(step)) need(context, id, at);
    for (const { context, id, fate } of step.fates) {
      for (let lower = 1; fate === 'made' && lower < id; lower++) need(context, lower, at);
    }
  }
  return found;
}

/** Whether one of `others` names an object that `step` made. */
export function isNamed(step: Step, others: readonly Step[]): boolean {
  const named = new Set(others.flatMap((one) => namesOf(one).map(String)));
  return step.fates.some(({ context, id, fate }) => fate === 'made' && named.has(String([context, id])));
}
