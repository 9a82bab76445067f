import { describe, expect, it } from 'vitest';
import {
  destroy,
  F,
  hwptAlloc,
  ioasAlloc,
  ioasCopy,
  ioasMap,
  ioasUnmap,
  option,
  R,
  W,
} from './support/commands.ts';
import { CAPABILITIES_NONE, type Given, given, refusal, unknown } from './support/given.ts';
import {
  DEVICE,
  HEAP,
  HOLE,
  HUGE,
  MAPPED_BYTES,
  MAPPINGS,
  MEMFD,
  NO_ACCESS,
  RO,
  RW,
  SHARED_FILE,
} from './support/memory.ts';
import {
  APERTURE,
  addReserved,
  dmabufGet,
  dmabufRevoke,
  mdCheckMap,
  mdCheckRefs,
  memoryLimit,
  mockDomain,
} from './support/mock-commands.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const M = (): Given => given().after(ioasAlloc(), mockDomain());
const map = (va: number, flags = R | W, length = 0x1000n) => ioasMap({ userVa: BigInt(va), flags, length });
/** Where a domain can map it, before there is one. */
const early = (va: number, iova = APERTURE, length = 0x1000n) =>
  ioasMap({ userVa: BigInt(va), iova, flags: F | R, length });

refusals('TestAddReserved', { given: () => given().after(ioasAlloc()), valid: addReserved() }, [
  [{ length: 0n }, 'EINVAL', 'add-reserved/length'],
  [{ set: { start: U64_MAX, length: 2n } }, 'EOVERFLOW', 'add-reserved/overflow'],
  [{ id: 9 }, 'ENOENT', 'ioas/exists'],
  [
    { in: (world) => world.after(ioasMap({ iova: 0x4fffn, length: 1n, flags: F | R })) },
    'EADDRINUSE',
    'reserve/in-use',
  ],
]);

refusals('TestMdCheckMap', { given: () => M().after(ioasMap()), valid: mdCheckMap() }, [
  [{ id: 1 }, 'ENOENT', 'hwpt-paging/exists'],
  [{ iova: APERTURE + 0x400n }, 'EINVAL', 'md-check-map/alignment'],
  [{ length: 0x400n }, 'EINVAL', 'md-check-map/alignment'],
  [{ uptr: BigInt(RW + 0x400) }, 'EINVAL', 'md-check-map/alignment'],
  [{ set: { uptr: U64_MAX - 0x7ffn, length: 0x800n } }, 'EINVAL', 'md-check-map/alignment'],
  [{ uptr: U64_MAX - 0x1fffn }, 'EFAULT', 'user-page/fault'],
  [{ uptr: BigInt(HOLE) }, 'EFAULT', 'user-page/fault'],
  [{ iova: APERTURE + 0x1000n }, 'EINVAL', 'md-check-map/mismatch'],
]);

refusals('TestMdCheckRefs', { given: () => M().after(ioasMap()), valid: mdCheckRefs() }, [
  [{ length: 0x800n }, 'EINVAL', 'md-check-refs/alignment'],
  [{ uptr: BigInt(RW + 0x800) }, 'EINVAL', 'md-check-refs/alignment'],
  [{ set: { uptr: U64_MAX - 0xfffn, length: 0x1000n } }, 'EINVAL', 'md-check-refs/alignment'],
  [{ uptr: BigInt(HOLE) }, 'EFAULT', 'user-page/fault'],
  [{ refs: 0 }, 'EIO', 'md-check-refs/count'],
]);

refusals('TestSetTempMemoryLimit', { given, valid: memoryLimit() }, [
  [{ limit: 11 }, 'EINVAL', 'memory-limit/minimum'],
]);
refusals('TestDmabufGet', { given, valid: dmabufGet() }, [
  [{ length: 0 }, 'EINVAL', 'dmabuf-get/length'],
  [{ length: 0x20_0001 }, 'EINVAL', 'dmabuf-get/length'],
]);
refusals('TestDmabufRevoke', { given: () => given().after(dmabufGet()), valid: dmabufRevoke() }, [
  [{ dmabufFd: 99 }, 'EBADF', 'dmabuf-revoke/descriptor'],
  [{ dmabufFd: 3 }, 'EINVAL', 'dmabuf-revoke/kind'],
  [{ dmabufFd: 1 }, 'EINVAL', 'dmabuf-revoke/kind'],
]);

