/** What a verification says, as text and as the JSON of docs/CLI.md. */
import { differences } from '../explore/model-snapshot.ts';
import type { Trace } from '../explore/search-trace.ts';
import type { DesignVerdict, Verification } from './verify.ts';

/** How parts of the text are marked; see cli/terminal.ts. */
export type Marks = Readonly<Record<'bold' | 'dim' | 'good' | 'bad', (text: string) => string>>;

/** The object that `ioasis verify --json` prints. Steps are `NAME [word](arguments)`. */
export function verificationJson(verification: Verification, elapsedMs: number): object {
  const { proposal, platform, states, transitions, depth, complete, searches, verdicts, dead } = verification;
  return {
    schema: 'ioasis.verify/1',
    proposal: proposal.id,
    platform,
    states,
    transitions,
    depth,
    complete,
    statesPerSecond: perSecond(states, elapsedMs),
    properties: verdicts.map(({ property, verdict, bounded, why, setup, trace }) => ({
      id: property.id,
      says: property.says,
      source: property.source,
      verdict,
      ...(bounded ? { bounded } : {}),
      ...(why === undefined ? {} : { why }),
      ...(setup === undefined ? {} : { setup }),
      ...(trace?.loop === undefined ? {} : { loop: trace.loop }),
      counterexample: trace?.steps.map(({ label }) => label) ?? [],
      length: trace?.steps.length ?? 0,
    })),
    dead,
    searches: searches.map(({ setup, result }) => ({
      setup,
      states: result.states,
      transitions: result.transitions,
      depth: result.depth,
      complete: result.complete,
      stop: result.stop,
      symmetry: result.symmetry,
      omission: result.omission,
    })),
    elapsedMs: Math.round(elapsedMs),
  };
}

/** The report for people: a line for each property, then a shortest counterexample of each that is violated. */
export function verificationText(verification: Verification, elapsedMs: number, marks: Marks): string {
  const { proposal, platform, states, transitions, complete, searches, verdicts, dead } = verification;
  const worlds = `${searches.length} ${searches.length === 1 ? 'world' : 'worlds'}`;
  const lines = [
    marks.bold(`${proposal.title} (${proposal.id}, ${proposal.date}) on ${platform}`),
    `${states} states, ${transitions} transitions in ${worlds}, ${perSecond(states, elapsedMs)} states a second` +
      (complete ? '' : '; not all was searched'),
    ...(dead.length === 0 ? [] : [`never accepted: ${dead.join(', ')}`]),
    '',
    ...verdicts.map((verdict) => verdictLine(verdict, proposal.claims.includes(verdict.property.id), marks)),
    ...verdicts.flatMap((verdict) => counterexample(verdict, marks)),
  ];
  return `${lines.join('\n')}\n`;
}

const SIGNS = { holds: 'good', violated: 'bad', 'not-expressible': 'dim' } as const;

function verdictLine(
  { property, verdict, bounded, why }: DesignVerdict,
  claimed: boolean,
  marks: Marks,
): string {
  const sign = marks[SIGNS[verdict]](verdict.padEnd(15));
  const note = why === undefined ? '' : marks.dim(` — ${why}`);
  const claim = claimed ? marks.dim(' (claimed)') : '';
  return `${property.id}  ${sign}  ${property.says}${claim}${bounded ? ' (up to the bound)' : ''}${note}`;
}

function counterexample({ property, setup, trace }: DesignVerdict, marks: Marks): string[] {
  if (trace === undefined) return [];
  const steps = trace.steps.flatMap(({ label }, index) => [
    `  ${String(index + 1).padStart(2)}. ${label}`,
    ...differences(trace.states[index] ?? {}, trace.states[index + 1] ?? {}).map((line) =>
      marks.dim(`        ${line}`),
    ),
  ]);
  return [
    '',
    marks.bold(`${property.id} is violated in the world '${setup}' (${property.source})`),
    ...steps,
    ...loopLines(trace),
  ];
}

/** How a run goes on that never keeps its promise. */
export function loopLines({ loop, steps }: Trace): string[] {
  if (loop === undefined) return [];
  return [
    loop === steps.length
      ? '  and nothing more has to happen'
      : `  and from step ${loop + 1} on again and again`,
  ];
}

function perSecond(count: number, elapsedMs: number): number {
  return elapsedMs > 0 ? Math.round((count * 1000) / elapsedMs) : 0;
}
