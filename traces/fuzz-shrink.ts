/** The smallest program that fails in the same way, under canonical names: equal bugs give equal programs. */
import { shrink } from '../explore/shrink.ts';
import type { Models } from './fuzz.ts';
import { type Fault, FuzzSystem, INTERNAL_ERROR } from './fuzz-system.ts';
import type { IoctlStep, Program, Step, Target } from './program.ts';
import { renamedAddresses } from './program-addresses.ts';
import { canonical } from './program-canonical.ts';
import { FUZZ_MEMORY, READ_ONLY_START, STRUCT_START } from './program-memory.ts';
import { callNameOf, fieldsOf, type SyzField } from './syz-fields.ts';

export type ShrunkFailure = Readonly<{ program: Program; fault: Fault }>;

/** Trials for one failure. */
const BUDGET = 4000;
const TEST_STRUCT = 'iommu_test_cmd';

/** Runs programs one after another on the same machine. */
export class Trier {
  private readonly system: FuzzSystem;

  constructor(target: Target, models: Models = {}) {
    this.system = new FuzzSystem(target, 0, models.reference?.(), models.machine?.());
  }

  /** What fails when these steps are taken; checks after every step, and after the end of the process. */
  faultOf(steps: readonly Step[]): Fault | undefined {
    const { system } = this;
    system.start();
    for (const step of steps) {
      const goesOn = system.take(step);
      if (system.faultFound !== undefined) return system.faultFound;
      if (!goesOn) return undefined;
    }
    system.finish();
    return system.faultFound;
  }
}

/** What makes two failures the same one: the invariant, and of a message all but its numbers. */
export function kindOf({ invariant, detail }: Fault): string {
  return invariant === INTERNAL_ERROR
    ? `${invariant} ${detail.replaceAll(/0x[0-9a-f]+|\d+/g, '#')}`
    : invariant;
}

export function shrinkFailure(
  target: Target,
  steps: readonly Step[],
  fault: Fault,
  trier: Trier = new Trier(target),
): ShrunkFailure {
  const kind = kindOf(fault);
  const fails = (candidate: readonly Step[]): boolean => {
    const found = trier.faultOf(candidate);
    return found !== undefined && kindOf(found) === kind;
  };
  const small = fails(steps) ? shrink(steps, { fails, simpler, budget: BUDGET }) : steps;
  let program = canonical({ target, memory: FUZZ_MEMORY, steps: small });
  const renamed = renamedAddresses(program);
  if (fails(renamed.steps)) program = renamed;
  return { program, fault: trier.faultOf(program.steps) ?? fault };
}

/** What an ioctl could be instead: in good memory, of the right size, with a field less. */
function* simpler(step: Step): Generator<Step> {
  if (step.call === 'memfd' && step.size !== 0x1_0000n) yield { ...step, size: 0x1_0000n };
  if (step.call !== 'ioctl') return;
  const entry = callNameOf(step)?.entry;
  if (entry === undefined) return;
  const { layout } = entry;
  if (step.bytes.length === layout.size && step.arg >= BigInt(READ_ONLY_START))
    yield { ...step, arg: BigInt(STRUCT_START) };
  if (step.bytes.length > layout.size) yield withBytes(step, step.bytes.slice(0, layout.size));
  if (step.bytes.length !== layout.size) return;
  if (step.second?.bytes.some((byte) => byte !== 0))
    yield { ...step, second: { ...step.second, bytes: new Uint8Array(step.second.bytes.length) } };
  for (const field of fieldsOf(layout)) {
    if (field.at === 0) yield* resized(step, layout.size);
    else if (!(layout.name === TEST_STRUCT && field.name === 'op')) yield* plainer(step, field);
  }
}

function withBytes(step: IoctlStep, bytes: Uint8Array): IoctlStep {
  return { ...step, bytes };
}

function* resized(step: IoctlStep, size: number): Generator<Step> {
  const bytes = Uint8Array.from(step.bytes);
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0, true) === size) return;
  view.setUint32(0, size, true);
  yield withBytes(step, bytes);
}

const PLAIN: readonly bigint[] = [0n, 0x1000n, 0x100_0000n, 0x2020_0000n];

/** The field without its value; of 64 bits, with a value that everybody knows; of flags, with one bit less. */
function* plainer(step: IoctlStep, field: SyzField): Generator<Step> {
  const { at, width } = field;
  const used = step.uses.some((use) => use.at === at);
  const view = new DataView(step.bytes.buffer, step.bytes.byteOffset, step.bytes.length);
  if (width === 8) {
    const now = view.getBigUint64(at, true);
    for (const value of PLAIN) {
      if (value === now) break;
      const bytes = Uint8Array.from(step.bytes);
      new DataView(bytes.buffer).setBigUint64(at, value, true);
      yield withBytes(step, bytes);
    }
    return;
  }
  const bytes = Uint8Array.from(step.bytes);
  bytes.fill(0, at, at + width);
  if (used) yield { ...step, bytes, uses: step.uses.filter((use) => use.at !== at) };
  if (used || width !== 4) return;
  const now = view.getUint32(at, true);
  if (now === 0) return;
  yield withBytes(step, bytes);
  for (let bit = 31; bit >= 0 && (now & (now - 1)) !== 0; bit--) {
    if (!((now >>> bit) & 1)) continue;
    const fewer = Uint8Array.from(step.bytes);
    new DataView(fewer.buffer).setUint32(at, now & ~(1 << bit), true);
    yield withBytes(step, fewer);
  }
}
