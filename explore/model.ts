/** A model for exhaustive search: a finite state, commands that change it, and the properties it claims. */
import { ModelError } from './model-error.ts';
import type { Field, Sort } from './model-fields.ts';
import { type Layout, layoutOf, memberName, upTo } from './model-layout.ts';

export type Argument = number | string;
export type Arguments = Readonly<Record<string, Argument>>;

/** What a parameter ranges over: the members of a sort, or the values given. */
export type Params = Readonly<Record<string, string | readonly Argument[]>>;

/** The arguments that parameters make: a member of a sort is a number. */
export type ArgumentsOf<P extends Params> = {
  readonly [K in keyof P]: P[K] extends readonly (infer V extends Argument)[] ? V : number;
};

/**
 * What a command may rely on: `command`, that some instance of it is taken if some instance stays enabled; `instance`, that each
 * instance is taken which stays enabled (weak fairness). The latter tells things apart, so that nothing is interchangeable.
 */
export type Fairness = 'none' | 'command' | 'instance';

/** `guard` and `effect` are methods, so that one search takes models of any state. */
export interface Command {
  readonly name: string;
  readonly params: Params;
  readonly fair: Fairness;
  /** Who is asked, in a sequence diagram: a parameter's name, or a name of its own. */
  readonly lane: string | undefined;
  guard(state: object, args: Arguments): boolean;
  effect(state: object, args: Arguments): void;
}

export interface StateProperty {
  readonly kind: 'always' | 'sometimes';
  readonly name: string;
  readonly source: string | undefined;
  holds(state: object): boolean;
}

export interface LeadsTo {
  readonly kind: 'leads-to';
  readonly name: string;
  readonly source: string | undefined;
  readonly params: Params;
  from(state: object, args: Arguments): boolean;
  to(state: object, args: Arguments): boolean;
}

export type Property = StateProperty | LeadsTo;

export interface Model {
  readonly name: string;
  /** Named in errors. */
  readonly file: string;
  readonly layout: Layout;
  readonly commands: readonly Command[];
  readonly properties: readonly Property[];
  /** Makes the initial state out of the initial values. */
  prepare(state: object): void;
}

/** The view that a model has of its state. */
export type StateOf<F> = { readonly [K in keyof F]: F[K] extends Field<infer Access> ? Access : never };

type CommandParts<S, P extends Params> = Readonly<{
  fair?: Fairness;
  lane?: string;
  /** Whether the command is accepted. Must not write. */
  guard: (state: S, args: ArgumentsOf<P>) => boolean;
  /** What it leaves behind. May only depend on the state and the arguments. */
  effect: (state: S, args: ArgumentsOf<P>) => void;
}>;

type LeadsToParts<S, P extends Params> = Readonly<{
  source?: string;
  from: (state: S, args: ArgumentsOf<P>) => boolean;
  to: (state: S, args: ArgumentsOf<P>) => boolean;
}>;

/** A declared state, and what may be said about it. */
export interface Declaration<S> {
  readonly layout: Layout;
  readonly file: string;
  /** 0, 1, 2, … of a sort, for loops and `every()`. */
  members(sort: string): readonly number[];
  command<const P extends Params>(name: string, params: P, parts: CommandParts<S, P>): Command;
  /** Holds in every state that can be reached. `source` says who claims it. */
  always(name: string, holds: (state: S) => boolean, source?: string): Property;
  /** Holds in some state that can be reached. */
  sometimes(name: string, holds: (state: S) => boolean, source?: string): Property;
  /** Whenever `from` holds, `to` holds then or later, if the fair commands get their turn. Each instance is claimed. */
  leadsTo<const P extends Params>(name: string, params: P, parts: LeadsToParts<S, P>): Property;
  model(parts: ModelParts<S>): Model;
}

type ModelParts<S> = Readonly<{
  name: string;
  initial?: (state: S) => void;
  commands: readonly Command[];
  properties: readonly Property[];
}>;

