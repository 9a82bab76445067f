/** The model as something that a search can walk through: steps are calls, places are rules and events, faults are broken invariants. */
import type { Outcome } from '../events/outcome.ts';
import type { Random } from '../explore/random.ts';
import type { Walkable } from '../explore/walk.ts';
import { checkInvariants } from '../reducers/invariants.ts';
import { observe } from '../reducers/observable.ts';
import { checkApplied } from './check-after.ts';
import { Generator } from './fuzz-generator.ts';
import { type IoctlStep, madeBy, type Step, type Target } from './program.ts';
import { roleOf } from './program-fields.ts';
import { ProgramMachine } from './program-machine.ts';
import { FUZZ_MEMORY } from './program-memory.ts';

/** What was wrong: an invariant and what it says of this world, or the message of an internal error. */
export type Fault = Readonly<{ invariant: string; detail: string }>;

/** The invariant that an internal error stands for. */
export const INTERNAL_ERROR = 'internal-error';

const FAIL_NTH_SHARE = 0.2;
const FAIL_NTH_MAX = 12;

/** Another model that has to agree with the first, call by call. */
export type Reference = Readonly<{ start: () => void; perform: (step: Step) => Outcome }>;

export class FuzzSystem implements Walkable<Step> {
  readonly machine: ProgramMachine;
  readonly generator: Generator;
  readonly places: string[] = [];
  faultFound: Fault | undefined = undefined;
  outcome: Outcome | undefined = undefined;
  /** Whether steps are proposed in which an allocation fails. */
  failNth = false;
  private taken = 0;
  private readonly reference: Reference | undefined;

  /** `wrong`: share of calls that something is wrong with. */
  constructor(target: Target, wrong: number, reference?: Reference, machine?: ProgramMachine) {
    this.machine = machine ?? new ProgramMachine(target);
    this.generator = new Generator(this.machine, wrong);
    this.reference = reference;
  }

  get fault(): string | undefined {
    return this.faultFound?.invariant;
  }

  start(): void {
    this.machine.start(FUZZ_MEMORY);
    this.reference?.start();
    this.generator.clear();
    this.places.length = 0;
    this.faultFound = undefined;
    this.taken = 0;
  }

  propose(choice: number, random: Random): Step | undefined {
    try {
      const step = this.generator.propose(choice, random, this.taken);
      if (!this.failNth || step?.call !== 'ioctl' || !random.chance(FAIL_NTH_SHARE)) return step;
      return { ...step, props: { failNth: 1 + random.below(FAIL_NTH_MAX) } };
    } catch (error) {
      // A world that contradicts itself can trip whoever looks at it, too.
      this.faultFound = { invariant: INTERNAL_ERROR, detail: messageOf(error) };
      return undefined;
    }
  }

  take(step: Step): boolean {
    this.taken++;
    this.places.length = 0;
    for (const resource of madeBy(step)) this.generator.names.reserve(resource + 1);
    if (step.call === 'ioctl' && step.props.failNth !== undefined) this.checkUnchanged(step);
    const outcome = this.perform(step);
    if (outcome === undefined) return false;
    this.outcome = outcome;
    if (this.reference !== undefined) this.compare(step, outcome, this.reference);
    if (outcome.missing !== undefined) return true;
    if (outcome.rule !== undefined) this.places.push(outcome.rule);
    for (const event of outcome.events) {
      this.places.push(event.type);
      if (event.type === 'InvariantBroken') return false;
    }
    this.check(outcome);
    if (this.faultFound !== undefined) return false;
    this.follow(step, outcome);
    return true;
  }

  /** Ends the process, and checks what is left. */
  finish(): void {
    try {
      this.machine.end();
    } catch (error) {
      this.faultFound = { invariant: INTERNAL_ERROR, detail: messageOf(error) };
      return;
    }
    const violated = checkInvariants(this.machine.world)[0];
    if (violated !== undefined) this.faultFound = violated;
  }

