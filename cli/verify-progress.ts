/** How far a search is, on a terminal. */
import { SingleBar } from 'cli-progress';
import type { Underway } from '../proposals/verify.ts';

export type SearchBar = Readonly<{ show: (underway: Underway) => void; stop: () => void }>;

/** A bar for the states that were met and those that were looked at; nothing is shown unless `shown`. */
export function startSearchBar(shown: boolean): SearchBar {
  if (!shown) return { show: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: '{bar} {setup} ({place}): {value} of {total} states, depth {depth}',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(1, 0, { setup: '', place: '', depth: 0 });
  return {
    show: ({ setup, number, of, search }) => {
      const { states, waiting, depth } = search.progress();
      bar.setTotal(states);
      bar.update(states - waiting, { setup, place: `${number + 1} of ${of}`, depth });
    },
    stop: () => bar.stop(),
  };
}
