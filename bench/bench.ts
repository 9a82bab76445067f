/**
 * What the model costs: `npm run bench`, or `npm run bench -- core memory --calls 1000000` for some of it.
 * Prints ratios to something that runs beside it, since times alone say more about the machine.
 */
import { parseArgs } from 'node:util';
import { benchCore } from './core.ts';
import { benchEndToEnd } from './end-to-end.ts';
import { benchMemory } from './memory.ts';

const CALLS = '10000000';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { calls: { type: 'string', default: CALLS } },
});

const benches: Readonly<Record<string, () => Promise<unknown>>> = {
  'end-to-end': benchEndToEnd,
  core: benchCore,
  memory: () => benchMemory(Number(values.calls)),
  areas: () => import('./areas.ts'),
  search: () => import('./search.ts'),
  fuzz: () => import('./fuzz.ts'),
  jobs: () => import('./jobs.ts'),
  linearise: () => import('./linearise.ts'),
  proposals: () => import('./proposals.ts'),
};

for (const name of positionals.length > 0 ? positionals : Object.keys(benches)) {
  const bench = benches[name];
  if (bench === undefined) throw new Error(`expected ${Object.keys(benches).join(', ')}, found ${name}`);
  await bench();
}
