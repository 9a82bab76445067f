/** What a replay engine is made for, and whom it tells of what it does. */
import type { Event } from '../events/event.ts';
import type { Outcome } from '../events/outcome.ts';
import type { DmaOutcome } from '../machines/dma.ts';
import type { KernelProfile } from '../machines/kernel-profile.ts';
import type { Platform } from '../machines/platform.ts';
import type { World } from '../machines/world.ts';
import type { DmaLine, RecordedLine } from './recording.ts';

export type EngineOptions = Readonly<{
  kernel: KernelProfile;
  platform: Platform;
  /** Told of every event just before it is applied. */
  onEvent?: (event: Event) => void;
  /** Told of every invariant that the kernel broke, at the line where it broke: an ioctl, a close, an exit. */
  onInvariant?: (line: RecordedLine, invariant: string, context: number) => void;
  /** Told after events were applied, with the outcome where a call brought them: for checks of the world. */
  onApplied?: (
    world: World,
    events: readonly Event[],
    outcome: Outcome | undefined,
    line: RecordedLine,
  ) => void;
  /** Told of each DMA access of the recording, before what it leaves behind is applied. */
  onDma?: (line: DmaLine, outcome: DmaOutcome) => void;
}>;
