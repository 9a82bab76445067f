import { describe, expect, it } from 'vitest';
import { bench, saidOf } from './support/engine.ts';
import { HOLE, MAPPED_BYTES, RO, RW, STRUCT, words } from './support/memory.ts';
import { devicePath, vtdMachine } from './support/platforms.ts';

const DESTROY = 0x3b80;
const IOAS_ALLOC = 0x3b81;
const MAP = 0x3b85;
const HWPT_ALLOC = 0x3b89;
const GET_HW_INFO = 0x3b8a;
const TEST = 0x3ba0;
const END = STRUCT + MAPPED_BYTES;
const U32_MAX = 0xffff_ffff;

/** MAP of a page: READABLE, fixed at `iova`. */
const map = (size: number, iova = 0x1000, length = 10) =>
  words(size, 5, 1, 0, RW, 0, 0x1000, 0, iova, 0, 0, 0).subarray(0, length * 4);

describe('an iommufd command', () => {
  it('is first its size, which has to be readable (core 1, core 2, core 3)', () => {
    expect(bench().says(DESTROY, '')).toBe('EFAULT dispatch/size-fault');
    expect(bench().says(0x3b96, '')).toBe('EFAULT dispatch/size-fault');
    expect(bench().says(0x3b96, words(8))).toBe('ENOTTY dispatch/unknown');
    expect(bench().says(0x3b9f, words(8))).toBe('ENOTTY dispatch/unknown');
    expect(bench().says(0x3b7f, '')).toBe('ENOTTY compat/unknown');
    expect(bench().says(0x3ba1, '')).toBe('ENOTTY compat/unknown');
  });
  it('is the whole number (core 4, device 5)', () => {
    expect(bench().says(0xc00c_3b81, words(12, 0, 0))).toBe('ENOTTY dispatch/unknown');
    expect(bench().says(0xc00c_3b81, '')).toBe('EFAULT dispatch/size-fault');
    expect(bench().says(0xc008_3b80, words(8, 0))).toBe('ENOTTY dispatch/unknown');
  });
  it('has a least size, and more bytes only where they are zero (core 5, device 1, device 3)', () => {
    expect(bench().says(DESTROY, words(7, 0))).toBe('EINVAL dispatch/short');
    expect(bench().says(DESTROY, words(0, 0))).toBe('EINVAL dispatch/short');
    expect(bench().says(DESTROY, words(4))).toBe('EINVAL dispatch/short');
    expect(bench().says(DESTROY, words(8, 0))).toBe('ENOENT destroy/exists');
    expect(bench().says(DESTROY, words(16, 0, 0, 0))).toBe('ENOENT destroy/exists');
    expect(bench().says(DESTROY, words(16, 0, 0, 0x0100_0000))).toBe('E2BIG dispatch/tail');
    expect(bench().says(DESTROY, words(16, 9, 1, 0))).toBe('E2BIG dispatch/tail');
  });
  it('is judged before its flags (core 6)', () => {
    expect(bench().says(IOAS_ALLOC, words(11, 1, 0))).toBe('EINVAL dispatch/short');
    expect(bench().says(IOAS_ALLOC, words(16, 1, 0, 1))).toBe('E2BIG dispatch/tail');
    expect(bench().says(IOAS_ALLOC, words(12, 1, 0))).toBe('EOPNOTSUPP ioas-alloc/flags');
  });
  it('writes back no byte that it does not know (core 7)', () => {
    const out = bench().says(IOAS_ALLOC, words(64, 0, 0, ...new Array(13).fill(0)));
    expect(out).toBe(Buffer.from(words(64, 0, 1, ...new Array(13).fill(0))).toString('hex'));
  });
  it('can lie across the end of a mapping (core 8, core 101)', () => {
    const all = bench();
    all.says(IOAS_ALLOC, words(12, 0, 0));
    expect(all.says(MAP, map(40), { arg: END - 40 })).toBe('ok');
    expect(bench().says(MAP, map(48), { arg: END - 40 })).toBe('EFAULT dispatch/tail-fault');
    expect(bench().says(MAP, map(40, 0, 4), { arg: END - 16 })).toBe('EFAULT dispatch/copy-fault');
    expect(bench().says(MAP, map(39, 0, 4), { arg: END - 16 })).toBe('EINVAL dispatch/short');
  });
  it('is too big at the first word that is not zero, before a fault after it (core 9)', () => {
    const long = words(0x2000, 5, 1, 0, RW, 0, 0x1000, 0, 0, 0, 1, 0);
    expect(bench().says(MAP, long, { arg: END - 48 })).toBe('E2BIG dispatch/tail');
    long[40] = 0;
    expect(bench().says(MAP, long, { arg: END - 48 })).toBe('EFAULT dispatch/tail-fault');
  });
  it('has a tail that the recording does not hold', () => {
    expect(bench().says(MAP, map(0x400, 0, 12))).toBe('missing bytes 48 to 1023 of the struct');
  });
  it('cannot reach beyond user space', () => {
    expect(bench().says(DESTROY, words(U32_MAX, 0, 1, 0), { arg: 2 ** 47 - 8192 })).toBe(
      'EFAULT dispatch/tail-fault',
    );
  });
  it('of a later version may be shorter (device 69, device 87)', () => {
    const world = bench();
    world.says(IOAS_ALLOC, words(12, 0, 0));
    world.says(TEST, words(72, 2, 1, ...new Array(15).fill(0)));
    expect(world.says(HWPT_ALLOC, words(23, 0, 3, 1, 0, 0))).toBe('EINVAL dispatch/short');
    expect(world.says(HWPT_ALLOC, words(24, 0, 3, 1, 0, 0))).toBe(
      Buffer.from(words(24, 0, 3, 1, 5, 0)).toString('hex'),
    );
    expect(world.says(GET_HW_INFO, words(31, 0, 3, 0, 0, 0, 0, 0))).toBe('EINVAL dispatch/short');
    const info = world.says(GET_HW_INFO, words(32, 0, 3, 0, 0, 0, 0, 0));
    expect(info).toBe(Buffer.from(words(32, 0, 3, 8, 0, 0, 0xfeed_beef, 0)).toString('hex'));
    expect(world.says(GET_HW_INFO, words(32, 0, 1, 0, 0, 0, 0, 0))).toBe('ENOENT device/exists');
  });
  it('reads what was not given as zero', () => {
    const world = bench();
    world.says(MAP, words(48, 5, 1, 0, RW, 0, 0x1000, 0, 0x5000, 0, 0, 0));
    world.says(IOAS_ALLOC, words(12, 0, 0));
    world.says(TEST, words(72, 2, 1, ...new Array(15).fill(0)));
    const stale = words(48, 0, 3, 1, 0, 0, 0xdead, 8, RW, 0, 0, 0);
    expect(world.says(HWPT_ALLOC, stale)).toContain('missing');
    expect(world.says(HWPT_ALLOC, words(24, 0, 3, 1, 0, 0, 0xdead, 8, RW, 0, 0, 0))).toContain(
      Buffer.from(words(24, 0, 3, 1, 5, 0)).toString('hex'),
    );
  });
  it('of a release is unknown to the one before (6.12)', () => {
    expect(bench('6.12.117').says(0x3b8f, words(40, ...new Array(9).fill(0)))).toBe(
      'ENOTTY dispatch/unknown',
    );
    expect(bench('6.12.117').says(0x3b8e, words(16, 1, 0, 0))).toBe('EOPNOTSUPP fault-queue-alloc/flags');
    expect(bench().says(0x3b8f, words(40, ...new Array(9).fill(0)))).toBe('EINVAL ioas-map/access');
  });
});

