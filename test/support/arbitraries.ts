/** Random programs over live objects: every command, with a share of wrong ids, sizes and flags. */
import fc from 'fast-check';
import type { Command, CommandType, StructCommand } from '../../events/command.ts';
import type { ObjectKind } from '../../machines/objects.ts';
import type { Context } from '../../machines/world.ts';
import { commandLayouts } from '../../traces/uapi/registry.ts';
import { maker } from './commands.ts';
import type { Given } from './given.ts';
import { HOLE, HUGE, longs, MEMFD, RO, RW, words } from './memory.ts';

/** One step as numbers: what it means depends on what is alive when it is taken. */
export type Step = Readonly<{ kind: number; picks: readonly number[] }>;

const PICKS = 12;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Programs of up to `length` steps. */
export function programs(length: number): fc.Arbitrary<readonly Step[]> {
  const step = fc.record({
    kind: fc.nat({ max: 9999 }),
    picks: fc.array(fc.nat({ max: 0xffff }), { minLength: PICKS, maxLength: PICKS }),
  });
  return fc.array(step, { minLength: Math.floor(length / 2), maxLength: length });
}

/** Which kinds of objects a field names. */
const ids: Readonly<Record<string, readonly ObjectKind[]>> = {
  ioasId: ['ioas'],
  srcIoasId: ['ioas'],
  dstIoasId: ['ioas'],
  objectId: ['ioas'],
  devId: ['device'],
  ptId: ['ioas', 'hwpt-paging', 'hwpt-nested', 'viommu'],
  hwptId: ['hwpt-paging', 'hwpt-nested', 'viommu'],
  viommuId: ['viommu'],
  faultId: ['fault'],
};
const byCommand: Readonly<Record<string, readonly ObjectKind[]>> = {
  Destroy: [
    'ioas',
    'hwpt-paging',
    'hwpt-nested',
    'fault',
    'viommu',
    'vdevice',
    'veventq',
    'hw-queue',
    'selftest',
  ],
  TestAddReserved: ['ioas'],
  TestMockDomain: ['ioas', 'hwpt-paging'],
  TestMockDomainFlags: ['ioas', 'hwpt-paging'],
  TestMdCheckMap: ['hwpt-paging'],
  TestCreateAccess: ['ioas'],
  TestMockDomainReplace: ['selftest'],
  TestDirty: ['hwpt-paging'],
  TestMdCheckIotlb: ['hwpt-nested'],
  TestDevCheckCache: ['device'],
  TestPasidAttach: ['selftest'],
  TestPasidReplace: ['selftest'],
  TestPasidDetach: ['selftest'],
  TestPasidCheckHwpt: ['selftest'],
  ViommuAlloc: ['hwpt-paging'],
  HwptInvalidate: ['hwpt-nested', 'viommu'],
};

/** Values that a field takes when it is right, most of the time. */
const likely: Readonly<Record<string, readonly (number | bigint)[]>> = {
  userVa: [RW, RW + 0x1000, RO, MEMFD, HUGE, HOLE, RW + 0x800].map(BigInt),
  vaddr: [RW, RW + 0x2000, MEMFD].map(BigInt),
  uptr: [RW, RW + 0x1000, 0, HOLE].map(BigInt),
  dataUptr: [RW, HOLE].map(BigInt),
  length: [0x1000n, 0x2000n, 0x800n, 0x4000n, 0x10n, U64_MAX, 0x5000n],
  iova: [0x100_0000n, 0x100_1000n, 0x100_4000n, 0x1000n, 0n, 0x100_0800n],
  dstIova: [0x101_0000n, 0x100_2000n, 0x9000n],
  srcIova: [0x100_0000n, 0x100_1000n, 0x1000n],
  nestingParentIova: [0x100_0000n, 0x100_1000n],
  start: [0x4000n, 0x100_0000n, 0x9000n, 0n],
  virtId: [1n, 2n, 0x99n],
  pasid: [0, 5, 100, 1024, 1 << 20],
  dataType: [0, 0xdead, 0xdead_beef],
  dataLen: [0, 8, 4],
  entryNum: [0, 1, 2],
  entryLen: [8, 12],
  devFlags: [0, 1, 4, 5],
  optionId: [1, 0],
  op: [0, 1, 2],
  val64: [0n, 1n],
  numIovas: [0, 1, 2],
  index: [0, 1, 2],
  code: [0, 1],
  arg: [1n, 3n, 4n, 8n],
  cache: [0, 0xbaddad],
  refs: [0, 1, 2],
  accessPagesId: [0, 1, 2],
  fd: [40, 41],
  grpid: [1, 2],
};
const flags: Readonly<Record<string, readonly number[]>> = {
  IoasMap: [7, 6, 5, 4, 3],
  IoasMapFile: [7, 6, 4],
  IoasCopy: [4, 5, 6, 7],
  HwptAlloc: [0, 1, 2, 4, 8, 9, 12],
  HwptSetDirtyTracking: [1, 0],
  HwptGetDirtyBitmap: [0, 1],
  TestCreateAccess: [0, 1],
  TestAccessPages: [0, 1],
  TestAccessRw: [0, 1, 4],
  VfioIommuMapDma: [3, 1, 2, 0],
  VfioIommuUnmapDma: [0, 2],
};
const wild: readonly (number | bigint)[] = [0, 1, 7, 0xffff_ffff, 0x8000_0000];