describe('pinning', () => {
  it.each([
    ['nothing is mapped', HOLE, R],
    ['only reading is allowed, and the map is writable', RO, R | W],
    ['no access is allowed', NO_ACCESS, R],
    ['the registers of a device are', DEVICE, R],
    ['a file on disk is shared, and the map is writable', SHARED_FILE, R | W],
    ['user space ends', 2 ** 47 - 4096, R],
  ])('refuses memory where %s', (_says, va, flags) => {
    expect(M().when(map(va, flags))).toEqual(refusal('pin/user-memory', 'EFAULT'));
  });
  it.each([
    ['only reading is allowed, for a map that reads', RO, R],
    ['a file on disk is shared, for a map that reads', SHARED_FILE, R],
    ['a memfd is', MEMFD, R | W],
    ['huge pages are', HUGE, R | W],
    ['the heap is', HEAP, R | W],
  ])('takes memory where %s', (_says, va, flags) => {
    expect(M().when(map(va, flags))).toMatchObject({ iova: expect.any(BigInt) });
  });
  it('refuses a range of which one page is missing, and keeps nothing (core 94)', () => {
    const world = M();
    expect(world.when(map(RW + MAPPED_BYTES - 0x1000, R, 0x2000n))).toEqual(
      refusal('pin/user-memory', 'EFAULT'),
    );
    expect(world.context().pages.size).toBe(0);
  });
  it('does not know the heap above its last known end', () => {
    const missing = unknown('growth of the heap since the last snapshot of the mappings');
    expect(M().when(map(HEAP + MAPPED_BYTES))).toEqual(missing);
    expect(M().when(map(HEAP + MAPPED_BYTES + 2 ** 25))).toEqual(refusal('pin/user-memory', 'EFAULT'));
    expect(M().when(map(HEAP - 0x1000))).toEqual(refusal('pin/user-memory', 'EFAULT'));
  });
  it('knows no memory before the recording tells any', () => {
    const world = given({ blind: true }).after(ioasAlloc(), mockDomain());
    expect(world.when(map(RW))).toEqual(unknown('the address space of the mapping process'));
    expect(world.when(mdCheckMap())).toEqual(unknown('the address space of the calling process'));
  });
  it('refuses pages at the end of the 64-bit space with EOVERFLOW', () => {
    const world = M();
    const answer = world.when(ioasMap({ userVa: U64_MAX - 0xfffn, length: 0x800n, flags: R }));
    expect(answer).toEqual(refusal('pin/address-wrap', 'EOVERFLOW'));
    expect(world.when(ioasMap({ userVa: U64_MAX - 0x1fffn, length: 0x1000n, flags: R }))).toEqual(
      refusal('pin/user-memory', 'EFAULT'),
    );
  });
  it('refuses memory above user space, even where something is mapped', () => {
    const world = M();
    const top = 2 ** 47 - 4096;
    const [first] = MAPPINGS;
    if (first === undefined) throw new Error('no mappings');
    const across = { ...first, start: top - 4096, end: top + 4096, kind: 'special' };
    world.told({ type: 'MappingsSeen', pid: 1, mappings: [first, across] });
    expect(world.when(map(top, R))).toEqual(refusal('pin/user-memory', 'EFAULT'));
    expect(world.when(map(top - 4096, R))).toEqual({ iova: APERTURE });
    expect(world.when(mdCheckMap({ uptr: BigInt(top) }))).toEqual(refusal('user-page/fault', 'EFAULT'));
    expect(world.when(mdCheckMap({ uptr: BigInt(top - 4096) }))).toEqual({});
  });
  it('looks at memory when the domain comes (core 100)', () => {
    const world = given().after(ioasAlloc()).fork(2);
    world.after([early(RW), { pid: 2 }]).exit(2);
    expect(world.when(mockDomain())).toEqual(refusal('pin/owner-gone', 'EFAULT'));
    world.after(ioasUnmap());
    expect(world.when(mockDomain())).toMatchObject({ outHwptId: 4 });
  });
  vector('core 96', 'asks for the right that the map has', M, [
    [ioasMap({ userVa: BigInt(RO), length: 0x4000n, iova: APERTURE, flags: F | R | W }), 'EFAULT'],
    [ioasMap({ userVa: BigInt(RO), length: 0x4000n, iova: APERTURE, flags: F | R }), OK],
  ]);
  it('wants whole granules of the domain', () => {
    const old = given({ release: '6.12.117' }).after(ioasAlloc(), mockDomain());
    for (const world of [M(), old])
      expect(world.when(map(RW, R, 0x400n))).toEqual(refusal('map/length', 'EINVAL'));
    const edge = given().after(ioasAlloc(), ioasMap({ iova: APERTURE, length: 0x1800n, flags: F | R }));
    expect(edge.when(mockDomain())).toMatchObject({ outHwptId: 4 });
  });
});

