import { describe, expect, it } from 'vitest';
import {
  destroy,
  F,
  ioasAlloc,
  ioasMap,
  ioasMapFile,
  ioasUnmap,
  iovaRanges,
  R,
  W,
} from './support/commands.ts';
import { CAPABILITIES_NONE, type Given, given, refusal } from './support/given.ts';
import { DEVICE, HOLE, MAPPED_BYTES, MAPPINGS, MEMFD, RO, RW } from './support/memory.ts';
import {
  APERTURE,
  accessPages,
  accessReplaceIoas,
  accessRw,
  createAccess,
  destroyAccessPages,
  dmabufGet,
  mdCheckRefs,
} from './support/mock-commands.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
/** IOAS 1, access 2 on descriptor 4 that pins. */
const pinner = (): Given => given().after(ioasAlloc(), createAccess());
/** The same, for reading and writing only. */
const reader = (): Given => given().after(ioasAlloc(), createAccess({ flags: 0 }));
const map = (flags = R | W, length = 0x4000n, userVa = BigInt(RW), iova = APERTURE) =>
  ioasMap({ userVa, iova, flags: F | flags, length });
const pinned = (): Given => pinner().after(map());

const WRITE = 1;
const SYZKALLER = 0x1_0000;

refusals('TestCreateAccess', { given: () => given().after(ioasAlloc()), valid: createAccess() }, [
  [{ flags: 3 }, 'EOPNOTSUPP', 'create-access/flags'],
  [{ id: 9 }, 'ENOENT', 'ioas/exists'],
  [{ in: (world) => world.after(ioasMap({ length: 0x10n, flags: R })) }, 'EADDRINUSE', 'ioas/alignment'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('TestAccessPages', { given: pinned, valid: accessPages() }, [
  [{ length: (16n << 20n) + 1n }, 'ENOMEM', 'access-pages/length'],
  [{ flags: 2 }, 'EOPNOTSUPP', 'access-pages/flags'],
  [{ id: 3 }, 'EBADFD', 'access/descriptor'],
  [{ id: 99 }, 'EBADFD', 'access/descriptor'],
  [{ length: 0n }, 'EINVAL', 'access/length'],
  [{ iova: U64_MAX - 0xffen }, 'EOVERFLOW', 'access/overflow'],
  [{ iova: APERTURE + 0x4000n }, 'ENOENT', 'access/covered'],
  [{ iova: APERTURE - 1n }, 'ENOENT', 'access/covered'],
  [{ set: { length: 0x4001n }, apart: true }, 'ENOENT', 'access/covered'],
  [{ iova: APERTURE + 1n }, 'EINVAL', 'access/page-aligned'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals(
  'TestDestroyAccessPages',
  { given: () => pinned().after(accessPages()), valid: destroyAccessPages() },
  [
    [{ id: 3 }, 'EBADFD', 'access/descriptor'],
    [{ accessPagesId: 2 }, 'ENOENT', 'access/item'],
  ],
);

refusals(
  'TestAccessReplaceIoas',
  { given: () => pinner().after(ioasAlloc()), valid: accessReplaceIoas({ ioasId: 3 }) },
  [
    [{ id: 3 }, 'EBADFD', 'access/descriptor'],
    [{ ioasId: 9 }, 'ENOENT', 'ioas/exists'],
    [
      { in: (world) => world.after(ioasMap({ ioasId: 3, length: 0x10n, flags: R })) },
      'EADDRINUSE',
      'ioas/alignment',
    ],
  ],
);

describe('TestCreateAccess', () => {
  vector('core 98', 'that pins makes the IOAS one of whole pages', pinner, [
    (world) => expect(world.when(iovaRanges())).toMatchObject({ outIovaAlignment: 0x1000n }),
    [ioasMap({ length: 0x800n, flags: R }), 'EINVAL'],
    (world) => world.close(4),
    (world) => expect(world.when(iovaRanges())).toMatchObject({ outIovaAlignment: 1n }),
  ]);
  vector(
    'core 98',
    'that does not pin takes any area',
    () => given().after(ioasAlloc(), ioasMap({ length: 0x10n })),
    [
      [createAccess(), 'EADDRINUSE'],
      [createAccess({ flags: 0 }), OK],
    ],
  );
  it('takes an id that user space is not told (core 20)', () => {
    expect(reader().when(ioasAlloc())).toEqual({ outIoasId: 3 });
    expect(given().when(createAccess())).toEqual(refusal('ioas/exists', 'ENOENT'));
  });
});

describe('TestAccessPages', () => {
  const items = (world: Given) => world.when(accessPages({ length: 0x2000n }));
  it('numbers its items from 0, failed write-backs included', () => {
    const world = pinned();
    expect([items(world), items(world)].map((answer) => answer['outAccessPagesId'])).toEqual([0, 1]);
    expect(world.when(accessPages(), { arg: RO })).toEqual(
      refusal('respond/fault', 'EFAULT', { left: ['AccessItemSkipped'] }),
    );
    expect(items(world)).toEqual({ outAccessPagesId: 3 });
    world.after(destroyAccessPages({ accessPagesId: 1 }));
    expect(items(world)).toEqual({ outAccessPagesId: 4 });
  });
  it('needs an access that was made for it', () => {
    const world = reader().after(map());
    expect(world.when(accessPages())).toEqual(refusal('access-pages/needs-pin', 'EOPNOTSUPP'));
    expect(world.when(accessPages({ length: 0n }))).toEqual(refusal('access-pages/needs-pin', 'EOPNOTSUPP'));
  });
  it('pins pages once and lets them go with the last item', () => {
    const world = pinned().after(
      accessPages({ length: 0x2000n }),
      accessPages({ iova: APERTURE + 0x1000n, length: 0x2000n }),
    );
    const refs = (page: number, count: number) =>
      mdCheckRefs({ uptr: BigInt(RW + page * 4096), refs: count });
    play(world, [
      [refs(0, 1), OK],
      [refs(1, 1), OK],
      [refs(2, 1), OK],
      [refs(3, 0), OK],
    ]);
    world.after(destroyAccessPages());
    play(world, [
      [refs(0, 0), OK],
      [refs(1, 1), OK],
    ]);
    world.close(4);
    play(world, [[refs(1, 0), OK]]);
  });
  it('charges the process that mapped', () => {
    const world = given({ capabilities: CAPABILITIES_NONE, memlock: 0x1000n }).after(
      ioasAlloc(),
      createAccess(),
      map(),
    );
    expect(world.when(accessPages({ length: 0x2000n }))).toEqual(refusal('pin/memlock', 'ENOMEM'));
    world.after(accessPages());
    expect(world.charged('uid:0')).toBe(1);
  });
  vector('core 99', 'is undone by an unmap', () => pinner().after(map(R)), [
    [accessPages({ length: 0x4000n }), 0],
    [ioasUnmap({ iova: APERTURE, length: 0x4000n }), 0x4000],
    [destroyAccessPages(), 'ENOENT'],
    [map(R), OK],
    [accessPages({ flags: WRITE, length: 0x4000n }), 'EPERM'],
    [accessPages({ iova: APERTURE + 0x4000n }), 'ENOENT'],
    [accessPages({ length: 0n }), 'EINVAL'],
  ]);
  it('reaches the last byte of all, and 16 MiB at most', () => {
    const end = U64_MAX - 0xfffn;
    const world = pinner().after(map(R, 0x1000n, BigInt(RW), end));
    expect(world.when(accessPages({ iova: end }))).toEqual({ outAccessPagesId: 0 });
    const most = { length: 16n << 20n };
    expect(world.when(accessPages(most))).toEqual(refusal('access/covered', 'ENOENT'));
    expect(world.when(accessRw(most))).toEqual(refusal('access/covered', 'ENOENT'));
  });
  it('wants the right that the map gives', () => {
    const writeOnly = pinner().after(map(W));
    expect(writeOnly.when(accessPages())).toEqual(refusal('access/permission', 'EPERM'));
    expect(writeOnly.when(accessPages({ flags: WRITE }))).toEqual({ outAccessPagesId: 0 });
  });
  it('judges the right of the area before that of its pages', () => {
    const readOnly = pinner().after(map(R));
    expect(readOnly.when(accessPages({ flags: WRITE }))).toEqual(refusal('access/permission', 'EPERM'));
  });
  it('compares page by page over areas that have their own pages', () => {
    const second = map(R, 0x1000n, BigInt(RW + 0x1000), APERTURE + 0x1000n);
    const world = pinner().after(map(R, 0x1000n), second);
    const both = accessPages({ length: 0x2000n, uptr: BigInt(RW) });
    expect(world.when(both)).toEqual({ outAccessPagesId: 0 });
  });
  it('looks at no page that an earlier pin holds elsewhere in the same memory', () => {
    const world = pinned().after(accessPages({ iova: APERTURE + 0x2000n }));
    world.told({ type: 'MappingsSeen', pid: 1, mappings: MAPPINGS.slice(1) });
    world.told({ type: 'MappingsSeen', pid: 1, mappings: MAPPINGS });
    expect(world.when(accessPages({ length: 0x2000n, uptr: BigInt(RW) }))).toEqual({ outAccessPagesId: 1 });
    expect(world.when(accessPages({ length: 0x3000n, uptr: BigInt(RW) }))).toMatchObject({ errno: 'EBADE' });
  });
  it('fails where memory cannot be pinned', () => {
    const world = pinner().after(map(R, 0x1000n, BigInt(HOLE)));
    expect(world.when(accessPages())).toEqual(refusal('pin/user-memory', 'EFAULT'));
  });
  it('crosses areas on page borders only', () => {
    const world = pinner().after(map(R, 0x1000n), map(R, 0x1000n, BigInt(MEMFD), APERTURE + 0x1000n));
    expect(world.when(accessPages({ length: 0x1800n }))).toEqual({ outAccessPagesId: 0 });
  });
  it('compares the pages with those of the caller', () => {
    const world = pinned();
    play(world, [
      [accessPages({ uptr: BigInt(RW), length: 0x2000n }), 0],
      [accessPages({ uptr: BigInt(RW + 0x1000), length: 0x1000n }), 'EBADE'],
      [accessPages({ iova: APERTURE + 0x1000n, uptr: BigInt(RW + 0x1000), length: 0x1000n }), 1],
      [accessPages({ uptr: BigInt(HOLE) }), 'EFAULT'],
      [accessPages({ uptr: BigInt(DEVICE) }), 'EFAULT'],
      [accessPages({ uptr: BigInt(RW + MAPPED_BYTES - 0x1000), length: 0x2000n }), 'EBADE'],
    ]);
    expect(world.when(accessPages({ uptr: U64_MAX }))).toEqual(refusal('user-page/wrap', 'EOVERFLOW'));
    expect(world.when(accessPages({ uptr: BigInt(MEMFD) }))).toEqual(
      refusal('access-pages/mismatch', 'EBADE'),
    );
  });
  it('refuses a dma-buf', () => {
    const world = pinner().after(
      dmabufGet(),
      ioasMapFile({ fd: 5, length: 0x4000n, iova: APERTURE, flags: F | R | W }),
    );
    expect(world.when(accessPages())).toEqual(refusal('access/dmabuf', 'EINVAL'));
    expect(world.when(accessPages({ flags: WRITE }))).toEqual(refusal('access/dmabuf', 'EINVAL'));
  });
  it('takes the number of an area for an IOVA', () => {
    const world = pinned();
    const encoded = 0x1000n << 32n;
    expect(world.when(accessPages({ flags: SYZKALLER, iova: encoded, uptr: BigInt(RW + 0x1000) }))).toEqual({
      outAccessPagesId: 0,
    });
    expect(world.when(accessPages({ flags: SYZKALLER, iova: 1n }))).toEqual(
      refusal('access/covered', 'ENOENT'),
    );
  });
  it('works from any iommufd of the process, not from another process', () => {
    const world = pinned();
    const fd = world.open('/dev/iommu');
    expect(world.when(accessPages(), { fd })).toEqual({ outAccessPagesId: 0 });
    world.fork(2).close(4, 2);
    expect(world.when(accessPages(), { pid: 2 })).toEqual(refusal('access/descriptor', 'EBADFD'));
  });
});

describe('an access without an IOAS', () => {
  const alone = () => {
    const world = pinned().after(accessPages());
    return world.told(
      { type: 'AccessUnpinned', context: 1, id: 2, item: 0 },
      { type: 'AccessDetached', context: 1, id: 2 },
    );
  };
  it('pins, reads and writes nothing', () => {
    const world = alone();
    expect(world.when(accessPages())).toEqual(refusal('access/attached', 'ENOENT'));
    expect(world.when(accessRw())).toEqual(refusal('access/attached', 'ENOENT'));
    expect(world.when(accessRw({ length: 0n }))).toEqual(refusal('access/length', 'EINVAL'));
    expect(world.when(accessPages({ flags: SYZKALLER }))).toEqual(refusal('access/attached', 'ENOENT'));
  });
  it('can join one', () => {
    expect(alone().after(accessReplaceIoas()).when(accessPages())).toEqual({ outAccessPagesId: 1 });
  });
});

describe('TestAccessReplaceIoas', () => {
  it('lets go of every item, unless the IOAS stays the same', () => {
    const world = pinned().after(ioasAlloc(), accessPages(), accessPages());
    expect(world.outcome(accessReplaceIoas()).events).toEqual([]);
    const events = world.outcome(accessReplaceIoas({ ioasId: 3 })).events.map(({ type }) => type);
    expect(events).toEqual(['AccessUnpinned', 'AccessUnpinned', 'AccessMoved']);
    play(world, [
      [accessPages(), 'ENOENT'],
      [destroyAccessPages(), 'ENOENT'],
      [destroy(3), 'EBUSY'],
      [destroy(1), OK],
    ]);
  });
});

describe('pages that the kernel may not write', () => {
  it('refuse an access that writes, whatever the area allows', () => {
    const world = pinner();
    world.after(map(R));
    world.told({ type: 'AreaUnmapped', context: 1, id: 1, iova: APERTURE });
    world.after(map(R, 0x1000n), map(R | W, 0x1000n, BigInt(RW), 0x9000n));
    const area = { iova: 0xb000n, last: 0xbfffn, pagesId: 2, startByte: 0n, prot: 3, pins: 0, locks: 0 };
    world.told({ type: 'AreasMapped', context: 1, id: 1, areas: [area], pages: undefined, captures: [] });
    expect(world.when(accessPages({ iova: 0xb000n, flags: WRITE }))).toEqual(
      refusal('access/pages-writable', 'EPERM'),
    );
  });
});
