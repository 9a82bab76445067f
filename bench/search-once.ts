/** One search in a process of its own: `node dist/bench/search-once.js plain`, or `symmetry`. Prints counts and milliseconds as JSON. */
import { performance } from 'node:perf_hooks';
import { argv, stdout } from 'node:process';
import { search } from '../explore/search.ts';
import { smallModel } from './search-model.ts';

const start = performance.now();
const { states, transitions, verdicts } = search(smallModel(), { symmetry: argv[2] === 'symmetry' });
const ms = performance.now() - start;
stdout.write(JSON.stringify({ states, transitions, verdicts: verdicts.map(({ verdict }) => verdict), ms }));
