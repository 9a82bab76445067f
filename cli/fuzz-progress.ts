/** How far a campaign is, on a terminal. */
import { SingleBar } from 'cli-progress';

export type Counter = Readonly<{ advance: (count: number) => void; stop: () => void }>;

const SILENT: Counter = { advance: () => {}, stop: () => {} };

/** `total` programs; nothing is shown unless `shown`. */
export function startCounter(total: number, shown: boolean): Counter {
  if (!shown) return SILENT;
  const bar = new SingleBar({
    format: '{bar} {value} of {total} programs, {eta_formatted} left',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(total, 0);
  return { advance: (count) => bar.increment(count), stop: () => bar.stop() };
}
