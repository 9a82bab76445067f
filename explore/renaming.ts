/** Names given in the order in which things first appear, so that what is equal but for names gets equal names. */
export class Renaming {
  private readonly names = new Map<number, number>();
  private readonly first: number;

  /** `first`: the name of whatever appears first. */
  constructor(first = 0) {
    this.first = first;
  }

  /** The name of this thing, made where it has none yet. */
  nameOf(thing: number): number {
    let name = this.names.get(thing);
    if (name === undefined) {
      name = this.first + this.names.size;
      this.names.set(thing, name);
    }
    return name;
  }

  /** The name of this thing if it has one. */
  known(thing: number): number | undefined {
    return this.names.get(thing);
  }
}
