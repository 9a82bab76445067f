/** Proposes the next step of a program: any call that the target has, against what lives in the world that it runs on. */
import type { CommandType } from '../events/command.ts';
import { IOMMU_TEST_CMD } from '../events/ioctl-number.ts';
import type { Random } from '../explore/random.ts';
import { type Context, type OpenFile, openFileAt } from '../machines/world.ts';
import { Draft, type Fills, type StructType, type Want } from './fuzz-draft.ts';
import { hwptFills } from './fuzz-hwpt.ts';
import { ioasFills } from './fuzz-ioas.ts';
import { mockFills } from './fuzz-mock.ts';
import { type NamedDescriptor, Names } from './fuzz-names.ts';
import { OTHER_CALLS, type OtherCall } from './fuzz-other.ts';
import { vfioFills, viommuFills } from './fuzz-viommu.ts';
import { type Placement, spoil } from './fuzz-wrong.ts';
import { allTestEntries, containerIoctls, deviceIoctls, nativeIoctls } from './ioctl-table.ts';
import { type IoctlStep, NO_PROPS, type Operand, type Step } from './program.ts';
import type { ProgramMachine } from './program-machine.ts';
import { READ_ONLY_START, STRUCT_START, STRUCT_STRIDE } from './program-memory.ts';
import { PID } from './program-site.ts';

const fills: Fills = { ...ioasFills, ...hwptFills, ...viommuFills, ...vfioFills, ...mockFills };

/** One thing that can be proposed: a command filled well or with something wrong, or another call. */
export type Choice =
  | Readonly<{
      name: string;
      type: StructType;
      request: number;
      /** Of IOMMU_TEST_CMD; 0 for all other commands. */
      op: number;
      /** Asked of a VFIO device file. */
      onDevice: boolean;
      wrong: boolean;
      weight: number;
    }>
  | Readonly<{ name: string; other: OtherCall; weight: number }>;

/** Commands that are drawn more or less often than others before anything is learned. */
const WEIGHTS: Readonly<Partial<Record<CommandType, number>>> = {
  IoasMap: 6,
  IoasUnmap: 4,
  IoasCopy: 3,
  HwptAlloc: 6,
  TestMockDomain: 1,
  TestMockDomainFlags: 3,
  TestMockDomainReplace: 6,
  TestPasidAttach: 6,
  TestPasidReplace: 4,
  TestPasidDetach: 4,
  TestTriggerIopf: 4,
  TestTriggerVevent: 4,
  TestDirty: 3,
  VfioIommuUnmapDma: 3,
  HwQueueAlloc: 2,
  DeviceBindIommufd: 2,
  DeviceAttachIommufdPt: 16,
  DeviceDetachIommufdPt: 6,
  TestAccessPages: 3,
  Destroy: 4,
  TestMdCheckMap: 0.7,
  TestMdCheckRefs: 0.7,
  TestSetTempMemoryLimit: 0.2,
  TestUnknownOp: 0.1,
  VfioIommuGetInfo: 0.5,
};

/** What makes something that is wanted. */
const MAKERS: Readonly<Record<Want, CommandType | OtherCall>> = {
  ioas: 'IoasAlloc',
  device: 'TestMockDomainFlags',
  selftest: 'TestMockDomainFlags',
  'hwpt-paging': 'HwptAlloc',
  'hwpt-nested': 'HwptAlloc',
  'nest-parent': 'HwptAlloc',
  'dirty-hwpt': 'HwptAlloc',
  fault: 'FaultQueueAlloc',
  viommu: 'ViommuAlloc',
  vdevice: 'VdeviceAlloc',
  veventq: 'VeventqAlloc',
  'hw-queue': 'HwQueueAlloc',
  access: 'TestCreateAccess',
  area: 'IoasMap',
  dmabuf: 'TestDmabufGet',
  eventq: 'VeventqAlloc',
  file: 'memfd',
  iommufd: 'open',
  tombstone: 'open',
  compat: 'VfioIoas',
  'compat-area': 'VfioIommuMapDma',
  type1: 'type1',
  tracking: 'HwptSetDirtyTracking',
  reporting: 'TestMockDomainReplace',
  'viommu-hwpt': 'HwptAlloc',
  'fault-hwpt': 'HwptAlloc',
  faulting: 'TestMockDomainFlags',
  'vfio-dev': 'open-device',
  'bound-device': 'DeviceBindIommufd',
};

/** Steps for which a choice that needs something first is pursued, and how often it is preferred meanwhile. */
const PATIENCE = 8;
const GOAL_SHARE = 0.7;
/** How far back a chain of wants is followed. */
const DEPTH = 6;
const READ_ONLY_SHARE = 0.03;
/** How often a command is asked of the first iommufd. */
const USUAL_SHARE = 0.8;

/** Everything that a target can be asked. `wrong`: share of calls with something wrong, 0 to 1. */
function choicesOf(machine: ProgramMachine, wrong: number): Choice[] {
  const { kernel, platform } = machine;
  const mock = platform.driver.name === 'mock';
  const choices: Choice[] = [];
  const add = (type: StructType, request: number, op = 0) => {
    const weight = WEIGHTS[type] ?? 1;
    if (fills[type] === undefined) return;
    const asked = { type, request, op, onDevice: type.startsWith('Device') };
    choices.push({ name: type, ...asked, wrong: false, weight: weight * (1 - wrong) });
    choices.push({ name: `${type}!`, ...asked, wrong: true, weight: weight * wrong });
  };
  for (const { number, type } of nativeIoctls.values())
    if (number <= kernel.lastIoctl) add(type as StructType, number);
  for (const { number, type } of containerIoctls.values()) add(type as StructType, number);
  if (mock)
    for (const [op, { type }] of allTestEntries().entries())
      if (op <= kernel.lastTestOp) add(type as StructType, IOMMU_TEST_CMD, op);
  if (platform.devices.size > 0)
    for (const { number, type } of deviceIoctls.values()) add(type as StructType, number);
  for (const [other, { weight, needs }] of Object.entries(OTHER_CALLS))
    if (needs === undefined || needs(machine))
      choices.push({ name: other, other: other as OtherCall, weight });
  return choices;
}

