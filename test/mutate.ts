/**
 * Breaks the model on purpose, one small change at a time, and counts how many of the changes the examples, a few recordings
 * and random programs notice. Writes docs/MUTATION.md. Not part of `npm test`:
 *
 *   npx rolldown test/mutate.ts -p node -f esm -e rolldown/utils -o node_modules/.cache/ioasis/mutate.js
 *   node node_modules/.cache/ioasis/mutate.js [--every N] [--only machines/area] [--kind swap] [--dry]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RULES, type RuleId } from '../events/rules.ts';
import { mutationDocument, type Trial } from './support/mutation-document.ts';
import { Instrumenter, type Mutant } from './support/mutation-points.ts';
import { clearTree, filesOf, writeCompiled } from './support/mutation-tree.ts';

const ROOT = process.cwd();
const TREE = join(ROOT, 'node_modules/.cache/ioasis/mutants');
const ROOMS = ['events', 'machines', 'reducers', 'explore', 'traces', 'test/support'];
const PARALLEL = 2;
const PATIENCE_MS = 30_000;
/** A loop that never ends fills memory first: MiB for each child. */
const MEMORY_MIB = 700;

/** The examples; what reads documents or whole folders of recordings is left out. */
const EXAMPLES = [
  'address-space',
  'adrift',
  'cached-value',
  'refused-replace',
  'vtd-nested',
  'access',
  'access-rw',
  'area',
  'area-copy',
  'area-unmap',
  'attachment',
  'destroy',
  'dirty',
  'dispatch',
  'fault',
  'granule-set',
  'hw-info',
  'hw-queue',
  'hwpt',
  'hwpt-invalidate',
  'ioas',
  'map-file',
  'memory',
  'mock-device',
  'option',
  'pasid-binding',
  'veventq',
  'vfio-compat',
  'vfio-device',
  'viommu',
];
const RECORDINGS = [
  'kernel-7.3.4/fuzz/fuzz-000001',
  'kernel-7.3.4/deep/deep-005001',
  'kernel-6.12.117/fuzz/fuzz-000001',
  'kernel-7.3.4/vfio-vtd/vtd-000001',
  'kernel-7.3.4/vfio-smmuv3/smmuv3-000001',
];

/** The area tree and the search for IOVAs have properties of their own. */
const EXEMPT =
  /machines\/(area-tree|area-node|hole-summary|intervals|iova-allocation|lifecycles?|dma|hardware|hardware-stage|stage1|translate)\.ts$/;

/** Writes the tree with all mutants in it. */
function build(): Mutant[] {
  clearTree(TREE);
  const shim = join(TREE, 'test/support/mutation-vitest.js');
  const write = (file: string, source: string): void => writeCompiled(TREE, file, source, shim);
  const mutants: Mutant[] = [];
  for (const file of [
    ...ROOMS.flatMap((room) => filesOf(ROOT, room)),
    ...EXAMPLES.map((name) => `test/${name}.test.ts`),
  ]) {
    const source = readFileSync(join(ROOT, file), 'utf8');
    if (!file.startsWith('machines/') || EXEMPT.test(file)) {
      write(file, source);
      continue;
    }
    const instrumented = new Instrumenter(file, source, mutants.length + 1);
    mutants.push(...instrumented.mutants);
    write(file, instrumented.code);
  }
  const imports = EXAMPLES.map((name) => `import './test/${name}.test.js';`).join('\n');
  const paths = JSON.stringify(RECORDINGS.map((name) => join(ROOT, `traces/corpus/${name}.jsonl.gz`)));
  writeFileSync(
    join(TREE, 'trial.js'),
    `import { answer } from './test/support/mutation-trial.js';\n${imports}\nawait answer(${paths}, process.argv[2] === 'fresh');\n`,
  );
  return mutants;
}

/** One mutant for each rule: another errno. */
function errnoMutants(firstId: number): (Mutant & { rule: RuleId; errno: string })[] {
  return (Object.keys(RULES) as RuleId[]).map((rule, index) => {
    const errno = RULES[rule].errno === 'EINVAL' ? 'EBUSY' : 'EINVAL';
    const file = `events/rules (${rule.slice(0, rule.indexOf('/'))})`;
    return {
      id: firstId + index,
      file,
      line: 0,
      kind: 'change an errno',
      text: `${rule}: ${errno}`,
      rule,
      errno,
    };
  });
}

/** Children that run; whatever ends this process, a mutant that never ends must not outlive it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

type Reply = Readonly<{ id?: number; by?: string; ready?: number; clean?: string }>;

/** A child that is ready, or the reason why the unchanged model does not pass. */
function start(...args: string[]): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = fork(join(TREE, 'trial.js'), args, {
      execArgv: [`--max-old-space-size=${MEMORY_MIB}`],
      stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
    });
    for (const one of running) if (hasEnded(one)) running.delete(one);
    running.add(child);
    child.once('message', (message) => {
      const { clean } = message as Reply;
      if (clean === undefined) resolve(child);
      else reject(new Error(`the model itself fails: ${clean}`));
    });
    child.once('exit', (status) => reject(new Error(`child ended with ${status}`)));
  });
}

/** Asks the child about one mutant; a child that does not answer in time has noticed by hanging. */
function ask(child: ChildProcess, mutant: Mutant): Promise<string | undefined> {
  return new Promise((resolve) => {
    const settle = (by: string | undefined) => {
      clearTimeout(timer);
      child.removeAllListeners();
      resolve(by);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      settle('time');
    }, PATIENCE_MS);
    child.once('message', (message) => settle((message as Reply).by));
    child.once('exit', () => settle('crash'));
    child.send(mutant);
  });
}

/** Asks a child that has run nothing yet. */
async function askAnew(mutant: Mutant): Promise<string | undefined> {
  const child = await start('fresh');
  const by = await ask(child, mutant);
  child.kill();
  return by;
}

async function work(queue: Mutant[], trials: Trial[]): Promise<void> {
  let child = await start();
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const by = (await ask(child, mutant)) ?? (await askAnew(mutant));
    trials.push({ mutant, by });
    if (by === undefined)
      process.stdout.write(`survivor ${mutant.file}:${mutant.line} ${mutant.kind}: ${mutant.text}\n`);
    if (trials.length % 100 === 0) process.stdout.write(`${trials.length} tried, ${queue.length} to go\n`);
    if (hasEnded(child) || child.killed) child = await start();
  }
  child.removeAllListeners();
  child.kill();
}

const { values } = parseArgs({
  options: {
    every: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    kind: { type: 'string', default: '' },
    dry: { type: 'boolean' },
  },
});
const every = Number(values.every);
const built = build();
const all: Mutant[] = [...built, ...errnoMutants(built.length + 1)];
const chosen = all.filter(
  ({ file, kind }, index) =>
    index % every === 0 && file.startsWith(values.only) && kind.startsWith(values.kind),
);
process.stdout.write(`${all.length} mutants, ${chosen.length} chosen\n`);
if (!values.dry) {
  const trials: Trial[] = [];
  const queue = [...chosen];
  const began = performance.now();
  await Promise.all(Array.from({ length: PARALLEL }, () => work(queue, trials)));
  const seconds = Math.round((performance.now() - began) / 1000);
  const document = mutationDocument(trials, { every, total: all.length, seconds });
  process.stdout.write(document);
  if (values.only === '' && values.kind === '') writeFileSync(join(ROOT, 'docs/MUTATION.md'), document);
}
