/** Lines in the order in which their calls began: a call that is under way holds back what began after it. */
import type { RecordedLine } from '../recording.ts';
import type { Slot } from './kernel-event.ts';

/** Calls held back at most; one that lasts longer, such as a read that waits for an event, comes when it returns. */
const HELD_MAX = 4096;

/** Compacted when so many places at the head are used up. */
const USED_MAX = 1024;

export class LineOrder {
  private readonly slots: Slot[] = [];
  private head = 0;

  /** A call begins. */
  begin(): Slot {
    const slot: Slot = { state: 'waiting', emit: undefined };
    this.slots.push(slot);
    if (this.slots.length - this.head > HELD_MAX) {
      (this.slots[this.head] as Slot).state = 'late';
      this.flush();
    }
    return slot;
  }

  /** The call has returned; `emit` hands its line on when its turn comes. */
  complete(slot: Slot, emit: () => void): void {
    if (slot.state === 'late') {
      emit();
      return;
    }
    slot.state = 'done';
    slot.emit = emit;
    this.flush();
  }

  /** Something that took no time. */
  add(emit: () => void): void {
    if (this.head === this.slots.length) emit();
    else this.slots.push({ state: 'done', emit });
  }

  private flush(): void {
    while (this.head < this.slots.length) {
      const slot = this.slots[this.head] as Slot;
      if (slot.state === 'waiting') break;
      this.head++;
      if (slot.state === 'done') slot.emit?.();
    }
    if (this.head === this.slots.length) {
      this.slots.length = 0;
      this.head = 0;
    } else if (this.head > USED_MAX) {
      this.slots.splice(0, this.head);
      this.head = 0;
    }
  }
}

/** A line whose place in the sequence is given when it is handed on. */
export type Draft<Line extends RecordedLine = RecordedLine> = Line extends RecordedLine
  ? { -readonly [Name in keyof Line]: Line[Name] }
  : never;