describe('IOMMU_TEST_CMD', () => {
  const test = (op: number, size = 72) => words(size, op, ...new Array(16).fill(0));
  it('has operations up to the last of the release', () => {
    expect(bench().says(TEST, test(0))).toBe('EOPNOTSUPP test/unknown-op');
    expect(bench().says(TEST, test(24))).toBe('EOPNOTSUPP test/unknown-op');
    expect(bench().says(TEST, test(23))).toBe('EINVAL dmabuf-revoke/kind');
    expect(bench('6.12.117').says(TEST, test(15))).toBe('ENOENT device/exists');
    expect(bench('6.12.117').says(TEST, test(16))).toBe('EOPNOTSUPP test/unknown-op');
  });
  it('is judged by its size before its operation', () => {
    expect(bench().says(TEST, test(99, 67))).toBe('EINVAL dispatch/short');
    expect(bench().says(TEST, test(99, 68))).toBe('EOPNOTSUPP test/unknown-op');
    expect(bench().says(TEST, words(72))).toBe('EFAULT dispatch/copy-fault');
    expect(bench().says(TEST, words(4))).toBe('EINVAL dispatch/short');
  });
});

describe('a VFIO container command on an iommufd', () => {
  it('takes a value, all 64 bits of it (core 79)', () => {
    const value = (arg: bigint) => bench().says(0x3b65, '', { arg });
    expect(value(1n)).toBe('1');
    expect(value(0x1_0000_0001n)).toBe('ok');
    expect(bench().says(0x3b64, '')).toBe('ok');
    expect(bench().says(0x3b66, '', { arg: 2n })).toBe('EINVAL vfio-set-iommu/type');
    expect(bench().says(0x3b75, '')).toBe('ENOTTY compat/unknown');
  });
  it('is read as far as its fixed part reaches (core 80)', () => {
    expect(bench().says(0x3b71, '')).toBe('EFAULT compat/fault');
    expect(bench().says(0x3b71, words(31, 0, 0, 0, 0, 0, 0, 0))).toBe('EINVAL vfio-map-dma/flags');
    expect(bench().says(0x3b71, words(32, 0, 0, 0))).toBe('EFAULT compat/fault');
    expect(bench().says(0x3b72, words(8, 0), { arg: END - 8 })).toBe('EFAULT compat/fault');
    expect(bench().says(0x3b72, words(8, 0))).toBe('EINVAL vfio-unmap-dma/flags');
  });
});