/**
 * Declares the state of a model in `file`. Throws ModelError for a field over a sort that is not declared, an empty domain, or an
 * initial value outside of it.
 */
export function declareState<
  const Sorts extends Readonly<Record<string, Sort>>,
  const F extends Readonly<Record<string, Field<object, keyof Sorts & string>>>,
>(file: string, sorts: Sorts, fields: F): Declaration<StateOf<F>> {
  // The view that a search opens on this layout has just the fields that were declared: here it gets its type.
  return words(file, layoutOf(file, sorts, fields)) as Declaration<StateOf<F>>;
}

/** The words of a declaration, which say the same for every state. */
function words(file: string, layout: Layout): Declaration<object> {
  return {
    layout,
    file,
    members: (sort) => membersOf(file, layout, sort),
    command: (
      name: string,
      params: Params,
      { fair = 'none', lane, guard, effect }: CommandParts<object, Params>,
    ) => ({
      name,
      params,
      fair,
      lane,
      guard,
      effect,
    }),
    always: (name, holds, source) => ({ kind: 'always', name, source, holds }),
    sometimes: (name, holds, source) => ({ kind: 'sometimes', name, source, holds }),
    leadsTo: (name: string, params: Params, { source, from, to }: LeadsToParts<object, Params>) => ({
      kind: 'leads-to',
      name,
      source,
      params,
      from,
      to,
    }),
    model: ({ name, initial, commands, properties }) => {
      refuseTwins(file, 'command', commands);
      refuseTwins(file, 'property', properties);
      return { name, file, layout, commands, properties, prepare: initial ?? (() => undefined) };
    },
  };
}

function membersOf(file: string, layout: Layout, sort: string): readonly number[] {
  const found = layout.sorts[sort];
  if (found === undefined)
    throw new ModelError('MDL001-declaration', { file, place: `sort ${sort}` }, 'is not declared');
  return upTo(found.size);
}

function refuseTwins(file: string, noun: string, named: readonly Readonly<{ name: string }>[]): void {
  const seen = new Set<string>();
  for (const { name } of named) {
    if (seen.has(name))
      throw new ModelError('MDL001-declaration', { file, place: `${noun} ${name}` }, 'is declared twice');
    seen.add(name);
  }
}

/** A command with its arguments: what a search takes, numbered in the order of the declaration. */
export type Step = Readonly<{
  id: number;
  command: Command;
  /** The number of the command in its model. */
  kind: number;
  args: Arguments;
  /** `attach(device0, space1)`. */
  label: string;
}>;

/** Every command with every choice of arguments. */
export function stepsOf(model: Model): readonly Step[] {
  const steps: Step[] = [];
  model.commands.forEach((command, kind) => {
    for (const args of instancesOf(model, `command ${command.name}`, command.params)) {
      const names = Object.keys(command.params).map((param) =>
        nameArgument(model, command.params, args, param),
      );
      steps.push({ id: steps.length, command, kind, args, label: `${command.name}(${names.join(', ')})` });
    }
  });
  return steps;
}

/** Every choice of arguments, the last parameter varying fastest. */
export function instancesOf(model: Model, place: string, params: Params): readonly Arguments[] {
  let instances: readonly Arguments[] = [{}];
  for (const [name, domain] of Object.entries(params)) {
    const known = typeof domain !== 'string' || model.layout.sorts[domain] !== undefined;
    const at = { file: model.file, place: `${place}, parameter ${name}` };
    if (!known)
      throw new ModelError('MDL001-declaration', at, `expected a declared sort, found ${String(domain)}`);
    const values = typeof domain === 'string' ? membersOf(model.file, model.layout, domain) : domain;
    instances = instances.flatMap((args) => values.map((value) => ({ ...args, [name]: value })));
  }
  return instances;
}

/** The argument as it is shown: `device0` for a member of a sort. */
export function nameArgument({ layout }: Model, params: Params, args: Arguments, param: string): string {
  const domain = params[param];
  const value = args[param] ?? '';
  return typeof domain === 'string' ? memberName(layout, domain, Number(value)) : String(value);
}
