/** Steps that are no ioctl with a struct: descriptors, event files, memory, rights, and ioctls of numbers without a struct. */
import { VFIO_CHECK_EXTENSION, VFIO_GET_API_VERSION, VFIO_SET_IOMMU } from '../events/ioctl-number.ts';
import type { Random } from '../explore/random.ts';
import type { Names } from './fuzz-names.ts';
import { ODD_NUMBERS } from './fuzz-values.ts';
import { type IoctlStep, ioctlStep, NO_PROPS, type Operand, type Step } from './program.ts';
import type { ProgramMachine } from './program-machine.ts';
import { STRUCT_START, WINDOW_START } from './program-memory.ts';

type Propose = (machine: ProgramMachine, names: Names, random: Random, taken: number) => Step | undefined;

type Other = Readonly<{
  weight: number;
  needs?: (machine: ProgramMachine) => boolean;
  propose: Propose;
}>;

const CONTEXTS_MAX = 3;
const RECORD_BYTES = 40;
const RESPONSE_BYTES = 8;
const WINDOW_LENGTH = 0x2000n;
const ALL_CAPABILITIES = '0x1ffffffffff';

function descriptor(names: Names, random: Random, role: string): Operand | undefined {
  const fitting = names.descriptors.filter((one) => one.role === role);
  return fitting.length === 0 ? undefined : random.pick(fitting).operand;
}

const open: Propose = (_machine, names, random) => {
  const count = names.descriptors.filter(({ role }) => role === 'iommufd').length;
  if (count >= CONTEXTS_MAX) return undefined;
  const path = random.chance(0.05) ? '/dev/vfio/vfio' : '/dev/iommu';
  return { call: 'open', path, make: names.fresh(), props: NO_PROPS };
};

const openDevice: Propose = (machine, names, random) => {
  const path = random.pick([...machine.platform.devices.keys()]);
  return { call: 'open', path, make: names.fresh(), props: NO_PROPS };
};

const close: Propose = (_machine, names, random) => {
  if (names.descriptors.length === 0) return undefined;
  const one = random.pick(names.descriptors);
  if (one.role === 'iommufd' && random.chance(0.7)) return undefined;
  return { call: 'close', fd: one.operand, props: NO_PROPS };
};

const dup: Propose = (_machine, names, random) => {
  if (names.descriptors.length === 0) return undefined;
  return { call: 'dup', fd: random.pick(names.descriptors).operand, make: names.fresh(), props: NO_PROPS };
};

/** Lengths around whole records; odd ones are refused, or read less. Where something waits to be read it is read. */
const read: Propose = (machine, names, random) => {
  const waiting = fullQueue(machine, random);
  const role = waiting ?? random.pick(['fault', 'eventq', 'fault', 'eventq', 'iommufd']);
  const fd = descriptor(names, random, role);
  if (fd === undefined || (waiting === undefined && random.chance(0.6))) return undefined;
  const whole = role === 'fault' && !random.chance(0.15);
  const length = whole
    ? RECORD_BYTES * random.pick([0, 1, 1, 2, 3])
    : random.pick([0, 7, 8, 11, 12, 16, 20, 24, 36, 39, 41, 64]);
  return { call: 'read', fd, length, props: NO_PROPS };
};

/** The kind of a queue that has something in it. */
function fullQueue(machine: ProgramMachine, random: Random): 'fault' | 'eventq' | undefined {
  let found: 'fault' | 'eventq' | undefined;
  let seen = 0;
  for (const context of machine.world.contexts.values()) {
    for (const object of context.objects) {
      if (object?.kind !== 'fault' && object?.kind !== 'veventq') continue;
      if (object.queued.length > 0 && random.below(++seen) === 0)
        found = object.kind === 'fault' ? 'fault' : 'eventq';
    }
  }
  return found;
}

const write: Propose = (machine, names, random) => {
  const pending = pendingCookies(machine);
  if (pending.length === 0 && random.chance(0.6)) return undefined;
  const fault = random.chance(0.9) ? descriptor(names, random, 'fault') : undefined;
  const fd = fault ?? descriptor(names, random, random.chance(0.7) ? 'eventq' : 'iommufd');
  if (fd === undefined) return undefined;
  const count = random.pick([1, 1, 1, 2, 2, 3]);
  const length = random.chance(0.1) ? random.pick([0, 4, 7, 9, 12]) : count * RESPONSE_BYTES;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + RESPONSE_BYTES <= length; at += RESPONSE_BYTES) {
    const known = pending.length > 0 && random.chance(0.75);
    view.setUint32(at, known ? random.pick(pending) : random.below(4), true);
    view.setUint32(at + 4, random.chance(0.1) ? 2 : random.below(2), true);
  }
  return { call: 'write', fd, length, bytes, props: NO_PROPS };
};

function pendingCookies(machine: ProgramMachine): number[] {
  const cookies: number[] = [];
  for (const context of machine.world.contexts.values())
    for (const object of context.objects)
      if (object?.kind === 'fault') cookies.push(...object.pending.keys());
  return cookies;
}