export class Generator {
  readonly names = new Names();
  readonly choices: readonly Choice[];
  private readonly machine: ProgramMachine;
  private readonly byName = new Map<string, Choice>();
  private readonly draft: Draft;
  /** A choice that needed something first, and for how many steps it is still pursued. */
  private goal = 0;
  private patience = 0;

  constructor(machine: ProgramMachine, wrong: number) {
    this.machine = machine;
    this.choices = choicesOf(machine, wrong);
    this.draft = new Draft(this.names, machine.site.context);
    this.draft.isMock = machine.platform.driver.name === 'mock';
    for (const choice of this.choices) this.byName.set(choice.name, choice);
  }

  /** A new program begins. */
  clear(): void {
    this.names.clear();
    this.patience = 0;
  }

  /** A step for the choice with this index, or for something that it needs first. `taken`: steps of the program so far. */
  propose(index: number, random: Random, taken: number): Step | undefined {
    const goes = this.patience > 0 && random.chance(GOAL_SHARE);
    const goal = goes ? this.goal : index;
    if (goes) this.patience--;
    let choice = this.choices[goal];
    let aim: Want | undefined;
    for (let depth = 0; choice !== undefined && depth < DEPTH; depth++) {
      if ('other' in choice)
        return OTHER_CALLS[choice.other].propose(this.machine, this.names, random, taken);
      const made = this.ioctl(choice, random, taken, aim);
      if (typeof made !== 'string') {
        if (depth === 0 && goal === this.goal) this.patience = 0;
        return made;
      }
      if (depth === 0 && !goes) {
        this.goal = goal;
        this.patience = PATIENCE;
      }
      aim = made;
      const maker = this.machine.platform.devices.size > 0 && made === 'device' ? 'bound-device' : made;
      choice = this.byName.get(MAKERS[maker]);
    }
    return undefined;
  }

  private ioctl(
    choice: Extract<Choice, { type: StructType }>,
    random: Random,
    taken: number,
    aim: Want | undefined,
  ): IoctlStep | Want {
    const where = this.descriptorFor(choice, random);
    if (typeof where === 'string') return where;
    const { draft } = this;
    draft.random = random;
    draft.begin(choice.type, where.context);
    draft.aim = aim;
    if (choice.op > 0) draft.set('op', choice.op);
    fills[choice.type]?.(draft);
    if (draft.want !== undefined) return draft.want;
    const at = BigInt(STRUCT_START + taken * STRUCT_STRIDE);
    const { arg, bytes } = this.place(choice.wrong, draft, random, at, taken);
    const { uses, makes, second } = draft;
    const wild = choice.wrong && second !== undefined && !draft.pointsTo(second.address);
    return {
      call: 'ioctl',
      fd: where.operand,
      request: choice.request,
      arg,
      bytes,
      uses,
      makes,
      second: wild ? undefined : second,
      file: undefined,
      props: NO_PROPS,
    };
  }

  private place(wrong: boolean, draft: Draft, random: Random, at: bigint, taken: number): Placement {
    if (wrong) return spoil(draft, at);
    if (!random.chance(READ_ONLY_SHARE)) return { arg: at, bytes: draft.bytes() };
    return { arg: BigInt(READ_ONLY_START + (taken & 0xff) * STRUCT_STRIDE), bytes: draft.bytes() };
  }

  private descriptorFor(
    choice: Extract<Choice, { type: StructType }>,
    random: Random,
  ): { operand: Operand; context: Context } | Want {
    const { contexts } = this.machine.world;
    const { onDevice } = choice;
    const file = onDevice ? undefined : this.usualFile();
    if (file !== undefined && random.chance(USUAL_SHARE)) return file;
    let found: NamedDescriptor | undefined;
    let seen = 0;
    const bound = choice.type !== 'DeviceBindIommufd' || random.chance(0.1);
    for (const one of this.names.descriptors) {
      const fits = onDevice ? one.role === 'vfio-dev' && this.isBound(one) === bound : one.role === 'iommufd';
      if (fits && random.below(++seen) === 0) found = one;
    }
    if (found === undefined && onDevice && bound && !random.chance(0.1)) return 'bound-device';
    if (found === undefined && onDevice)
      found = this.names.descriptors.find(({ role }) => role === 'vfio-dev');
    if (found === undefined) return onDevice ? 'vfio-dev' : 'iommufd';
    const context = contexts.get(this.fileOf(found)?.contextId ?? 0) ?? this.firstContext();
    return context === undefined ? 'iommufd' : { operand: found.operand, context };
  }

  /** The first iommufd: programs that keep to one context go deeper. */
  private usualFile(): { operand: Operand; context: Context } | undefined {
    const [first] = this.names.descriptors;
    if (first?.role !== 'iommufd') return undefined;
    const context = this.machine.world.contexts.get(this.fileOf(first)?.contextId ?? 0);
    return context === undefined ? undefined : { operand: first.operand, context };
  }

  private fileOf(one: NamedDescriptor): OpenFile | undefined {
    const { world } = this.machine;
    return openFileAt(world, world.processes.get(PID), this.machine.descriptor(one.operand));
  }

  private isBound(one: NamedDescriptor): boolean {
    return this.fileOf(one)?.phase === 'bound';
  }

  private firstContext(): Context | undefined {
    for (const context of this.machine.world.contexts.values()) return context;
    return undefined;
  }
}
