/** Traces as Mermaid sequence diagrams: who is asked for what, and what changes. */
import { mermaidText } from './mermaid-text.ts';
import { differences } from './model-snapshot.ts';
import type { Trace, TraceStep } from './search-trace.ts';

/** Whoever gives the commands, where nobody is named. */
const USER = 'user';
/** Changes told of one step; a range of memory can change at many places. */
const CHANGES_SHOWN = 8;

/** The text of a diagram. `ending` is what the last state shows, such as `violates P01`. */
export function sequenceDiagram(trace: Pick<Trace, 'steps' | 'states' | 'loop'>, ending: string): string {
  const { steps, states, loop } = trace;
  const lanes = [...new Set(steps.map(({ lane }) => lane))];
  const actors = [...new Set(steps.map(actorOf))];
  const [first = USER] = actors;
  const lines = [
    'sequenceDiagram',
    ...(actors.length === 0 ? [USER] : actors).map((actor) =>
      actor === USER ? `  actor ${USER}` : `  actor ${idOf(actor)} as ${mermaidText(actor)}`,
    ),
    ...lanes.map((lane) => `  participant ${idOf(lane)} as ${mermaidText(lane)}`),
  ];
  steps.forEach((step, index) => {
    if (index === loop) lines.push('  loop for ever');
    const [before, after] = [states[index] ?? {}, states[index + 1] ?? {}];
    const [actor, lane] = [idOf(actorOf(step)), idOf(step.lane)];
    lines.push(`  ${actor}->>${lane}: ${messageOf(step)}`, ...notesOf(step, differences(before, after)));
    if (step.answer !== undefined) lines.push(`  ${lane}-->>${actor}: ${mermaidText(step.answer)}`);
  });
  if (loop !== undefined && loop < steps.length) lines.push('  end');
  if (loop === steps.length) lines.push(`  Note over ${idOf(first)}: nothing more happens`);
  const last = lanes.at(-1);
  const over = last === undefined ? idOf(first) : `${idOf(first)},${idOf(last)}`;
  return `${[...lines, `  Note over ${over}: ${mermaidText(ending)}`].join('\n')}\n`;
}

function actorOf({ actor }: TraceStep): string {
  return actor ?? USER;
}

/** The arguments apart from the one that is asked. */
function messageOf({ command, args, lane }: TraceStep): string {
  const others = Object.entries(args).filter(([, value]) => value !== lane);
  return mermaidText(
    others.length === 0
      ? command
      : `${command} ${others.map(([name, value]) => `${name}=${value}`).join(' ')}`,
  );
}

function notesOf({ lane }: TraceStep, changes: readonly string[]): string[] {
  if (changes.length === 0) return [];
  const shown = changes.slice(0, CHANGES_SHOWN).map(mermaidText);
  if (changes.length > shown.length) shown.push(`and ${changes.length - shown.length} more`);
  return [`  Note right of ${idOf(lane)}: ${shown.join('<br/>')}`];
}

/** Names of participants may not have spaces or signs. */
function idOf(lane: string): string {
  return lane === USER ? USER : `p_${lane.replace(/[^A-Za-z0-9]/g, '_')}`;
}
