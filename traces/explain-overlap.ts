/** What a call saw of another one that was still under way. */
import type { Cause, Scene } from './explain-scene.ts';
import type { Linearised } from './linearise.ts';
import { EFFECTS, type EffectRule } from './linearise-effects.ts';
import { seqOf } from './provenance.ts';

/** One effect of a window of overlapping calls. */
export type Overlap = Linearised['effects'][number];

export type OverlapCause = Cause & Readonly<{ rule: EffectRule }>;

/** The effect that the answer of the call rests on, if one does. */
export function overlapCause({ overlap, steps }: Scene): OverlapCause | undefined {
  if (overlap === undefined) return undefined;
  const rule = EFFECTS[overlap.effect];
  const { cause, effect } = overlap;
  return {
    text: [`call ${cause} was still under way: ${rule.meaning} (${effect}, ${rule.source}())`],
    steps: steps.filter(({ line }) => seqOf(line) === cause),
    rule,
  };
}
