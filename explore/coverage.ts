/** Which places were reached, and how often: the feedback of a search. A place is any string. */
export class Coverage {
  /** Cells, so that a visit looks its place up once. */
  private readonly cells = new Map<string, { count: number }>();

  /** One more visit; answers how many there were before. */
  visit(place: string): number {
    const cell = this.cells.get(place);
    if (cell !== undefined) return cell.count++;
    this.cells.set(place, { count: 1 });
    return 0;
  }

  count(place: string): number {
    return this.cells.get(place)?.count ?? 0;
  }

  has(place: string): boolean {
    return this.cells.has(place);
  }

  /** Places with their visits, sorted by name. */
  entries(): [string, number][] {
    const visits = [...this.cells].map(([place, { count }]): [string, number] => [place, count]);
    return visits.sort(([one], [other]) => (one < other ? -1 : 1));
  }

  /** Adds the visits of another search. */
  merge(visits: Iterable<readonly [string, number]>): void {
    for (const [place, count] of visits) {
      const cell = this.cells.get(place);
      if (cell === undefined) this.cells.set(place, { count });
      else cell.count += count;
    }
  }
}
