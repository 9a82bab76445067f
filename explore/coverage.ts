/** Which places were reached, and how often: the feedback of a search. A place is any string. */
export class Coverage {
  private readonly counts = new Map<string, number>();

  /** One more visit; answers how many there were before. */
  visit(place: string): number {
    const before = this.counts.get(place) ?? 0;
    this.counts.set(place, before + 1);
    return before;
  }

  count(place: string): number {
    return this.counts.get(place) ?? 0;
  }

  has(place: string): boolean {
    return this.counts.has(place);
  }

  /** Places with their visits, sorted by name. */
  entries(): [string, number][] {
    return [...this.counts].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  /** Adds the visits of another search. */
  merge(visits: Iterable<readonly [string, number]>): void {
    for (const [place, count] of visits) this.counts.set(place, (this.counts.get(place) ?? 0) + count);
  }
}
