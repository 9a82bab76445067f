/** A proposal, a platform and a setup as a model that can be searched. */
import type { Arguments, Command, Model, Property } from '../explore/model.ts';
import { ModelError } from '../explore/model-error.ts';
import { type Bench, reduceDesign } from './design-reduce.ts';
import { type DesignDeclaration, type DesignState, declareDesign } from './design-state.ts';
import type { Look, SearchedProperty } from './property.ts';
import { type Decision, type DesignCommand, isRefusal, lifecyclesOf, type Proposal } from './proposal.ts';
import { type Ground, groundOf, type Platform, type Setup, type SetupStep } from './setup.ts';
import { type Args, PARAM_SORTS, type Param, VERBS, type Verb } from './verb.ts';
import { WORLD_COMMANDS } from './world-commands.ts';

/** A proposal on its ground: every word that can be said there, and what it answers. */
export type Design = Readonly<{
  proposal: Proposal;
  ground: Ground;
  bench: Bench;
  commands: ReadonlyMap<Verb, DesignCommand>;
}>;

export function designOf(proposal: Proposal, platform: Platform, setup: Setup): Design {
  const ground = groundOf(platform, setup);
  const commands = new Map(WORLD_COMMANDS.map((one) => [one.verb, one]));
  for (const one of proposal.commands) commands.set(one.verb, one);
  return { proposal, ground, bench: { ground, lifecycles: lifecyclesOf(proposal) }, commands };
}

/** What the proposal answers; undefined for a word that it does not have. */
export function decideDesign(
  design: Design,
  state: DesignState,
  verb: Verb,
  args: Args,
): Decision | undefined {
  return design.commands.get(verb)?.decide(state, args, design.ground);
}

/** Applies the events of a decision, in order. */
export function applyDecision(design: Design, state: DesignState, decision: Decision): void {
  if (isRefusal(decision)) return;
  for (const event of decision) reduceDesign(state, design.bench, event);
}

/** A state as properties look at it. */
function lookAt(design: Design, state: DesignState): Look {
  return {
    state,
    ground: design.ground,
    accepts: (verb, args) => {
      const decision = decideDesign(design, state, verb, args);
      return decision !== undefined && !isRefusal(decision);
    },
    decides: (verb, args) => {
      const decision = decideDesign(design, state, verb, args);
      return decision === undefined || isRefusal(decision) ? [] : decision;
    },
    mentions: (verb) => design.commands.get(verb)?.mentions ?? [],
    report: (device) => design.proposal.report?.(state, device, design.ground),
  };
}

/** The name under which the search looks for the situation of a property. */
export function arisesName(id: string): string {
  return `${id} arises`;
}

/** The model of a design with these properties: each as `always` or `leadsTo`, and as `sometimes` the situation that it speaks of. */
export function modelOf(design: Design, properties: readonly SearchedProperty[]): Model {
  const { proposal, ground } = design;
  const declaration = declareDesign(proposal.file, ground);
  return declaration.model({
    name: `${proposal.id} on ${ground.platform}, ${ground.setup.id}`,
    initial: (state) => prepare(design, state),
    commands: ground.setup.verbs.flatMap((verb) => searchCommand(design, declaration, verb)),
    properties: properties.flatMap((property) => searchProperties(design, declaration, property)),
  });
}

/** How a search names a command: as its text does, with the neutral word. */
export function searchName({ name, verb }: DesignCommand): string {
  return name === verb ? verb : `${name} [${verb}]`;
}

function searchCommand(design: Design, declaration: DesignDeclaration, verb: Verb): Command[] {
  const found = design.commands.get(verb);
  if (found === undefined) return [];
  const params: readonly Param[] = VERBS[verb];
  const sorts = Object.fromEntries(params.map((param) => [param, PARAM_SORTS[param]]));
  const decide = (state: DesignState, args: Arguments): Decision =>
    found.decide(state, args as Args, design.ground);
  return [
    declaration.command(searchName(found), sorts, {
      lane: laneOf(found, params),
      fair: design.ground.setup.fair?.includes(verb) ? 'instance' : 'none',
      guard: (state, args) => !isRefusal(decide(state, args)),
      effect: (state, args) => applyDecision(design, state, decide(state, args)),
    }),
  ];
}

/** Who is asked, for a sequence diagram. */
function laneOf({ on }: DesignCommand, params: readonly Param[]): string {
  return on === 'device' && params.includes('device') ? 'device' : on;
}

function searchProperties(
  design: Design,
  declaration: DesignDeclaration,
  property: SearchedProperty,
): Property[] {
  if (property.kind === 'leads-to') {
    const { id, source, from, to } = property;
    const ask =
      (question: typeof from) =>
      (state: DesignState, { device }: Readonly<{ device: number }>): boolean =>
        question(lookAt(design, state), device);
    const arises = (state: DesignState): boolean =>
      design.ground.devices.some((device) => ask(from)(state, { device }));
    return [
      declaration.leadsTo(id, { device: 'device' }, { source, from: ask(from), to: ask(to) }),
      declaration.sometimes(arisesName(id), arises),
    ];
  }
  return [
    declaration.always(property.id, (state) => property.holds(lookAt(design, state)), property.source),
    declaration.sometimes(arisesName(property.id), (state) => property.arises(lookAt(design, state))),
  ];
}

/** Every RID is on its default domain and has the drivers of the setup; then the steps that come before the search. */
export function prepare(design: Design, state: DesignState): void {
  const { ground } = design;
  for (const device of ground.devices) {
    if (ground.traits[device]?.rid === device) state.onDefault.add(device);
    if (ground.traits[device]?.hostDriver) state.hostDriver.add(device);
  }
  for (const step of ground.setup.prelude) takeFirst(design, state, 'anyOf' in step ? step.anyOf : [step]);
}

/** Takes the first of these steps that is accepted. None is taken where the proposal has no word for any. */
function takeFirst(design: Design, state: DesignState, steps: readonly SetupStep[]): void {
  let refused: ModelError | undefined;
  for (const [verb, ...values] of steps) {
    const args = Object.fromEntries(VERBS[verb].map((param, index) => [param, values[index]]));
    const decision = decideDesign(design, state, verb, args);
    if (decision === undefined) continue;
    if (!isRefusal(decision)) {
      applyDecision(design, state, decision);
      return;
    }
    const at = { file: design.proposal.file, place: `${verb}(${values.join(', ')}) before the search` };
    refused ??= new ModelError('MDL004-threw', at, `is refused: ${decision.says}`);
  }
  if (refused !== undefined) throw refused;
}