describe('a second domain', () => {
  const HUGE_TABLE = { second: new Uint8Array([0, 0, 0, 0, 1, 0, 0, 0]) };
  const coarse = hwptAlloc({ dataType: 0xdead, dataLen: 8 });
  it('needs areas of its granule', () => {
    const world = M().after(ioasMap({ length: 0x800n }));
    expect(world.when(coarse, HUGE_TABLE)).toEqual(refusal('ioas/alignment', 'EADDRINUSE'));
    expect(M().after(ioasMap()).when(coarse, HUGE_TABLE)).toEqual({ outHwptId: 5 });
  });
  it('pins nothing again', () => {
    const world = given({ capabilities: CAPABILITIES_NONE }).after(
      ioasAlloc(),
      mockDomain(),
      ioasMap(),
      hwptAlloc(),
    );
    expect(world.charged('uid:0')).toBe(1);
    play(world, [
      [mdCheckRefs(), OK],
      [mdCheckMap({ id: 5 }), OK],
    ]);
  });
});

describe('accounting', () => {
  const poor = (memlock: bigint) =>
    given({ capabilities: CAPABILITIES_NONE, memlock }).after(ioasAlloc(), mockDomain());

  it('ends at RLIMIT_MEMLOCK, counts shared pages once, and lives as long as one area (core 95)', () => {
    const world = poor(0x1_0000n);
    expect(world.when(map(RW, R, 0x11000n))).toEqual(refusal('pin/memlock', 'ENOMEM'));
    world.after(ioasMap({ iova: APERTURE, length: 0x10000n, flags: F | R }));
    expect(world.when(map(RW + 0x10_0000, R))).toEqual(refusal('pin/memlock', 'ENOMEM'));
    world.after(ioasCopy({ srcIova: APERTURE + 0x3000n, dstIova: APERTURE + 0x20_0000n, flags: F | R }));
    expect(world.charged('uid:0')).toBe(16);
    world.after(ioasUnmap({ iova: APERTURE, length: 0x10000n }));
    expect(world.charged('uid:0')).toBe(1);
    play(world, [
      [mdCheckRefs({ uptr: BigInt(RW + 0x3000) }), OK],
      [mdCheckRefs({ uptr: BigInt(RW), refs: 0 }), OK],
    ]);
    world.after(destroy(2));
    expect(world.charged('uid:0')).toBe(0);
  });
  it('adds up over the areas of one call', () => {
    const world = given({ capabilities: CAPABILITIES_NONE, memlock: 0x3000n }).after(ioasAlloc());
    world.after(early(RW, APERTURE, 0x2000n), early(RW, APERTURE * 2n, 0x2000n));
    expect(world.when(mockDomain())).toEqual(refusal('pin/memlock', 'ENOMEM'));
  });
  it('takes pages for strangers where the kernel pinned what cannot be pinned', () => {
    const world = M().after([map(HOLE), { trusting: true }], [map(RW), { trusting: true }]);
    expect(world.when(mdCheckMap({ uptr: BigInt(HOLE) }))).toEqual(refusal('user-page/fault', 'EFAULT'));
    expect(world.when(mdCheckMap({ iova: APERTURE + 0x1000n }))).toEqual({});
    expect(world.when(mdCheckMap())).toEqual(refusal('md-check-map/mismatch', 'EINVAL'));
  });
  it('asks nothing for pages that are pinned already', () => {
    const world = poor(0x1000n).after(ioasMap({ iova: APERTURE, flags: F | R }));
    world.told({ type: 'CredentialsSeen', pid: 1, uid: 0, memlock: 0n, capabilities: 0n });
    expect(world.when(ioasCopy({ srcIova: APERTURE }))).toMatchObject({ dstIova: expect.any(BigInt) });
    expect(world.when(map(RW))).toEqual(refusal('pin/memlock', 'ENOMEM'));
  });
  it('counts right where pages of three mappings were pinned as one', () => {
    const world = poor(0x8000n);
    const [first, , memfd] = MAPPINGS;
    if (first === undefined || memfd === undefined) throw new Error('no mappings');
    const { end } = first;
    const beside = { ...memfd, start: end, end: end + 0x1000 };
    const beyond = { ...first, start: end + 0x1000, end: end + 0x2000 };
    world.told({ type: 'MappingsSeen', pid: 1, mappings: [first, beside, beyond] });
    const all = ioasMap({ userVa: BigInt(end - 0x1000), length: 0x3000n, iova: APERTURE, flags: F | R });
    world.after(all, ioasCopy({ srcIova: APERTURE }), ioasUnmap({ iova: APERTURE, length: 0x3000n }));
    expect(world.charged('uid:0')).toBe(1);
    expect(world.when(mdCheckRefs({ uptr: BigInt(end), refs: 0 }))).toEqual({});
  });
  it('is per user over all processes and contexts', () => {
    const world = poor(0x2000n);
    const fd = world.open('/dev/iommu');
    world.after(map(RW), [ioasAlloc(), { fd }], [mockDomain(), { fd }], [map(RW), { fd }]);
    expect(world.when(map(RW), { fd })).toEqual(refusal('pin/memlock', 'ENOMEM'));
    world.close(fd);
    expect(world.charged('uid:0')).toBe(1);
  });
  it('is per address space where RLIMIT_MODE says so', () => {
    const world = given({ capabilities: 1n << 24n, memlock: 0x1000n }).after(
      option({ optionId: 0, objectId: 0, val64: 1n }),
      ioasAlloc(),
      mockDomain(),
      map(RW),
    );
    expect([world.charged('mm:1'), world.charged('uid:0')]).toEqual([1, 0]);
    expect(world.when(map(RW))).toEqual(refusal('pin/memlock', 'ENOMEM'));
    world.fork(2);
    expect(world.when(map(RW), { pid: 2 })).toMatchObject({ iova: expect.any(BigInt) });
  });
  it('is per user on a VFIO container only after RLIMIT_MODE was set back', () => {
    const world = given({ path: '/dev/vfio/vfio', capabilities: 1n << 24n });
    world.after(option({ optionId: 0, objectId: 0, val64: 0n }), ioasAlloc(), mockDomain(), map(RW));
    expect([world.charged('mm:1'), world.charged('uid:0')]).toEqual([0, 1]);
  });
  it('follows the rights of the process at the time of the map', () => {
    const world = given({ capabilities: CAPABILITIES_NONE, memlock: 0n }).after(ioasAlloc(), early(RW));
    world.told({ type: 'CredentialsSeen', pid: 1, uid: 0, memlock: 0n, capabilities: 1n << 14n });
    expect(world.when(mockDomain())).toEqual(refusal('pin/memlock', 'ENOMEM'));
    world.after(ioasUnmap(), early(RW), mockDomain());
    expect(world.charged('uid:0')).toBe(0);
  });
});

