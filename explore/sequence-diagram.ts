/** Traces as Mermaid sequence diagrams: who is asked for what, and what changes. */
import { differences } from './model-snapshot.ts';
import type { Trace, TraceStep } from './search-trace.ts';

/** Whoever gives the commands. */
const USER = 'user';

/** The text of a diagram. `ending` is what the last state shows, such as `violates P01`. */
export function sequenceDiagram(trace: Trace, ending: string): string {
  const { steps, states, loop } = trace;
  const lanes = [...new Set(steps.map(({ lane }) => lane))];
  const lines = [
    'sequenceDiagram',
    `  actor ${USER}`,
    ...lanes.map((lane) => `  participant ${idOf(lane)} as ${escaped(lane)}`),
  ];
  steps.forEach((step, index) => {
    if (index === loop) lines.push('  loop for ever');
    const [before, after] = [states[index] ?? {}, states[index + 1] ?? {}];
    lines.push(
      `  ${USER}->>${idOf(step.lane)}: ${messageOf(step)}`,
      ...notesOf(step, differences(before, after)),
    );
  });
  if (loop !== undefined && loop < steps.length) lines.push('  end');
  if (loop === steps.length) lines.push(`  Note over ${USER}: nothing more happens`);
  const over = lanes.length === 0 ? USER : `${USER},${idOf(lanes.at(-1) ?? USER)}`;
  return `${[...lines, `  Note over ${over}: ${escaped(ending)}`].join('\n')}\n`;
}

/** The arguments apart from the one that is asked. */
function messageOf({ command, args, lane }: TraceStep): string {
  const others = Object.entries(args).filter(([, value]) => value !== lane);
  return escaped(
    others.length === 0
      ? command
      : `${command} ${others.map(([name, value]) => `${name}=${value}`).join(' ')}`,
  );
}

function notesOf({ lane }: TraceStep, changes: readonly string[]): string[] {
  return changes.length === 0 ? [] : [`  Note right of ${idOf(lane)}: ${changes.map(escaped).join('<br/>')}`];
}

/** Names of participants may not have spaces or signs. */
function idOf(lane: string): string {
  return `p_${lane.replace(/[^A-Za-z0-9]/g, '_')}`;
}

/** Mermaid takes `;` for the end of a line and `#` for the beginning of a character's number. */
function escaped(text: string): string {
  return text.replace(/[#;<>\n]/g, (sign) => `#${sign.charCodeAt(0)};`);
}
