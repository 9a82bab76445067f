/** What would have succeeded: the smallest change of arguments, or the fewest calls before, each tried on the model. */
import type { RuleId } from '../events/rules.ts';
import type { CallLine } from './engine.ts';
import { type Change, changesOf } from './explain-candidates.ts';
import { attempt, type Lab, openLab, succeeds } from './explain-lab.ts';
import { type Prelude, preludesOf, preludeText } from './explain-prelude.ts';
import type { Scene } from './explain-scene.ts';
import { askedOf } from './provenance.ts';
import type { RecordedLine } from './recording.ts';

export type Remedy = Readonly<{
  how: 'arguments' | 'before' | 'instead';
  /** What would have to be different. */
  text: string;
}>;

export type Remedies = Readonly<{ found: readonly Remedy[]; trials: number }>;

const TRIALS_MAX = 1500;
const ARGUMENTS_MAX = 2;
const WIDTH = 12;
/** Paths carried on that ended at the same rule. */
const ALIKE_MAX = 2;
const DEPTH_MAX = 3;
const PRELUDES_MAX = 3;

/** Tries changes of one field, then of two and three, and calls before it; keeps what succeeds. */
export function remediesOf(scene: Scene, rule: RuleId): Remedies {
  const lab = openLab(scene, scene.history.session.kernel);
  const asked = askedOf(scene.step) as CallLine;
  const before = beforeRemedy(lab, rule, asked);
  const first = rule === 'destroy/users' ? [] : argumentRemedies(lab, rule, asked, before === undefined);
  return { found: [...first, ...(before === undefined ? [] : [before])], trials: lab.trials };
}

function beforeRemedy(lab: Lab, rule: RuleId, asked: CallLine): Remedy | undefined {
  for (const prelude of preludesOf(lab.scene, rule, asked)) {
    if (!succeeds(attempt(lab, prelude.before, prelude.call))) continue;
    const before = fewest(lab, prelude);
    return { how: prelude.instead ? 'instead' : 'before', text: prelude.text ?? preludeText(before) };
  }
  return undefined;
}

/** Leaves out what is not needed, last first. */
function fewest(lab: Lab, { before, call }: Prelude): readonly RecordedLine[] {
  let lines = before;
  for (let index = lines.length - 1; index >= 0 && lines.length > 1; index--) {
    const rest = [...lines.slice(0, index), ...lines.slice(index + 1)];
    if (succeeds(attempt(lab, rest, call))) lines = rest;
  }
  return lines;
}

type Path = Readonly<{ changes: readonly Change[]; call: CallLine; rule: RuleId }>;

/** A few of each rule: one check after another is got past. */
function varied(paths: readonly Path[]): Path[] {
  const counts = new Map<RuleId, number>();
  const kept = paths.filter(({ rule }) => {
    const count = (counts.get(rule) ?? 0) + 1;
    counts.set(rule, count);
    return count <= ALIKE_MAX;
  });
  return kept.slice(0, WIDTH);
}

/** Breadth first over fields that differ: what gets past a check is carried on. */
function argumentRemedies(lab: Lab, rule: RuleId, asked: CallLine, deep: boolean): Remedy[] {
  let paths: readonly Path[] = [{ changes: [], call: asked, rule }];
  for (let depth = 1; depth <= (deep ? DEPTH_MAX : 1); depth++) {
    const { found, next } = widen(lab, paths);
    if (found.length > 0) return found;
    paths = varied(next);
    const mixed = deep ? mixedRemedy(lab, paths) : undefined;
    if (mixed !== undefined) return [mixed];
  }
  return [];
}

/** One more change on each path: what succeeds, and what gets past the check. */
function widen(lab: Lab, paths: readonly Path[]): { found: Remedy[]; next: Path[] } {
  const next: Path[] = [];
  const found: Remedy[] = [];
  const told = new Set<string>();
  for (const path of paths) {
    const changed = new Set(path.changes.flatMap(({ names }) => names));
    for (const change of changesOf(lab.scene, path.rule)) {
      if (lab.trials > TRIALS_MAX || found.length >= ARGUMENTS_MAX) return { found, next };
      const fields = change.names.join();
      if (told.has(fields) || change.names.some((name) => changed.has(name))) continue;
      const call = change.apply(path.call);
      const result = attempt(lab, [], call);
      const changes = [...path.changes, change];
      if (succeeds(result)) {
        told.add(fields);
        found.push({ how: 'arguments', text: changesText(changes) });
      } else if (result?.outcome.rule !== undefined && result.outcome.rule !== path.rule)
        next.push({ changes, call, rule: result.outcome.rule });
    }
  }
  return { found, next };
}

function changesText(changes: readonly Change[]): string {
  return changes.map(({ text }) => text).join(', and ');
}

/** Changed arguments, and then something before the call. */
function mixedRemedy(lab: Lab, paths: readonly Path[]): Remedy | undefined {
  for (const { changes, call, rule } of paths) {
    for (const prelude of preludesOf(lab.scene, rule, call).slice(0, PRELUDES_MAX)) {
      if (lab.trials > TRIALS_MAX) return undefined;
      if (prelude.instead === true || !succeeds(attempt(lab, prelude.before, prelude.call))) continue;
      const before = prelude.text ?? preludeText(prelude.before);
      return { how: 'arguments', text: `${changesText(changes)}, after ${before}` };
    }
  }
  return undefined;
}
