/** Mainline twice: the packed design that is searched, and the full model behind its adapter. Each step is taken on both. */
import { openState } from '../../explore/model-state.ts';
import { entryOfSlot } from '../../proposals/design-hardware.ts';
import { type DesignState, declareDesign } from '../../proposals/design-state.ts';
import { type Mainline, openMainline, type SlotContent } from '../../proposals/iommufd-mainline/adapter.ts';
import { iommufdMainline } from '../../proposals/iommufd-mainline/proposal.ts';
import { applyDecision, type Design, decideDesign, designOf, prepare } from '../../proposals/model-of.ts';
import { isRefusal, type Proposal } from '../../proposals/proposal.ts';
import type { Platform, Setup } from '../../proposals/setup.ts';
import { type Args, PARAM_SORTS, VERBS, type Verb } from '../../proposals/verb.ts';

export type CoStep = Readonly<{ verb: Verb; args: Args }>;

export type CoResult = Readonly<{
  states: number;
  /** Steps that were taken on both, and how many of them were refused. */
  steps: number;
  refused: number;
  depth: number;
  /** Nothing was left out. */
  complete: boolean;
  /** The first differences, each with the steps that lead to it. */
  differences: readonly string[];
}>;

type Options = Readonly<{ states?: number; depth?: number; proposal?: Proposal }>;

/** The packed state and the full model side by side. */
export class Pair {
  readonly design: Design;
  readonly cells: Int32Array;
  readonly state: DesignState;
  private readonly steps: readonly CoStep[];

  constructor(platform: Platform, setup: Setup, proposal: Proposal) {
    this.design = designOf(proposal, platform, setup);
    const declaration = declareDesign(proposal.file, this.design.ground);
    const opened = openState(declaration.layout);
    this.cells = opened.cells;
    // The view has the fields of the declaration: model.ts gives it the same type.
    this.state = opened.view as DesignState;
    this.steps = stepsOf(this.design);
    prepare(this.design, this.state);
  }

  load(cells: Int32Array): void {
    this.cells.set(cells);
  }

  offered(): readonly CoStep[] {
    return this.steps;
  }

  /** Whether the packed design accepts; where it and the full model disagree, how. */
  take(full: Mainline, { verb, args }: CoStep): Readonly<{ accepted: boolean; differs: string | undefined }> {
    const decision = decideDesign(this.design, this.state, verb, args);
    if (decision === undefined) throw new Error(`no word ${verb}`);
    const refusal = isRefusal(decision) ? decision : undefined;
    const answer = full.perform(verb, args);
    if (refusal === undefined) applyDecision(this.design, this.state, decision);
    const accepted = refusal === undefined;
    if (answer === undefined) return { accepted, differs: accepted ? this.compare(full) : undefined };
    if (answer.accepted !== accepted || answer.errno !== refusal?.errno) {
      const packed = refusal === undefined ? 'accepted' : `${refusal.errno} ${refusal.rule}`;
      return {
        accepted,
        differs: `packed ${packed}, full ${answer.accepted ? 'accepted' : `${answer.errno} ${answer.rule}`}`,
      };
    }
    const ofRegister =
      refusal !== undefined &&
      !refusal.rule.startsWith('iommufd-mainline/') &&
      !refusal.rule.startsWith('world/');
    if (ofRegister && answer.rule !== refusal.rule && !answer.rule?.startsWith('iommufd-mainline/'))
      return { accepted, differs: `packed ${refusal.rule}, full ${answer.rule}` };
    return { accepted, differs: this.compare(full) };
  }

  /** What differs in the hardware, in what is told, or in what is charged. */
  compare(full: Mainline): string | undefined {
    const { ground } = this.design;
    for (const rid of ground.devices) {
      // A refusal of the packed design leaves nothing behind.
      if (full.isLeftBlocked(rid)) continue;
      for (const pasid of [undefined, ...ground.pasids]) {
        const [packed, found] = [show(slotOf(this.state, rid, pasid)), show(full.slot(rid, pasid))];
        if (packed !== found) return `slot (${rid}, ${pasid}): packed ${packed}, full ${found}`;
      }
      const told = full.tellsPasids(rid);
      const packed = this.design.proposal.report?.(this.state, rid, ground)?.pasid;
      if (told !== undefined && told !== packed) return `told of ${rid}: packed ${packed}, full ${told}`;
    }
    const charged = ground.pages.reduce((sum, page) => sum + this.state.charges.get(page), 0);
    return charged === full.charged() ? undefined : `charged: packed ${charged}, full ${full.charged()}`;
  }
}