describe('a VFIO device file', () => {
  const machine = () => bench('7.3.4', vtdMachine()).open(devicePath('A'), 4);
  const C = { fd: 4, kind: 'vfio-dev' } as const;
  const BIND = 0x3b76;
  it('answers nothing but a bind before it is bound (device 15)', () => {
    for (const number of [0x3b77, 0x3b78, 0x3b6b, 0x3bff])
      expect(machine().says(number, words(16, 0, 0, 0), C)).toBe('EINVAL vfio/unbound');
  });
  it('takes binds of 16 bytes and more (device 6, device 9, device 10)', () => {
    expect(machine().says(BIND, words(24, 0, 3, 0, 0, 0), C)).toBe(
      Buffer.from(words(24, 0, 3, 1, 0, 0)).toString('hex'),
    );
    expect(machine().says(BIND, words(15, 0, 3, 0), C)).toBe('EINVAL vfio-bind/argsz');
    expect(machine().says(BIND, words(16, 0, 3, 0), C)).toBe(Buffer.from(words(16, 0, 3, 1)).toString('hex'));
    expect(machine().says(BIND, words(32, 0, 3, 0, 0, 0, 1, 0), C)).toBe('E2BIG vfio-bind/tail');
    expect(machine().says(BIND, words(32, 0, 3, 0, 0, 0), { ...C, arg: END - 24 })).toBe('EFAULT vfio/fault');
    expect(machine().says(BIND, '', C)).toBe('EFAULT vfio/fault');
  });
  it('reads the fixed part of a struct', () => {
    const world = machine();
    world.says(BIND, words(24, 0, 3, 0, 0, 0), C);
    expect(world.says(0x3b77, words(16, 0), { ...C, arg: END - 8 })).toBe('EFAULT vfio/fault');
    expect(world.says(0x3b77, words(8, 0), { ...C, arg: END - 8 })).toBe('EFAULT vfio/fault');
    expect(world.says(0x3b77, words(8, 0), C)).toBe('EINVAL vfio-attach/argsz');
    expect(world.says(0x3b6f, '', C)).toBe('missing what the driver of the VFIO device answers');
  });
});

