/** From a recording to the state at one of its lines. */

import type { Vendor } from '../reducers/views/field-table.ts';
import type { SourceOptions } from './replay-trace.ts';
import { sessionAt } from './session-at.ts';
import { type Shown, showWorld } from './show.ts';
import { type ShownHardware, showHardware } from './show-hardware.ts';

export type ShowTraceOptions = SourceOptions &
  Readonly<{
    /** The last line that counts; without it, the whole recording. */
    at?: number | undefined;
    /** Lines after this sequence number do not count, whether there is a line with it or not. */
    until?: number | undefined;
    /** All areas, not only the first few. */
    areas?: boolean | undefined;
    /** The hardware in this vendor's words too. */
    vendor?: Vendor | undefined;
  }>;

export type ShownTrace = Shown & Readonly<{ hardware: ShownHardware }>;

/**
 * The state after the line with sequence number `at`, the effects of which are included.
 *
 * Throws TraceFormatError: those of sessionAt().
 */
export async function showTrace(path: string, options: ShowTraceOptions): Promise<ShownTrace> {
  const { at, until, kernel, iommu, format, vendor } = options;
  const { session, seq } = await sessionAt(path, { at, until, kernel, iommu, format });
  const { platform, engine } = session;
  const head = { trace: path, kernel: session.kernel.release, iommu: platform.driver.name, seq };
  const shown = showWorld(engine.world, { ...head, areas: options.areas === true });
  return { ...shown, hardware: showHardware(engine.world, vendor) };
}