/** Commands that build up are taken more often than others. */
const OFTEN: readonly CommandType[] = [
  'IoasAlloc',
  'TestMockDomainFlags',
  'HwptAlloc',
  'IoasMap',
  'IoasMap',
  'TestCreateAccess',
  'ViommuAlloc',
  'VdeviceAlloc',
  'TestAccessPages',
  'TestPasidAttach',
  'TestMockDomainReplace',
  'FaultQueueAlloc',
  'HwQueueAlloc',
  'TestTriggerIopf',
  'HwptSetDirtyTracking',
  'TestDirty',
];
const structTypes = Object.keys(commandLayouts) as StructCommand['type'][];
const types: readonly CommandType[] = [
  ...structTypes.filter((type) => !type.startsWith('Device')),
  'VfioCheckExtension',
  'VfioSetIommu',
  ...OFTEN,
  ...OFTEN,
];

/** Takes numbers one after another. */
class Picker {
  private at = 0;
  private readonly picks: readonly number[];
  constructor(picks: readonly number[]) {
    this.picks = picks;
  }
  next(below: number): number {
    return (this.picks[this.at++ % this.picks.length] ?? 0) % below;
  }
  of<T>(values: readonly T[]): T {
    return values[this.next(values.length)] as T;
  }
}

function liveId(context: Context, kinds: readonly ObjectKind[], pick: Picker): number {
  const live = context.objects.filter((object) => object !== undefined && kinds.includes(object.kind));
  if (live.length === 0 || pick.next(12) === 0) return pick.next(16);
  return live.at(-1 - pick.next(Math.min(3, live.length)))?.id ?? 0;
}

/** Reads as a command what the step says of the world as it is. */
export function commandOf(world: Given, step: Step): Command {
  const type = types[step.kind % types.length] as CommandType;
  const pick = new Picker(step.picks);
  if (type === 'VfioCheckExtension' || type === 'VfioSetIommu')
    return { type, arg: pick.of(likely['arg'] ?? []) as bigint };
  const command = { ...maker(type as StructCommand['type'], {})() } as Record<string, unknown>;
  for (const name of Object.keys(command)) {
    if (name === 'type' || name === 'size' || name === 'argsz' || name.startsWith('out')) continue;
    command[name] = fieldValue(world, type, name, command[name], pick);
  }
  if (pick.next(10) === 0) spoil(command, pick);
  return command as Command;
}

function fieldValue(world: Given, type: string, name: string, zero: unknown, pick: Picker): unknown {
  const context = world.context();
  const kinds =
    name === 'id'
      ? byCommand[type]
      : name === 'hwptId' && byCommand[type] !== undefined
        ? byCommand[type]
        : ids[name];
  if (name === 'id' && kinds === undefined) return accessFd(world, pick);
  if (kinds !== undefined) return liveId(context, kinds, pick);
  if (name === 'flags') return pick.of(flags[type] ?? [0]);
  if (name === 'viommuType' || name === 'hwQueueType') return 0xdead_beef;
  if (name === 'veventqType') return 0xbeef_beef;
  if (name === 'dataType' && type === 'HwptInvalidate') return 0xdead_beef;
  if (name === 'veventqDepth' || name === 'pageSize') return typeof zero === 'bigint' ? 0x1000n : 2;
  if (name === 'limit') return 65_536;
  const values = likely[name];
  if (values === undefined) return zero;
  const value = pick.of(values);
  return typeof zero === 'bigint' ? BigInt(value) : Number(BigInt(value) & 0xffff_ffffn);
}

function accessFd(world: Given, pick: Picker): number {
  const fds = [...(world.world.processes.get(1)?.fds.entries() ?? [])];
  const accesses = fds.filter(([, file]) => world.world.files.get(file)?.kind === 'access');
  return accesses.length === 0 ? 99 : (pick.of(accesses)[0] ?? 99);
}

/** One field gets a value that it should not have. */
function spoil(command: Record<string, unknown>, pick: Picker): void {
  const names = Object.keys(command).filter(
    (name) => name !== 'type' && name !== 'numIovas' && name !== 'entryNum',
  );
  const name = pick.of(names);
  const value = pick.of(wild);
  command[name] = typeof command[name] === 'bigint' ? BigInt(value) * 0x1_0000_0001n : Number(value);
}

/** What the second buffer holds: ranges for lists, small words for everything else; sometimes nothing. */
export function secondOf(command: Command, step: Step): Uint8Array | undefined {
  if (step.kind % 13 === 0) return undefined;
  if (command.type === 'IoasAllowIovas') return longs(0x100_0000n, 0x1ff_ffffn, 0x300_0000n, 0x3ff_ffffn);
  return words((step.picks[0] ?? 0) & 0xff, (step.picks[1] ?? 0) % 3, 1, 0, 0, 0);
}
