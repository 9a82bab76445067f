/** The bitmap that GET_DIRTY_BITMAP fills, as far as dirty leaves reach into it (iova_bitmap.c). */
import type { HwptGetDirtyBitmap } from '../events/hwpt-command.ts';
import type { Patch } from '../events/outcome.ts';
import { canWrite } from './address-space.ts';
import type { Leaf } from './leaf.ts';
import type { Site } from './site.ts';

const PAGE = 4096;

export class BitmapWindow {
  /** Bytes of IOVA that one bit stands for. */
  private readonly unit: number;
  /** Bits that can be stored: the pages that hold the requested bits are pinned, and no others. */
  private readonly bits: number;
  private readonly known: Uint8Array;
  private readonly doubtful: Uint8Array;
  private anyDoubt = false;

  constructor(command: HwptGetDirtyBitmap, leaves: readonly Leaf[]) {
    const { iova, length, pageSize, data } = command;
    this.unit = Number(pageSize & -pageSize);
    const bytes = Math.floor(Number(length - 1n) / this.unit / 8) + 1;
    const offset = Number(data % BigInt(PAGE));
    const pinned = Math.ceil((offset + bytes) / PAGE) * PAGE - offset;
    let reach = -1;
    for (const { possible } of leaves) reach = Math.max(reach, possible.last - Number(iova));
    const size = Math.min(pinned, reach < 0 ? 0 : Math.floor(reach / this.unit / 8) + 1);
    this.bits = size * 8;
    this.known = new Uint8Array(size);
    this.doubtful = new Uint8Array(size);
  }

  /** Bits of IOVA bytes [first, last], counted from the request's own IOVA. */
  set(first: number, last: number): void {
    const end = Math.min(Math.floor(last / this.unit), this.bits - 1);
    for (let bit = Math.floor(first / this.unit); bit <= end; bit++) {
      const at = bit >>> 3;
      this.known[at] = (this.known[at] as number) | (1 << (bit & 7));
    }
  }

  /** The bytes that hold these bits cannot be told. */
  doubt(first: number, last: number): void {
    this.anyDoubt = true;
    const end = Math.min(Math.floor(last / this.unit), this.bits - 1) >>> 3;
    for (let at = Math.floor(first / this.unit) >>> 3; at <= end; at++) this.doubtful[at] = 1;
  }

  /** Stores into the user's bitmap at `address`, page by page: the kernel only sets bits, and loses those it cannot write. */
  patches(site: Site, address: number): Patch[] {
    const patches: Patch[] = [];
    const size = this.known.length;
    for (let from = 0; from < size; ) {
      const to = Math.min(size, from + PAGE - ((address + from) % PAGE));
      if (canWrite(site.space, address + from, to - from)) this.patch(site, from, to, patches);
      from = to;
    }
    return patches;
  }

  private patch(site: Site, from: number, to: number, patches: Patch[]): void {
    const bytes = this.known.slice(from, to);
    const before = site.second;
    if (before !== undefined) {
      for (let at = from; at < to; at++) bytes[at - from] = (bytes[at - from] as number) | (before[at] ?? 0);
    }
    patches.push({ at: from, bytes });
    if (!this.anyDoubt) return;
    for (let at = from; at < to; at++) {
      if (this.doubtful[at]) patches.push({ at, bytes: new Uint8Array(1), unknowable: true });
    }
  }
}
