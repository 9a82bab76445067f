/** What a decider answers: the result of one call, the facts that follow from it, and the bytes that it writes. */
import type { Event } from './event.ts';
import type { RuleId } from './rules.ts';

/** A value that nobody can know from outside: a descriptor number, a hardware register. Its bytes are written. */
export const UNKNOWABLE: unique symbol = Symbol('unknowable');

/** Values written back into the caller's struct, by the command's own field names. */
export type Reply = Readonly<Record<string, number | bigint | typeof UNKNOWABLE>>;

/** Bytes that the kernel stores at an offset (bytes) of the caller's struct or of its second buffer. */
export type Patch = Readonly<{
  at: number;
  bytes: Uint8Array;
  /** The kernel writes these bytes, and nobody can know their values. */
  unknowable?: true;
}>;

/** Everything that follows from one call. `ret` is what the system call returns, -1 when a rule refused it. */
export type Outcome = Readonly<{
  ret: number;
  /** The rule that refused the call; its register entry holds the errno. */
  rule: RuleId | undefined;
  /** The fact that the recording does not hold and without which the result cannot be told. */
  missing: string | undefined;
  /** What happened. Refused calls can have events too: partial progress stays. */
  events: readonly Event[];
  reply: Reply | undefined;
  /** Stores into the caller's struct that no single field describes (VFIO_IOMMU_GET_INFO). */
  raw: readonly Patch[] | undefined;
  /** Rules that may have refused it instead, where nobody knows which did. */
  others?: readonly RuleId[];
  /** Stores into the second buffer that the struct points to, or the bytes that a read returns. */
  buffer: readonly Patch[] | undefined;
}>;

const NO_EVENTS: readonly Event[] = [];

/** Success that changes nothing and writes nothing. */
export const DONE: Outcome = {
  ret: 0,
  rule: undefined,
  missing: undefined,
  events: NO_EVENTS,
  reply: undefined,
  raw: undefined,
  buffer: undefined,
};

/** Success with its events and the fields written back. */
export function done(events: readonly Event[], reply?: Reply, buffer?: readonly Patch[]): Outcome {
  return { ret: 0, rule: undefined, missing: undefined, events, reply, raw: undefined, buffer };
}

/** Success whose return value is not 0. */
export function answer(
  ret: number,
  events: readonly Event[] = NO_EVENTS,
  buffer?: readonly Patch[],
): Outcome {
  return { ret, rule: undefined, missing: undefined, events, reply: undefined, raw: undefined, buffer };
}

const refusals = new Map<RuleId, Outcome>();

/** A refusal that leaves state and memory alone: one shared object per rule. */
export function refuse(rule: RuleId): Outcome {
  let outcome = refusals.get(rule);
  if (outcome === undefined) {
    outcome = refuseAfter(rule, NO_EVENTS);
    refusals.set(rule, outcome);
  }
  return outcome;
}

/** A refusal after the state changed or after something was written back. */
export function refuseAfter(
  rule: RuleId,
  events: readonly Event[],
  reply?: Reply,
  buffer?: readonly Patch[],
): Outcome {
  return { ret: -1, rule, missing: undefined, events, reply, raw: undefined, buffer };
}

/** A refusal by one of these rules, nobody knows which. */
export function refuseAny(
  [rule, ...others]: readonly RuleId[],
  events: readonly Event[] = NO_EVENTS,
  reply?: Reply,
): Outcome {
  if (rule === undefined) throw new Error('invariant: a refusal has a rule');
  return { ...refuseAfter(rule, events, reply), others };
}

/** The result depends on a fact that the recording does not hold; `events` say what is not known any more. */
export function undetermined(missing: string, events: readonly Event[] = NO_EVENTS): Outcome {
  return { ret: 0, rule: undefined, missing, events, reply: undefined, raw: undefined, buffer: undefined };
}