function show(content: SlotContent | undefined): string {
  return content === undefined ? 'absent' : JSON.stringify(content);
}

function slotOf(state: DesignState, rid: number, pasid: number | undefined): SlotContent | undefined {
  const entry = entryOfSlot(state, rid, pasid);
  if (entry === undefined) return undefined;
  if (entry.kind === 'paging') return { kind: 'paging', space: entry.ioasId - 1 };
  return entry.kind === 'nested'
    ? { kind: 'nested', space: entry.hwptId - 1, parent: entry.ioasId - 1 }
    : { kind: entry.kind };
}

/** Every word of the setup with all of its arguments. */
function stepsOf({ ground, commands }: Design): CoStep[] {
  const members = {
    context: ground.contexts,
    device: ground.devices,
    space: ground.spaces,
    pasid: ground.pasids,
    page: ground.pages,
  };
  return ground.setup.verbs
    .filter((verb) => commands.has(verb))
    .flatMap((verb) => {
      let all: Args[] = [{}];
      for (const param of VERBS[verb])
        all = all.flatMap((args) =>
          members[PARAM_SORTS[param]].map((member) => ({ ...args, [param]: member })),
        );
      return all.map((args) => ({ verb, args }));
    });
}

type Node = Readonly<{ cells: Int32Array; full: Mainline; path: readonly CoStep[] }>;

const MOST_DIFFERENCES = 5;

/** Breadth first through all states of the packed design, without symmetry, up to the bounds. */
export function coSimulate(platform: Platform, setup: Setup, options: Options = {}): CoResult {
  const { states: most = Number.POSITIVE_INFINITY, depth: deepest = Number.POSITIVE_INFINITY } = options;
  const pair = new Pair(platform, setup, options.proposal ?? iommufdMainline);
  const differences: string[] = [];
  const first: Node = { cells: Int32Array.from(pair.cells), full: openMainline(platform, setup), path: [] };
  const start = pair.compare(first.full);
  if (start !== undefined) differences.push(`at first: ${start}`);
  const seen = new Set([first.cells.join()]);
  let level: Node[] = [first];
  let [steps, refused, depth, complete] = [0, 0, 0, true];
  while (level.length > 0 && differences.length < MOST_DIFFERENCES) {
    if (depth >= deepest || seen.size >= most) {
      complete = false;
      break;
    }
    const next: Node[] = [];
    for (const node of level) {
      for (const step of pair.offered()) {
        pair.load(node.cells);
        const decision = decideDesign(pair.design, pair.state, step.verb, step.args);
        const goes = decision !== undefined && !isRefusal(decision);
        const full = goes ? node.full.fork() : node.full;
        const { accepted, differs } = pair.take(full, step);
        steps++;
        if (!accepted) refused++;
        const path = [...node.path, step];
        if (differs !== undefined) differences.push(`${tell(path)}: ${differs}`);
        const key = pair.cells.join();
        if (differs !== undefined || !accepted || seen.has(key)) continue;
        seen.add(key);
        next.push({ cells: Int32Array.from(pair.cells), full, path });
      }
      if (differences.length >= MOST_DIFFERENCES) break;
    }
    level = next;
    depth++;
  }
  return { states: seen.size, steps, refused, depth, complete, differences };
}

export function tell(path: readonly CoStep[]): string {
  return path.map(({ verb, args }) => `${verb}(${Object.values(args).join(', ')})`).join('; ');
}

/** Random walks; `random` answers a number below its argument. */
export function coWalk(
  platform: Platform,
  setup: Setup,
  walks: Readonly<{ count: number; length: number; random: (below: number) => number }>,
): CoResult {
  const seen = new Set<string>();
  const differences: string[] = [];
  let [steps, refused] = [0, 0];
  for (let walk = 0; walk < walks.count && differences.length < MOST_DIFFERENCES; walk++) {
    const pair = new Pair(platform, setup, iommufdMainline);
    const full = openMainline(platform, setup);
    const offered = pair.offered();
    const path: CoStep[] = [];
    while (path.length < walks.length) {
      const step = offered[walks.random(offered.length)] as CoStep;
      const { accepted, differs } = pair.take(full, step);
      steps++;
      if (accepted) path.push(step);
      else refused++;
      if (differs !== undefined) {
        differences.push(`${tell([...path, ...(accepted ? [] : [step])])}: ${differs}`);
        break;
      }
      seen.add(pair.cells.join());
    }
  }
  return { states: seen.size, steps, refused, depth: walks.length, complete: false, differences };
}
