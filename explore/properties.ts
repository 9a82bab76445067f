/** What a search watches in each new state. */

import {
  type Arguments,
  instancesOf,
  type LeadsTo,
  type Model,
  nameArgument,
  type Property,
  type StateProperty,
} from './model.ts';
import { ModelError, StateAccessError } from './model-error.ts';
import { type Growing, growBytes } from './search-growing.ts';

/** One instance of a leads-to property, and for each state whether it is a beginning (1) or an end (2) of it. */
export type Claim = Readonly<{
  property: LeadsTo;
  args: Arguments;
  label: string;
  marks: Growing<Uint8Array>;
}>;

export type Watch = {
  readonly properties: readonly StateProperty[];
  /** For each property the first state that decides it, or -1. */
  readonly decidedBy: Int32Array;
  /** The numbers of those that nothing decided yet. */
  undecided: number[];
  readonly claims: readonly Claim[];
  /** The property that is being asked, for errors. */
  asked: string;
};

export const BEGINS = 1;
export const ENDS = 2;

export function watchOf(model: Model, properties: readonly Property[]): Watch {
  const ofStates = properties.filter((property): property is StateProperty => property.kind !== 'leads-to');
  const leadsTo = properties.filter((property): property is LeadsTo => property.kind === 'leads-to');
  return {
    properties: ofStates,
    decidedBy: new Int32Array(ofStates.length).fill(-1),
    undecided: ofStates.map((_, number) => number),
    claims: leadsTo.flatMap((property) => claimsOf(model, property)),
    asked: '',
  };
}

function claimsOf(model: Model, property: LeadsTo): Claim[] {
  const { name, params } = property;
  return instancesOf(model, `property ${name}`, params).map((args) => {
    const names = Object.keys(params).map((param) => nameArgument(model, params, args, param));
    const label = names.length === 0 ? name : `${name} (${names.join(', ')})`;
    return { property, args, label, marks: { data: new Uint8Array(0), length: 0 } };
  });
}

/** Asks all that is undecided about a new state, the next in order. There has to be room. */
export function look(watch: Watch, view: object, number: number): void {
  let decided = false;
  for (const index of watch.undecided) {
    const property = watch.properties[index];
    if (property === undefined) continue;
    watch.asked = property.name;
    if (isTrue(property.holds(view)) === (property.kind === 'always')) continue;
    watch.decidedBy[index] = number;
    decided = true;
  }
  if (decided) watch.undecided = watch.undecided.filter((index) => watch.decidedBy[index] === -1);
  for (const { property, args, marks } of watch.claims) {
    watch.asked = property.name;
    const begins = isTrue(property.from(view, args)) ? BEGINS : 0;
    const ends = isTrue(property.to(view, args)) ? ENDS : 0;
    marks.data[marks.length++] = begins | ends;
  }
}

export function reserveMarks({ claims }: Watch, states: number): void {
  for (const { marks } of claims) growBytes(marks, states);
}

/** Takes nothing but true and false for an answer: a forgotten `return` would else pass for a verdict. */
export function isTrue(answer: unknown): boolean {
  if (answer === true) return true;
  if (answer === false) return false;
  throw new StateAccessError('MDL005-not-boolean', `answered ${String(answer)}, expected true or false`);
}

/**
 * Whether the property, or a fair command, tells members apart. A search that checks it must not take states for the same that
 * differ in names.
 */
export function tellsApart(model: Model, property: Property): boolean {
  if (property.kind !== 'leads-to') return false;
  const overMembers = Object.values(property.params).some((domain) => typeof domain === 'string');
  return overMembers || model.commands.some(({ fair }) => fair === 'instance');
}

/** The properties of these names, or all. Throws ModelError for a name that the model does not have. */
export function choose(model: Model, names: readonly string[] | undefined): readonly Property[] {
  const unknown = names?.find((name) => !model.properties.some((property) => property.name === name));
  if (unknown !== undefined) {
    const known = model.properties.map(({ name }) => name).join(', ');
    const at = { file: model.file, place: `property ${unknown}` };
    throw new ModelError('MDL001-declaration', at, `expected one of ${known}`);
  }
  return names === undefined ? model.properties : model.properties.filter(({ name }) => names.includes(name));
}
