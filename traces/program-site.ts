/** The site of a running program: as the engine's, but filled with bytes and not with the text of a recording. */
import { emptyWorld, type OpenFile, type World } from '../machines/world.ts';
import { EngineSite } from './engine-site.ts';
import type { IoctlStep } from './program.ts';

export const PID = 1;

export class ProgramSite extends EngineSite {
  private argument = 0n;
  private argNumber = 0;
  /** No byte of the struct buffer from here on is set. */
  private cleanFrom = 0;

  override get arg(): number {
    return this.argNumber;
  }

  override get argValue(): bigint {
    return this.argument;
  }

  /** A call of the program's process on this descriptor. */
  come(fd: number): OpenFile | undefined {
    return this.arrive(PID, fd);
  }

  /** Brings the bytes of an ioctl, with the values of the resources in them. */
  bring(step: IoctlStep, values: readonly (number | undefined)[]): void {
    const { struct } = this;
    const { length } = step.bytes;
    this.argument = step.arg;
    this.argNumber = Number(step.arg);
    this.second = step.second?.bytes;
    if (length > struct.bytes.length) struct.load('00'.repeat(length));
    struct.bytes.set(step.bytes);
    // A decoded struct may have been filled up to its layout; no layout is longer than that.
    const dirty = Math.max(this.cleanFrom, struct.length);
    if (dirty > length) struct.bytes.fill(0, length, dirty);
    this.cleanFrom = length;
    struct.length = length;
    for (const { at, width, resource } of step.uses) {
      const value = values[resource] ?? 0;
      if (at + width > length) continue;
      if (width === 4) struct.view.setUint32(at, value, true);
      else struct.view.setBigUint64(at, BigInt(value), true);
    }
  }
}

/** Empties a world in place: whoever holds it goes on with the new one. */
export function resetWorld(world: World): void {
  Object.assign(world, emptyWorld(world.userTop));
}
