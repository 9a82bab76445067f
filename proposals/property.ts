/** What can be claimed of a proposal: a situation, what holds whenever it arises, and who says so. */
import type { DesignEvent } from './design-event.ts';
import type { DesignState } from './design-state.ts';
import type { DeviceReport, Mention, Proposal } from './proposal.ts';
import type { Ground, Platform } from './setup.ts';
import type { SetupId } from './setups.ts';
import type { ArgsOf, Verb } from './verb.ts';

/** P01 to P60 are those of the mails, as docs/PROPOSALS.md lists them; G01 and on are kept by any design. */
export type PropertyId = `P${number}` | `G${number}`;

/** A state as a property looks at it. */
export interface Look {
  readonly state: DesignState;
  readonly ground: Ground;
  /** Whether the proposal would accept these words now. False for a word that it does not have. */
  accepts<V extends Verb>(verb: V, args: ArgsOf<V>): boolean;
  /** What would happen at these words; nothing where they are refused. */
  decides<V extends Verb>(verb: V, args: ArgsOf<V>): readonly DesignEvent[];
  /** Which numbers the command tells the user, or is told by it. */
  mentions(verb: Verb): readonly Mention[];
  /** What it tells of a device. */
  report(device: number): DeviceReport | undefined;
}

type PropertyBase = Readonly<{
  id: PropertyId;
  says: string;
  /** The mail, patch or kernel file that asserts or questions it. */
  source: string;
  /** Asserted by a proposal, questioned in the mails, or decided in mainline. */
  standing: 'asserted' | 'questioned' | 'mainline';
  /** What mainline made of it. */
  outcome: string;
}>;

/** A property that a search decides. */
type SearchedBase = PropertyBase &
  Readonly<{
    /** Where it is looked for. */
    setups: readonly SetupId[];
    /** Words without which its situation cannot be brought about: one of each list. */
    needs: readonly (readonly Verb[])[];
    /** Why its situation cannot be reached on some platforms, whatever is proposed. */
    unreached?: Readonly<Partial<Record<Platform, string>>>;
  }>;

/** A property of every state that can be reached. */
export type StateProperty = SearchedBase &
  Readonly<{
    kind: 'state';
    /** The situation that it speaks of; where none is reached, it says nothing. */
    arises: (look: Look) => boolean;
    holds: (look: Look) => boolean;
  }>;

/** A promise to each device: whenever `from` holds, `to` holds then or later, if the fair words of the setup get their turn. */
export type PromiseProperty = SearchedBase &
  Readonly<{
    kind: 'leads-to';
    from: (look: Look, device: number) => boolean;
    to: (look: Look, device: number) => boolean;
  }>;

export type SearchedProperty = StateProperty | PromiseProperty;

/** A property of the commands themselves. */
export type ShapeProperty = PropertyBase &
  Readonly<{
    kind: 'shape';
    /** Why it does not hold, or cannot be said; undefined where it holds. */
    judge: (proposal: Proposal) => ShapeJudgement;
  }>;

export type ShapeJudgement = Readonly<{
  verdict: 'holds' | 'violated' | 'not-expressible';
  why: string;
}>;

export type PropertySpec = SearchedProperty | ShapeProperty;