describe('other descriptors', () => {
  const who = { seq: 1, ns: 1, pid: 1, tid: 1 };
  it('of queues take no ioctl, and of event queues no write (device 115, device 133)', () => {
    const world = bench();
    expect(world.says(0x3b8e, words(16, 0, 0, 0))).toBe(
      `${Buffer.from(words(16, 0, 1)).toString('hex')}????????`,
    );
    expect(world.says(0x3b80, words(8, 0), { fd: 4, kind: 'fault' })).toBe('ENOTTY event-file/ioctl');
  });
  it('of the iommufd are neither read nor written (core 10)', () => {
    const world = bench();
    const read = world.feed({ ...who, ev: 'read', fd: 3, kind: 'iommufd', len: 8 });
    const write = world.feed({ ...who, ev: 'write', fd: 3, kind: 'iommufd', len: 8, data: '' });
    expect([read, write].map((call) => call && saidOf(call))).toEqual([
      'EINVAL iommufd-file/read-write',
      'EINVAL iommufd-file/read-write',
    ]);
  });
  it('that nobody opened are not known', () => {
    expect(bench().says(DESTROY, words(8, 0), { fd: 9 })).toBe(
      'missing where descriptor 9 of process 1 comes from',
    );
  });
  it('of the iommufd are mapped as windows (core 10)', () => {
    const mmap = (prot: number, flags: number) =>
      bench().feed({ ...who, ev: 'mmap', fd: 3, kind: 'iommufd', len: '0x1000', prot, flags, off: '0x0' });
    expect(mmap(3, 2)?.outcome.rule).toBe('mmap/shared');
    expect(mmap(3, 1)?.outcome.rule).toBe('mmap/window');
    expect(mmap(4, 1)?.outcome.rule).toBe('mmap/executable');
  });
});

describe('an event queue', () => {
  it('takes no write', () => {
    const world = bench();
    const zeros = (count: number) => new Array(count).fill(0);
    world.says(IOAS_ALLOC, words(12, 0, 0));
    world.says(TEST, words(72, 2, 1, ...zeros(15)));
    world.says(HWPT_ALLOC, words(24, 1, 3, 1, 0, 0));
    world.says(0x3b90, words(24, 0, 0xdead_beef, 3, 5, 0));
    expect(world.says(0x3b93, words(32, 0, 6, 0xbeef_beef, 2, 0, 0, 0))).toContain('??');
    const fd = [...(world.engine.world.processes.get(1)?.fds.keys() ?? [])].find((one) => one !== 3) ?? -1;
    const line = {
      seq: 1,
      ns: 1,
      pid: 1,
      tid: 1,
      ev: 'write',
      fd,
      kind: 'eventq',
      len: 8,
      data: '',
    } as const;
    const refused = world.feed(line);
    expect(refused && saidOf(refused)).toBe('EINVAL event-file/write');
    expect(world.says(DESTROY, words(8, 0), { fd, kind: 'eventq' })).toBe('ENOTTY event-file/ioctl');
  });
  it('in memory that cannot be written is not made', () => {
    expect(bench().says(IOAS_ALLOC, words(12, 0, 0), { arg: RO })).toBe('EFAULT respond/fault');
    expect(bench().says(IOAS_ALLOC, words(12, 0, 0), { arg: HOLE })).not.toContain('EFAULT');
  });
});
