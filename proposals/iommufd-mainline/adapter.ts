/** Mainline by the full model: neutral words become calls of the uAPI, which machines/ decides and reducers/ applies. */
import { type Entry, entryAt, isTranslating } from '../../machines/hardware.ts';
import { type Ground, groundOf, type Platform, type Setup, type SetupStep, traitsOf } from '../setup.ts';
import { type Args, type ArgsOf, VERBS, type Verb } from '../verb.ts';
import { spaceOfHwpt, spaceOfIoas } from './book.ts';
import * as calls from './calls.ts';
import { deviceWords } from './device-words.ts';
import { faultWords } from './fault-words.ts';
import { spaceWords } from './space-words.ts';
import { type Answer, idFrom, User } from './user.ts';

/** What a slot of the hardware leads to, in the numbers of the setup. */
export type SlotContent =
  | Readonly<{ kind: 'default' | 'blocked' | 'sva' | 'identity' }>
  | Readonly<{ kind: 'paging'; space: number | undefined }>
  | Readonly<{ kind: 'nested'; space: number | undefined; parent: number | undefined }>;

/** What a word does; it gets the arguments of its verb. */
export type Words = { readonly [V in Verb]?: (user: User, args: ArgsOf<V>) => Answer };

const WORDS: Words = { ...deviceWords, ...spaceWords, ...faultWords };

export class Mainline {
  private readonly user: User;

  constructor(user: User) {
    this.user = user;
  }

  get ground(): Ground {
    return this.user.ground;
  }

  /** Takes a step; undefined for a word that is no call of the uAPI here: what guests, other drivers and hardware do. */
  perform(verb: Verb, args: Args): Answer | undefined {
    const known = VERBS[verb].every((param) => args[param] !== undefined);
    if (!known) throw new Error(`invariant: ${verb} needs ${VERBS[verb].join(', ')}`);
    if (args.device !== undefined && traitsOf(this.ground, args.device).kind !== 'pdev') return undefined;
    const word = WORDS[verb] as ((user: User, args: Args) => Answer) | undefined;
    return word?.(this.user, args);
  }

  /** What is programmed for a device, without a PASID or with one; undefined where a PASID is not present. */
  slot(device: number, pasid: number | undefined): SlotContent | undefined {
    const { world } = this.user.kernel;
    const entry = entryAt(world.hardware, this.user.rid(device), pasid === undefined ? 0 : pasid + 1);
    return entry === undefined ? undefined : this.contentOf(entry);
  }

  private contentOf(entry: Entry): SlotContent {
    if (!isTranslating(entry)) return { kind: entry.kind };
    const { book, kernel } = this.user;
    const below = spaceOfIoas(book, entry.context, entry.ioasId);
    if (entry.kind === 'paging') return { kind: 'paging', space: below };
    const context = kernel.world.contexts.get(entry.context);
    const space = context === undefined ? undefined : spaceOfHwpt(book, context, entry.hwptId);
    return { kind: 'nested', space, parent: below };
  }

  /** VT-d blocked the RID and then refused a HWPT: the slot is not what is programmed (intel_iommu_attach_device()). */
  isLeftBlocked(device: number): boolean {
    return this.user.kernel.world.hardware.rids.get(this.user.rid(device))?.leftBlocked === true;
  }

  /** Whether GET_HW_INFO tells of PASIDs; undefined where the device cannot be asked. */
  tellsPasids(device: number): boolean | undefined {
    const bound = this.user.book.devices.get(device)?.bound;
    const fd = this.user.fdOf(bound?.context);
    if (bound === undefined || fd === undefined) return undefined;
    return idFrom(this.user.kernel.call(fd, calls.getHwInfo(bound.devId)), 'outMaxPasidLog2') > 0;
  }

  /** Pages that count against the limit of the user. */
  charged(): number {
    return this.user.kernel.charged();
  }

  /** The same world, to go another way from here. */
  fork(): Mainline {
    return new Mainline(new User(this.ground, this.user));
  }
}

/** The full model behind a platform's IOMMU, with the devices of a setup and what comes before it. */
export function openMainline(platform: Platform, setup: Setup): Mainline {
  const mainline = new Mainline(new User(groundOf(platform, setup)));
  for (const step of setup.prelude) takeFirst(mainline, 'anyOf' in step ? step.anyOf : [step]);
  return mainline;
}

function takeFirst(mainline: Mainline, steps: readonly SetupStep[]): void {
  const refused: string[] = [];
  for (const [verb, ...values] of steps) {
    const args = Object.fromEntries(VERBS[verb].map((param, index) => [param, values[index]]));
    const answer = mainline.perform(verb, args);
    if (answer?.accepted) return;
    if (answer !== undefined) refused.push(`${verb}: ${answer.rule}`);
  }
  if (refused.length > 0) throw new Error(`invariant: refused before the search: ${refused.join('; ')}`);
}
