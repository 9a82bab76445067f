/** Lists of numbers that grow by doubling, in typed arrays. Room is made ahead, so that a hot loop only writes. */

export type Numbers = Int32Array | Uint16Array | Uint8Array;

export type Growing<A extends Numbers = Int32Array> = { data: A; length: number };

/** The bytes that the list takes once it has room for `length` numbers. */
export function bytesFor({ data }: Growing<Numbers>, length: number): number {
  return roomFor(data.length, length) * data.BYTES_PER_ELEMENT;
}

/** Makes room for `length` numbers. */
export function growInts(list: Growing, length: number): void {
  if (length <= list.data.length) return;
  const grown = new Int32Array(roomFor(list.data.length, length));
  grown.set(list.data);
  list.data = grown;
}

/** Makes room for `length` numbers. */
export function growShorts(list: Growing<Uint16Array>, length: number): void {
  if (length <= list.data.length) return;
  const grown = new Uint16Array(roomFor(list.data.length, length));
  grown.set(list.data);
  list.data = grown;
}

/** Makes room for `length` numbers. */
export function growBytes(list: Growing<Uint8Array>, length: number): void {
  if (length <= list.data.length) return;
  const grown = new Uint8Array(roomFor(list.data.length, length));
  grown.set(list.data);
  list.data = grown;
}

const LEAST_ROOM = 1024;

function roomFor(room: number, length: number): number {
  let doubled = Math.max(room, LEAST_ROOM);
  while (doubled < length) doubled *= 2;
  return length <= room ? room : doubled;
}
