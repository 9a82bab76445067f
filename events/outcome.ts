/** What a decider answers: the result of one call, the facts that follow from it, and the bytes that it writes. */
import type { Event } from './event.ts';
import { errnoNumberOf, type RuleId } from './rules.ts';

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
  /** The number of that errno; 0 where no rule refused. */
  errno: number;
  /** The fact that the recording does not hold and without which the result cannot be told. */
  missing: string | undefined;
  /** What happened. Refused calls can have events too: partial progress stays. */
  events: readonly Event[];
  reply: Reply | undefined;
  /** Stores into the caller's struct that no single field describes (VFIO_IOMMU_GET_INFO). */
  raw: readonly Patch[] | undefined;
  /** Stores into the second buffer that the struct points to, or the bytes that a read returns. */
  buffer: readonly Patch[] | undefined;
  /** Rules that may have refused it instead, where nobody knows which did. */
  others: readonly RuleId[] | undefined;
}>;

const NO_EVENTS: readonly Event[] = [];

/** The one place where outcomes are made: all have one hidden class, since the replay looks at a dozen of their fields a call. */
function outcome(
  ret: number,
  rule: RuleId | undefined,
  missing: string | undefined,
  events: readonly Event[],
  reply: Reply | undefined,
  raw: readonly Patch[] | undefined,
  buffer: readonly Patch[] | undefined,
  others: readonly RuleId[] | undefined,
): Outcome {
  const errno = rule === undefined ? 0 : errnoNumberOf(rule);
  return { ret, rule, errno, missing, events, reply, raw, buffer, others };
}

/** Success that changes nothing and writes nothing. */
export const DONE = done(NO_EVENTS);

/** Success with its events and the fields written back. */
export function done(events: readonly Event[], reply?: Reply, buffer?: readonly Patch[]): Outcome {
  return outcome(0, undefined, undefined, events, reply, undefined, buffer, undefined);
}

/** Success that stores these bytes into the caller's struct. */
export function stored(raw: readonly Patch[]): Outcome {
  return outcome(0, undefined, undefined, NO_EVENTS, undefined, raw, undefined, undefined);
}

/** Success whose return value is not 0. */
export function answer(
  ret: number,
  events: readonly Event[] = NO_EVENTS,
  buffer?: readonly Patch[],
): Outcome {
  return outcome(ret, undefined, undefined, events, undefined, undefined, buffer, undefined);
}

const refusals = new Map<RuleId, Outcome>();

/** A refusal that leaves state and memory alone: one shared object per rule. */
export function refuse(rule: RuleId): Outcome {
  let refusal = refusals.get(rule);
  if (refusal === undefined) {
    refusal = refuseAfter(rule, NO_EVENTS);
    refusals.set(rule, refusal);
  }
  return refusal;
}

/** A refusal after the state changed or after something was written back. */
export function refuseAfter(
  rule: RuleId,
  events: readonly Event[],
  reply?: Reply,
  buffer?: readonly Patch[],
): Outcome {
  return outcome(-1, rule, undefined, events, reply, undefined, buffer, undefined);
}

/** A refusal by one of these rules, nobody knows which. */
export function refuseAny(
  [rule, ...others]: readonly RuleId[],
  events: readonly Event[] = NO_EVENTS,
  reply?: Reply,
): Outcome {
  if (rule === undefined) throw new Error('invariant: a refusal has a rule');
  return outcome(-1, rule, undefined, events, reply, undefined, undefined, others);
}

/** The result depends on a fact that the recording does not hold; `events` say what is not known any more. */
export function undetermined(missing: string, events: readonly Event[] = NO_EVENTS): Outcome {
  return outcome(0, undefined, missing, events, undefined, undefined, undefined, undefined);
}

/** The same, but for what refused it. */
export function refusedBy({ ret, missing, events, reply, raw, buffer }: Outcome, rule: RuleId): Outcome {
  return outcome(ret, rule, missing, events, reply, raw, buffer, undefined);
}

/** The same, but for what happened. */
export function leaving(
  { ret, rule, missing, reply, raw, buffer, others }: Outcome,
  events: readonly Event[],
): Outcome {
  return outcome(ret, rule, missing, events, reply, raw, buffer, others);
}
