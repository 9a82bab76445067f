/** Invariants after every call of a replay: what `--check` hangs on the engine. */
import type { Event } from '../events/event.ts';
import type { Outcome } from '../events/outcome.ts';
import type { World } from '../machines/world.ts';
import { checkInvariants } from '../reducers/invariants.ts';
import type { Violation } from '../reducers/invariants-register.ts';
import type { EngineOptions } from './engine-options.ts';
import type { RecordedLine } from './recording.ts';

/** Told of each violation, at the line after which it shows. */
export type OnViolation = (line: RecordedLine, violation: Violation, context: number) => void;

/** The contexts that the events of one call changed. */
function touchedBy(events: readonly Event[]): number[] {
  const touched: number[] = [];
  for (const event of events) {
    const { context = 0 }: { type: string; context?: number } = event;
    if (context !== 0 && !touched.includes(context)) touched.push(context);
  }
  return touched;
}

/** What does not hold after these events; [] where nothing happened. */
export function checkApplied(
  world: World,
  events: readonly Event[],
  outcome: Outcome | undefined,
): { context: number; violation: Violation }[] {
  if (events.length === 0) return [];
  const touched = touchedBy(events);
  const found: { context: number; violation: Violation }[] = [];
  // A file that was closed names no context: all of them are looked at.
  for (const context of touched.length === 0 ? [undefined] : touched) {
    const call = context === touched[0] ? { events, outcome } : { events };
    for (const violation of checkInvariants(world, context, call))
      found.push({ context: context ?? 0, violation });
  }
  return found;
}

/** An `onApplied` for the engine that reports violations, each that lasts once. */
export function checkAfter(onViolation: OnViolation): NonNullable<EngineOptions['onApplied']> {
  const reported = new Set<string>();
  return (world, events, outcome, line) => {
    for (const { context, violation } of checkApplied(world, events, outcome)) {
      const key = `${context} ${violation.invariant} ${violation.detail}`;
      if (reported.has(key)) continue;
      reported.add(key);
      onViolation(line, violation, context);
    }
  };
}
