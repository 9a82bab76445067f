/**
 * Breaks proposals on purpose, one small change at a time (a guard dropped, an event forgotten), and counts how many of the changes
 * some property notices. Writes docs/MUTATION-PROPOSALS.md. Not part of `npm test`:
 *
 *   npx rolldown test/mutate-proposals.ts -p node -f esm -e rolldown/utils -o node_modules/.cache/ioasis/mutate-proposals.js
 *   node node_modules/.cache/ioasis/mutate-proposals.js [--only iommu-rfc-v2] [--every N] [--dry]
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Trial } from './support/mutation-document.ts';
import { Instrumenter, type Mutant } from './support/mutation-points.ts';
import { clearTree, filesOf, writeCompiled } from './support/mutation-tree.ts';
import { proposalMutationDocument } from './support/proposal-mutation-document.ts';

const ROOT = process.cwd();
const TREE = join(ROOT, 'node_modules/.cache/ioasis/proposal-mutants');
const ROOMS = ['events', 'machines', 'reducers', 'explore', 'proposals'];
const TRIAL = 'test/support/proposal-trial.ts';
/** What a proposal consists of besides its commands: words for scenarios, and the way to the full model. */
const NOT_COMMANDS = /\/(phrases|adapter[a-z-]*|machines|rules)\.ts$/;

const folders = readdirSync(join(ROOT, 'proposals'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

function folderOf(file: string): string | undefined {
  const [, folder] = file.split('/');
  return file.startsWith('proposals/') && folders.includes(folder ?? '') ? folder : undefined;
}

/** Writes the tree with all mutants in it. */
function build(): Mutant[] {
  clearTree(TREE);
  const mutants: Mutant[] = [];
  for (const file of [...ROOMS.flatMap((room) => filesOf(ROOT, room)), TRIAL]) {
    const source = readFileSync(join(ROOT, file), 'utf8');
    const folder = folderOf(file);
    if (
      folder === undefined ||
      folder === 'properties' ||
      folder === 'scenarios' ||
      NOT_COMMANDS.test(file)
    ) {
      writeCompiled(TREE, file, source);
      continue;
    }
    const instrumented = new Instrumenter(file, source, mutants.length + 1);
    mutants.push(...instrumented.mutants);
    writeCompiled(TREE, file, instrumented.code);
  }
  return mutants;
}

const { values } = parseArgs({
  options: {
    every: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    dry: { type: 'boolean' },
  },
});
const every = Number(values.every);
const all = build();
const chosen = all.filter(
  ({ file }, index) => index % every === 0 && (values.only === '' || folderOf(file) === values.only),
);
process.stdout.write(`${all.length} mutants, ${chosen.length} chosen\n`);
if (!values.dry) {
  const trial: typeof import('./support/proposal-trial.ts') = await import(
    pathToFileURL(join(TREE, TRIAL.replace(/\.ts$/, '.js'))).href
  );
  const trials: Trial[] = [];
  for (const mutant of chosen) {
    const by = trial.noticedBy(folderOf(mutant.file) ?? '', mutant.id);
    trials.push({ mutant, by });
    if (by === undefined)
      process.stdout.write(`survivor ${mutant.file}:${mutant.line} ${mutant.kind}: ${mutant.text}\n`);
    if (trials.length % 25 === 0) process.stdout.write(`${trials.length} of ${chosen.length}\n`);
  }
  const document = proposalMutationDocument(trials, { every, total: all.length });
  process.stdout.write(document);
  if (values.only === '') writeFileSync(join(ROOT, 'docs/MUTATION-PROPOSALS.md'), document);
}