  private perform(step: Step): Outcome | undefined {
    try {
      return this.machine.perform(step);
    } catch (error) {
      this.faultFound = { invariant: INTERNAL_ERROR, detail: messageOf(error) };
      return undefined;
    }
  }

  /** An allocation of this call fails: it is refused before anything has happened. */
  private checkUnchanged(step: IoctlStep): void {
    const { machine } = this;
    const contexts = [...machine.world.contexts.keys()];
    const before = contexts.map((id) => observe(machine.world, id));
    try {
      machine.foresee(step);
    } catch (error) {
      this.faultFound = { invariant: INTERNAL_ERROR, detail: messageOf(error) };
      return;
    }
    const changed = contexts.find((id, index) => observe(machine.world, id) !== before[index]);
    if (changed !== undefined)
      this.faultFound = {
        invariant: 'refused-changes-nothing',
        detail: `context ${changed} after a failed allocation`,
      };
  }

  private check(outcome: Outcome): void {
    const violated = checkApplied(this.machine.world, this.machine.applied, outcome)[0]?.violation;
    if (violated !== undefined) this.faultFound = violated;
  }

  private compare(step: Step, outcome: Outcome, reference: Reference): void {
    const other = reference.perform(step);
    const [one, another] = [summaryOf(outcome), summaryOf(other)];
    if (one !== another) this.faultFound = { invariant: 'differs', detail: `${one} instead of ${another}` };
  }

  /** Remembers what the step made and what went with it. */
  private follow(step: Step, outcome: Outcome): void {
    const { names } = this.generator;
    const succeeded = outcome.ret >= 0;
    switch (step.call) {
      case 'ioctl':
        this.followIoctl(step, outcome);
        return;
      case 'open':
        names.add(
          step.make,
          step.path.startsWith('/dev/vfio/devices') ? 'vfio-dev' : 'iommufd',
          0,
          step.path,
        );
        return;
      case 'memfd':
        names.add(step.make, 'file', 0);
        return;
      case 'dup': {
        const original = names.descriptors.find(
          ({ resource }) => 'resource' in step.fd && resource === step.fd.resource,
        );
        if (succeeded && original !== undefined)
          names.add(step.make, original.role, original.contextId, original.path);
        return;
      }
      case 'close':
        if ('resource' in step.fd) names.close(step.fd.resource);
        return;
      case 'mmap':
        if (succeeded) names.windows.push({ address: step.address, length: step.length });
        return;
      case 'munmap':
        names.windows = names.windows.filter(({ address }) => address !== step.address);
        return;
      default:
    }
  }

  private followIoctl(step: IoctlStep, outcome: Outcome): void {
    const { names } = this.generator;
    const { machine } = this;
    for (const event of outcome.events) {
      if (
        event.type === 'ObjectDestroyed' ||
        event.type === 'HwptDestroyed' ||
        event.type === 'DeviceUnbound'
      )
        names.forget(event.context, event.id);
      else if (event.type === 'SelftestDestroyed') names.forget(event.context, event.id);
    }
    if (outcome.ret < 0) return;
    for (const { field, resource } of step.makes) {
      const value = machine.values[resource];
      const role =
        field === ''
          ? ({ is: 'made-descriptor', role: 'dmabuf' } as const)
          : roleOf(machine.entry?.type, field);
      if (value === undefined || role === undefined) continue;
      if (role.is === 'made-descriptor') names.add(resource, role.role, machine.site.context.id);
      else if (role.is === 'made-id') names.nameObject(machine.site.context, value, resource);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The result of a call as far as user space sees it. */
export function summaryOf(outcome: Outcome): string {
  if (outcome.missing !== undefined) return 'undetermined';
  const reply = Object.entries(outcome.reply ?? {}).map(([name, value]) => `${name}=${String(value)}`);
  const written = [...(outcome.buffer ?? []), ...(outcome.raw ?? [])].map(
    ({ at, bytes }) => `${at}:${Buffer.from(bytes).toString('hex')}`,
  );
  return [outcome.rule ?? outcome.ret, ...reply, ...written].join(' ');
}
