/** What a proposal is: its kinds as machines, its commands, and which of the known properties it claims. */
import type { ErrnoName } from '../events/errno.ts';
import { compile, type LifecycleMachine } from '../machines/lifecycle.ts';
import type { DesignEvent } from './design-event.ts';
import type { Lifecycles } from './design-reduce.ts';
import type { DesignState } from './design-state.ts';
import type { Phrasing } from './phrase.ts';
import type { PropertyId } from './property.ts';
import type { Ground } from './setup.ts';
import type { Args, ArgsOf, Verb } from './verb.ts';

/** Why a command is refused. `errno` where the text names one. */
export type Refusal = Readonly<{
  rule: string;
  errno: ErrnoName | undefined;
  says: string;
  /** The mail or patch that says so. */
  source: string;
}>;

/** Makes the refusals of one proposal: their names begin with its id. */
export function refusalsOf(proposal: string) {
  return (name: string, errno: ErrnoName | undefined, says: string, source: string): Refusal => ({
    rule: `${proposal}/${name}`,
    errno,
    says,
    source,
  });
}

/** The same for a proposal whose text names no errno. */
export function refusalsWithoutErrno(proposal: string) {
  const refusal = refusalsOf(proposal);
  return (name: string, says: string, source: string): Refusal => refusal(name, undefined, says, source);
}

/** What a command answers: what happens, in order, or why nothing does. */
export type Decision = readonly DesignEvent[] | Refusal;

export function isRefusal(decision: Decision): decision is Refusal {
  return 'rule' in decision;
}

/** The descriptor that a command is given to, or who acts without one. */
export type Addressee = 'iommu' | 'device' | 'kvm' | 'vmm' | 'guest' | 'host' | 'hardware';

/** The user's number for a PASID, the one on the bus, a device or a group. */
export type Mention = 'vpasid' | 'ppasid' | 'device' | 'group';

export type DesignCommand = Readonly<{
  verb: Verb;
  /** As the text calls it. */
  name: string;
  on: Addressee;
  source: string;
  /** Numbers of which space the command tells the user, or is told by it: for properties of layering. */
  mentions?: readonly Mention[];
  decide: (state: DesignState, args: Args, ground: Ground) => Decision;
}>;

type CommandParts<V extends Verb> = Omit<DesignCommand, 'verb' | 'decide'> &
  Readonly<{ decide: (state: DesignState, args: ArgsOf<V>, ground: Ground) => Decision }>;

/** A command for a neutral word; `decide` gets the arguments of that word. */
export function command<V extends Verb>(verb: V, parts: CommandParts<V>): DesignCommand {
  const { decide, ...rest } = parts;
  // Whoever calls a command gives it the arguments of its verb: model-of.ts and scenario.ts take them from VERBS.
  return { verb, ...rest, decide: (state, args, ground) => decide(state, args as ArgsOf<V>, ground) };
}

export type Proposal = Readonly<{
  /** The name of its folder. */
  id: string;
  title: string;
  /** When it was posted, as ISO 8601 date or month. */
  date: string;
  source: string;
  /** Named in errors. */
  file: string;
  device: LifecycleMachine;
  space: LifecycleMachine;
  commands: readonly DesignCommand[];
  /** Properties that its text asserts. */
  claims: readonly PropertyId[];
  /** Why a property or a word cannot be said in it, where the reason is more than that a command is missing. */
  lacks: Readonly<Partial<Record<PropertyId | Verb, string>>>;
  /** How it says higher words of scenarios, where that is not the usual way. */
  phrases?: Phrasing;
  /** What is told of a device to whoever asks; undefined where nothing can be asked. */
  report: ((state: DesignState, device: number, ground: Ground) => DeviceReport | undefined) | undefined;
}>;

/** What a proposal tells of one device. */
export type DeviceReport = Readonly<{ pasid: boolean; iommuPasid: boolean | undefined }>;

const compiled = new WeakMap<Proposal, Lifecycles>();

/** The machines of a proposal as tables, compiled once. */
export function lifecyclesOf(proposal: Proposal): Lifecycles {
  const known = compiled.get(proposal);
  if (known !== undefined) return known;
  const lifecycles = { device: compile(proposal.device), space: compile(proposal.space) };
  compiled.set(proposal, lifecycles);
  return lifecycles;
}

export function commandFor(proposal: Proposal, verb: Verb): DesignCommand | undefined {
  return proposal.commands.find((one) => one.verb === verb);
}
