/** A candidate for a cover: the places that it reaches, and what it costs. */
export type Candidate<T> = Readonly<{ value: T; places: ReadonlySet<string>; cost: number }>;

/**
 * Few cheap candidates that together reach every place that any of them reaches: greedy, by new places for the cost; then
 * those that others make superfluous are taken out. Ties go to the earlier candidate.
 */
export function smallestCover<T>(candidates: readonly Candidate<T>[]): Candidate<T>[] {
  const open = new Set(candidates.flatMap(({ places }) => [...places]));
  const chosen: Candidate<T>[] = [];
  while (open.size > 0) {
    let best: Candidate<T> | undefined;
    let bestGain = 0;
    for (const candidate of candidates) {
      let news = 0;
      for (const place of candidate.places) if (open.has(place)) news++;
      const gain = news / candidate.cost;
      if (gain > bestGain) [best, bestGain] = [candidate, gain];
    }
    if (best === undefined) break;
    chosen.push(best);
    for (const place of best.places) open.delete(place);
  }
  return withoutSuperfluous(chosen);
}

function withoutSuperfluous<T>(chosen: readonly Candidate<T>[]): Candidate<T>[] {
  const kept = [...chosen];
  for (const candidate of [...chosen].sort((one, other) => other.cost - one.cost)) {
    const others = kept.filter((one) => one !== candidate);
    const reached = new Set(others.flatMap(({ places }) => [...places]));
    if ([...candidate.places].every((place) => reached.has(place))) kept.splice(kept.indexOf(candidate), 1);
  }
  return kept;
}
