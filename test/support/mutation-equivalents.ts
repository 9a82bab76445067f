/** Mutants that change no answer, and why. */
import type { MutantKind } from './mutation-points.ts';

/** `text`: how the mutated source begins, white space as single blanks. */
export type Equivalent = Readonly<{ file: string; kind: MutantKind; text: string; reason: string }>;

export const EQUIVALENT: readonly Equivalent[] = [];