const mmap: Propose = (machine, names, random) => {
  const fd = descriptor(names, random, 'iommufd');
  if (fd === undefined) return undefined;
  const windows = [...machine.world.contexts.values()].flatMap((context) => context.windows);
  if (windows.length === 0 && !random.chance(0.1)) return undefined;
  const right = windows.length > 0 && random.chance(0.75);
  const offset = right ? random.pick(windows).offset : random.pick([0n, 0x1000n, 0x2000n, 0x3000n]);
  const address = BigInt(WINDOW_START) + BigInt(names.windows.length) * 0x10_000n;
  return {
    call: 'mmap',
    fd,
    address,
    length: random.chance(0.9) ? WINDOW_LENGTH : random.pick([0n, 0x1000n, 0x1001n, 0x3000n]),
    prot: random.chance(0.95) ? 3 : 7,
    flags: random.chance(0.95) ? 0x11 : 0x12,
    offset,
    props: NO_PROPS,
  };
};

const munmap: Propose = (_machine, names, random) => {
  if (names.windows.length === 0) return undefined;
  return { call: 'munmap', ...random.pick(names.windows), props: NO_PROPS };
};

const FILE_SIZES: readonly bigint[] = [0n, 0x1000n, 0x4000n, 0x1_0000n, 0x10_0000n];

const memfd: Propose = (_machine, names, random) => ({
  call: 'memfd',
  size: random.chance(0.8) ? 0x1_0000n : random.pick(FILE_SIZES),
  huge: false,
  make: names.fresh(),
  props: NO_PROPS,
});

const ftruncate: Propose = (_machine, names, random) => {
  const fd = descriptor(names, random, 'file');
  return fd === undefined
    ? undefined
    : { call: 'ftruncate', fd, size: random.pick(FILE_SIZES), props: NO_PROPS };
};

/** Root again, or somebody with fewer rights and little memory to lock. */
const cred: Propose = (_machine, _names, random) =>
  random.chance(0.4)
    ? { call: 'cred', uid: 0, memlock: '0x800000', capEff: ALL_CAPABILITIES, props: NO_PROPS }
    : {
        call: 'cred',
        uid: random.below(2),
        memlock: random.pick(['0x2000', '0x5000', '0x800000'] as const),
        capEff: random.pick(['0x0', '0x0', '0x1ffffffbfff', '0x1fffeffffff', '0x1fffffdffff'] as const),
        props: NO_PROPS,
      };

/** Ioctls whose argument is a value. */
const value: Propose = (_machine, names, random) => {
  const fd = descriptor(names, random, 'iommufd');
  if (fd === undefined) return undefined;
  const request = random.pick([VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU, VFIO_SET_IOMMU]);
  const arg = BigInt(random.pick([1, 3, 3, 4, 8, 9, 2, random.pick(ODD_NUMBERS)]));
  return ioctlStep(fd, request, arg, new Uint8Array(0));
};

/** The VFIO container falls back to the first version of TYPE1: areas may be cut. */
const type1: Propose = (_machine, names, random) => {
  const fd = descriptor(names, random, 'iommufd');
  return fd === undefined ? undefined : ioctlStep(fd, VFIO_SET_IOMMU, 1n, new Uint8Array(0));
};

/** Numbers that no command has, and ioctls on descriptors that take none. */
const stray: Propose = (_machine, names, random, taken): IoctlStep | undefined => {
  const role = random.pick(['iommufd', 'iommufd', 'fault', 'eventq', 'access']);
  const fd = descriptor(names, random, role);
  if (fd === undefined) return undefined;
  const request = random.pick([0x3b96, 0x3b9f, 0x3ba1, 0x3b63, 0x3b73, 0x3b76, 0x3b80, 0x1234]);
  const bytes = new Uint8Array(random.chance(0.8) ? 16 : 0);
  if (bytes.length > 0) bytes[0] = bytes.length;
  return ioctlStep(fd, request, bytes.length === 0 ? 0n : BigInt(STRUCT_START + taken * 0x100), bytes);
};

const hasDevices = (machine: ProgramMachine): boolean => machine.platform.devices.size > 0;
const hasWindows = (machine: ProgramMachine): boolean => machine.kernel.has.has('viommu');

const others = {
  open: { weight: 0.3, propose: open },
  'open-device': { weight: 1, needs: hasDevices, propose: openDevice },
  close: { weight: 1, propose: close },
  dup: { weight: 0.2, propose: dup },
  read: { weight: 4, propose: read },
  write: { weight: 3, propose: write },
  mmap: { weight: 0.5, needs: hasWindows, propose: mmap },
  munmap: { weight: 0.3, needs: hasWindows, propose: munmap },
  memfd: { weight: 0.2, propose: memfd },
  ftruncate: { weight: 0.3, propose: ftruncate },
  cred: { weight: 0.4, propose: cred },
  value: { weight: 0.6, propose: value },
  type1: { weight: 0.2, propose: type1 },
  stray: { weight: 0.15, propose: stray },
} as const satisfies Record<string, Other>;

export type OtherCall = keyof typeof others;
export const OTHER_CALLS: Readonly<Record<OtherCall, Other>> = others;
