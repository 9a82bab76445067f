/** One refusal: which errno, which kernel function says so, and why, in one sentence. */
import type { ErrnoName } from './errno.ts';

export type Rule = Readonly<{
  errno: ErrnoName;
  /** The kernel function whose check this is. */
  source: string;
  /** One sentence: when the call is refused. */
  says: string;
}>;

export function rule(errno: ErrnoName, source: string, says: string): Rule {
  return { errno, source, says };
}