describe('TestMdCheckMap and TestMdCheckRefs', () => {
  it('compare the offset in the page', () => {
    const world = M().after(
      ioasMap({ userVa: BigInt(RW + 0x800), length: 0x800n, iova: APERTURE, flags: F | R }),
    );
    play(world, [
      [mdCheckMap({ uptr: BigInt(RW + 0x800), length: 0x800n }), OK],
      [mdCheckMap({ uptr: BigInt(RW), length: 0x800n }), 'EINVAL'],
    ]);
  });
  it('go by the granule of the table', () => {
    const second = new Uint8Array([0, 0, 0, 0, 1, 0, 0, 0]);
    const world = M().after([hwptAlloc({ dataType: 0xdead, dataLen: 8 }), { second }]);
    expect(world.when(mdCheckMap({ id: 5, length: 0x800n }))).toEqual(
      refusal('md-check-map/alignment', 'EINVAL'),
    );
    expect(world.when(mdCheckMap({ length: 0x800n }))).toEqual(refusal('md-check-map/mismatch', 'EINVAL'));
  });
  it('see pages of another process as others', () => {
    const world = M().after(ioasMap()).fork(2);
    expect(world.when(mdCheckMap(), { pid: 2 })).toEqual(refusal('md-check-map/mismatch', 'EINVAL'));
    expect(world.when(mdCheckMap({ uptr: BigInt(MEMFD) }), { pid: 2 })).toMatchObject({
      rule: 'md-check-map/mismatch',
    });
  });
  it('see shared pages of another process as the same', () => {
    const world = M().after(map(MEMFD)).fork(2);
    expect(world.when(mdCheckMap({ uptr: BigInt(MEMFD) }), { pid: 2 })).toEqual({});
    expect(world.when(mdCheckRefs({ uptr: BigInt(MEMFD) }), { pid: 2 })).toEqual({});
  });
  it('see new pages where something else was mapped since', () => {
    const world = M().after(ioasMap());
    world.told({ type: 'MappingsSeen', pid: 1, mappings: MAPPINGS.slice(1) });
    world.told({ type: 'MappingsSeen', pid: 1, mappings: MAPPINGS });
    play(world, [
      [mdCheckMap(), 'EINVAL'],
      [mdCheckRefs({ refs: 0 }), OK],
    ]);
  });
  it('count nothing of huge pages', () => {
    expect(M().when(mdCheckRefs({ uptr: BigInt(HUGE), refs: 7 }))).toEqual({});
  });
  it('count pins by pages object, not by area', () => {
    const world = M().after(ioasMap(), ioasCopy({ srcIova: APERTURE }), ioasMap());
    expect(world.when(mdCheckRefs({ refs: 2 }))).toEqual({});
  });
  it('take an empty range', () => {
    play(M(), [
      [mdCheckMap({ length: 0n }), OK],
      [mdCheckRefs({ length: 0n, refs: 5 }), OK],
    ]);
  });
  it('refuse the last page of the 64-bit space', () => {
    const last = U64_MAX - 0xfffn;
    expect(M().when(mdCheckMap({ uptr: last, length: 0n }))).toEqual({});
    expect(M().when(mdCheckMap({ uptr: last, length: 0x800n }))).toMatchObject({
      errno: 'EOVERFLOW',
      rule: 'user-page/wrap',
    });
    expect(M().when(mdCheckRefs({ uptr: last, length: 0n }))).toEqual({});
  });
  it('of 6.12 test the alignment before the HWPT', () => {
    const old = given({ release: '6.12.117' }).after(ioasAlloc(), mockDomain());
    expect(old.when(mdCheckMap({ id: 1, length: 1n }))).toEqual(refusal('md-check-map/alignment', 'EINVAL'));
    expect(M().when(mdCheckMap({ id: 1, length: 1n }))).toEqual(refusal('hwpt-paging/exists', 'ENOENT'));
    expect(old.when(mdCheckMap({ id: 1 }))).toEqual(refusal('hwpt-paging/exists', 'ENOENT'));
  });
  it('find nothing behind a dma-buf', () => {
    const world = M().after(dmabufGet());
    expect(world.when(mdCheckMap())).toEqual(refusal('md-check-map/mismatch', 'EINVAL'));
  });
});

describe('the limits of the mock', () => {
  it('on memory changes no result', () => {
    play(given(), [
      [memoryLimit({ limit: 12 }), OK],
      [ioasAlloc(), 1],
    ]);
  });
  it('on a dma-buf is 2 MiB, rounded up to pages', () => {
    const world = given().after(dmabufGet({ length: 1 }), dmabufGet({ length: 0x20_0000 }));
    expect([world.fileOf(4).length, world.fileOf(5).length]).toEqual([0x1000n, 0x20_0000n]);
  });
});
