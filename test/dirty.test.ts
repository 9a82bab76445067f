import { describe, expect, it } from 'vitest';
import {
  destroy,
  F,
  getDirty,
  hwptAlloc,
  ioasAlloc,
  ioasMap,
  ioasMapFile,
  ioasUnmap,
  option,
  R,
  setDirty,
  W,
} from './support/commands.ts';
import { M, MN } from './support/fixtures.ts';
import { type Given, refusal, unknown } from './support/given.ts';
import { HOLE, HUGE, MAPPED_BYTES, RO, RW } from './support/memory.ts';
import { APERTURE, dmabufGet, dmabufRevoke, mockDirty, mockReplace } from './support/mock-commands.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
/** Whole pages, so that a leaf is one page. */
const small = option({ val64: 0n });
/** HWPT 5 tracks; 16 KiB are mapped at the aperture. */
const tracked = (release: '7.3.4' | '6.12.117' = '7.3.4'): Given =>
  M({ release }).after(
    hwptAlloc({ flags: 2 }),
    small,
    ioasMap({ iova: APERTURE, length: 0x4000n, flags: F | R | W }),
    setDirty(),
  );

/** Marks the pages whose bits are set. */
const marks = (bits: number) => ({ second: Uint8Array.of(bits) });
/** A bitmap that holds zeros. */
const empty = { second: new Uint8Array(8) };

refusals('HwptSetDirtyTracking', { given: () => M().after(hwptAlloc({ flags: 2 })), valid: setDirty() }, [
  [{ flags: 2 }, 'EOPNOTSUPP', 'set-dirty/flags'],
  [{ hwptId: 1 }, 'ENOENT', 'hwpt-paging/exists'],
  [{ hwptId: 4 }, 'EOPNOTSUPP', 'set-dirty/ops'],
]);

refusals('HwptGetDirtyBitmap', { given: tracked, valid: getDirty(), by: empty }, [
  [{ flags: 2 }, 'EOPNOTSUPP', 'get-dirty/flags'],
  [{ reserved: 1 }, 'EOPNOTSUPP', 'get-dirty/flags'],
  [{ hwptId: 1 }, 'ENOENT', 'hwpt-paging/exists'],
  [{ length: 0n }, 'EINVAL', 'get-dirty/length'],
  [{ set: { iova: U64_MAX - 0xfffn, length: 0x2000n } }, 'EOVERFLOW', 'get-dirty/overflow'],
  [{ iova: APERTURE + 0x800n }, 'EINVAL', 'get-dirty/alignment'],
  [{ length: 0x800n }, 'EINVAL', 'get-dirty/alignment'],
  [{ pageSize: 0n }, 'EINVAL', 'get-dirty/page-size'],
  [{ pageSize: 0x8000n }, 'EINVAL', 'get-dirty/page-alignment'],
  [{ set: { hwptId: 4 } }, 'EOPNOTSUPP', 'get-dirty/ops'],
]);

refusals('TestDirty', { given: tracked, valid: mockDirty(), by: marks(3) }, [
  [{ pageSize: 0n }, 'EINVAL', 'mock-dirty/arguments'],
  [{ length: 0n }, 'EINVAL', 'mock-dirty/arguments'],
  [{ uptr: 0n }, 'EINVAL', 'mock-dirty/arguments'],
  [{ iova: APERTURE + 1n }, 'EINVAL', 'mock-dirty/arguments'],
  [{ length: 0x4001n }, 'EINVAL', 'mock-dirty/arguments'],
  [{ set: { length: (1n << 27n) * 0x1000n + 0x1000n } }, 'EOVERFLOW', 'mock-dirty/length'],
  [{ id: 1 }, 'ENOENT', 'hwpt-paging/exists'],
  [{ id: 4 }, 'EINVAL', 'mock-dirty/tracking'],
  [{ by: { second: new Uint8Array(0) }, set: { uptr: BigInt(HOLE) } }, 'EFAULT', 'mock-dirty/bitmap'],
]);

describe('HwptSetDirtyTracking', () => {
  vector('device 88', 'tests the flags, the HWPT, what it was allocated for', M, [
    [setDirty({ hwptId: 4 }), 'EOPNOTSUPP'],
    [setDirty({ hwptId: 99, flags: 2 }), 'EOPNOTSUPP'],
    [setDirty({ hwptId: 1 }), 'ENOENT'],
  ]);
  vector(
    'device 89',
    'ignores its reserved field and can be repeated',
    () => M().after(hwptAlloc({ flags: 2 })),
    [
      [setDirty({ reserved: 7 }), OK],
      [setDirty(), OK],
      [setDirty({ flags: 0 }), OK],
      [setDirty({ flags: 0 }), OK],
    ],
  );
  vector('device 95', 'is nothing for a nested HWPT', MN, [
    [setDirty({ hwptId: 6 }), 'ENOENT'],
    [getDirty({ hwptId: 6 }), 'ENOENT'],
  ]);
  it('cleans what was dirty, also when tracking is on already', () => {
    const world = tracked().after([mockDirty(), marks(3)]);
    world.after(setDirty());
    expect(world.when(getDirty(), empty)).toEqual({});
  });
  it('off keeps what is dirty', () => {
    const world = tracked().after([mockDirty(), marks(1)], setDirty({ flags: 0 }));
    expect(world.when(getDirty(), empty)).toEqual({ bytes: ['0: 01'] });
    const former = tracked('6.12.117').after([mockDirty(), marks(1)], setDirty({ flags: 0 }));
    expect(former.when(getDirty(), empty)).toEqual({});
  });
});

describe('HwptGetDirtyBitmap', () => {
  vector('device 90', 'tests the range before it asks what the HWPT can', M, [
    [getDirty({ hwptId: 4, length: 0n }), 'EINVAL'],
    [getDirty({ hwptId: 4 }), 'EOPNOTSUPP'],
  ]);
  vector(
    'device 91',
    'tests alignment, page size, overflow and flags',
    () => M().after(hwptAlloc({ flags: 2 })),
    [
      [getDirty({ iova: 1n }), 'EINVAL'],
      [getDirty({ pageSize: 0n }), 'EINVAL'],
      [getDirty({ iova: U64_MAX - 0xfffn, length: 0x2000n }), 'EOVERFLOW'],
      [getDirty({ flags: 2 }), 'EOPNOTSUPP'],
      [getDirty({ reserved: 1 }), 'EOPNOTSUPP'],
      [getDirty({ iova: U64_MAX - 0xfffn, length: 0x1000n }), OK],
    ],
  );
  it('of a range where nothing is mapped finds nothing (device 92)', () => {
    const world = tracked().after([mockDirty(), marks(15)]);
    expect(world.when(getDirty({ iova: APERTURE * 2n }), empty)).toEqual({});
  });
  it('into a bitmap that cannot be written loses its bits (device 93)', () => {
    const world = tracked().after([mockDirty(), marks(15)]);
    expect(world.when(getDirty({ data: BigInt(RO) }), empty)).toEqual({});
    expect(world.when(getDirty(), empty)).toEqual({});
  });
  it('reads and clears (device 94)', () => {
    const world = tracked().after([mockDirty(), marks(2)]);
    expect(world.when(getDirty(), empty)).toEqual({ bytes: ['0: 02'] });
    expect(world.when(getDirty(), empty)).toEqual({});
  });
  it('reads without clearing where it is asked to', () => {
    const world = tracked().after([mockDirty(), marks(5)]);
    expect(world.when(getDirty({ flags: 1 }), empty)).toEqual({ bytes: ['0: 05'] });
    expect(world.when(getDirty(), empty)).toEqual({ bytes: ['0: 05'] });
  });
  it('adds to the bits that are set already', () => {
    const world = tracked().after([mockDirty(), marks(4)]);
    expect(world.when(getDirty(), marks(0x81))).toEqual({ bytes: ['0: 85'] });
  });
  it('says nothing where nothing happens', () => {
    const world = tracked();
    expect(world.outcome(setDirty()).events).toEqual([]);
    world.after([mockDirty(), marks(1)]);
    expect(world.outcome(getDirty({ iova: APERTURE + 0x1000n, length: 0x1000n }), empty).events).toEqual([]);
  });
  it('counts bits from its IOVA on, in its page size', () => {
    const dirty = () => tracked().after([mockDirty(), marks(8)]);
    expect(dirty().when(getDirty({ iova: APERTURE + 0x2000n, length: 0x2000n }), empty)).toEqual({
      bytes: ['0: 02'],
    });
    expect(dirty().when(getDirty({ pageSize: 0x2000n }), empty)).toEqual({ bytes: ['0: 02'] });
    expect(dirty().when(getDirty({ pageSize: 0x400n }), empty)).toEqual({ bytes: ['0: 00f0'] });
    expect(dirty().when(getDirty({ length: 0x3000n }), empty)).toEqual({});
  });
  it('clears only what it reads', () => {
    const world = tracked().after([mockDirty(), marks(9)]);
    expect(world.when(getDirty({ length: 0x1000n }), empty)).toEqual({ bytes: ['0: 01'] });
    expect(world.when(getDirty(), empty)).toEqual({ bytes: ['0: 08'] });
  });
  it('ends at the first hole', () => {
    const world = tracked().after(ioasMap({ iova: APERTURE + 0x8000n, flags: F | R | W }));
    world.after([mockDirty({ iova: APERTURE, length: 0x10000n }), { second: Uint8Array.of(1, 1) }]);
    expect(world.when(getDirty({ length: 0x10000n }), empty)).toEqual({ bytes: ['0: 01'] });
    expect(world.when(getDirty({ iova: APERTURE + 0x8000n, length: 0x1000n }), empty)).toEqual({
      bytes: ['0: 01'],
    });
  });
  it('goes on where areas touch', () => {
    const world = tracked().after(ioasMap({ iova: APERTURE + 0x4000n, flags: F | R | W }));
    world.after([mockDirty({ length: 0x5000n }), marks(0x11)]);
    expect(world.when(getDirty({ length: 0x5000n }), empty)).toEqual({ bytes: ['0: 11'] });
  });
  it('forgets what was dirty in an area that goes', () => {
    const world = tracked().after([mockDirty(), marks(1)], ioasUnmap());
    expect(world.when(getDirty(), empty)).toEqual({});
  });
});

describe('leaves', () => {
  /** With large pages and 2 MiB of memory at the aperture. */
  const large = (userVa: number, release: '7.3.4' | '6.12.117' = '7.3.4', iova = APERTURE): Given =>
    M({ release }).after(
      hwptAlloc({ flags: 2 }),
      ioasMap({ userVa: BigInt(userVa), iova, length: 0x20_0000n, flags: F | R | W }),
      setDirty(),
    );
  const one = mockDirty({ length: 0x1000n });
  const wide = getDirty({ length: 0x20_0000n, pageSize: 0x1_0000n });

  it('of huge pages set the bits of all 2 MiB', () => {
    const world = large(HUGE).after([one, marks(1)]);
    expect(world.when(wide, empty)).toEqual({ bytes: ['0: ffffffff'] });
  });
  it('of huge pages that are not aligned are smaller', () => {
    const world = large(HUGE, '7.3.4', APERTURE + 0x10_0000n);
    world.after([mockDirty({ iova: APERTURE + 0x10_0000n, length: 0x1000n }), marks(1)]);
    const answer = world.when(
      getDirty({ iova: APERTURE + 0x10_0000n, length: 0x10_0000n, pageSize: 0x1_0000n }),
      empty,
    );
    expect(answer).toEqual({ bytes: ['0: ffff'] });
  });
  it('of other memory are one page for certain, and up to 2 MiB perhaps', () => {
    const world = large(RW).after([one, marks(1)]);
    const { bytes } = world.when(wide, empty) as { bytes: string[] };
    expect(bytes[0]).toBe('0: 01000000');
    expect(bytes.slice(1)).toEqual(['0: ??', '1: ??', '2: ??', '3: ??']);
  });
  it('that follow one another in a huge page are told apart', () => {
    const start = APERTURE + 0x10_0000n;
    const world = large(HUGE, '7.3.4', start);
    world.after([mockDirty({ iova: APERTURE + 0x20_0000n, length: 0x1000n }), marks(1)]);
    const answer = world.when(getDirty({ iova: start, length: 0x20_0000n, pageSize: 0x1_0000n }), empty);
    expect(answer).toEqual({ bytes: ['0: 0000ffff'] });
  });
  it('of a small area are not larger than the area', () => {
    const world = M().after(
      hwptAlloc({ flags: 2 }),
      ioasMap({ iova: APERTURE, length: 0x4000n, flags: F | R | W }),
      setDirty(),
    );
    world.after([one, marks(1)]);
    expect(world.when(getDirty(), empty)).toEqual({ bytes: ['0: 01', '0: ??'] });
  });
  it('in doubt lose what lies in a page of the bitmap that cannot be written', () => {
    const world = large(RW).after([one, marks(1)]);
    const data = BigInt(RW + MAPPED_BYTES - 1);
    const answer = world.when(getDirty({ length: 0x20_0000n, data }), empty);
    expect(answer).toEqual({ bytes: ['0: 01', '0: ??'] });
  });
  it('of 6.12 are granules', () => {
    const world = large(HUGE, '6.12.117').after([mockDirty({ pageSize: 0x800n, length: 0x800n }), marks(1)]);
    expect(world.when(getDirty({ length: 0x4000n, pageSize: 0x800n }), empty)).toEqual({ bytes: ['0: 01'] });
  });
});

describe('TestDirty', () => {
  it('counts the bits, mapped or not', () => {
    expect(tracked().when(mockDirty(), marks(0x0f))).toEqual({ outNrDirty: 4n });
    expect(tracked().when(mockDirty(), marks(0xf0))).toEqual({ outNrDirty: 0n });
    expect(tracked().when(mockDirty({ length: 0x8000n }), marks(0xff))).toEqual({ outNrDirty: 8n });
  });
  it('takes a bitmap of 2^27 pages, as far as it can be read', () => {
    const most = mockDirty({ length: (1n << 27n) * 0x1000n, uptr: BigInt(HOLE) });
    expect(tracked().when(most)).toEqual(refusal('mock-dirty/bitmap', 'EFAULT'));
  });
  it('of 6.12 counts what is mapped', () => {
    const request = mockDirty({ length: 0x8000n, pageSize: 0x800n });
    const answer = tracked('6.12.117').when(request, { second: Uint8Array.of(0xff, 0xff) });
    expect(answer).toEqual({ outNrDirty: 8n });
  });
  it('of 6.12 counts slots in units of the page size', () => {
    const world = tracked('6.12.117').after(ioasMap({ iova: APERTURE / 2n + 0x800_0000n, flags: F | R | W }));
    world.after([mockDirty(), marks(1)]);
    expect(world.when(getDirty(), empty)).toEqual({});
  });
  it('has happened when the write-back fails', () => {
    const world = tracked();
    const refused = refusal('respond/fault', 'EFAULT', { left: ['PagesDirtied'] });
    expect(world.when(mockDirty(), { arg: RO, ...marks(1) })).toEqual(refused);
    expect(world.when(getDirty(), empty)).toEqual({ bytes: ['0: 01'] });
  });
  it('does not know a bitmap that the recording lacks', () => {
    expect(tracked().when(mockDirty())).toEqual(unknown('bytes 0 to 0 of the second buffer'));
  });
  it('tells by its count which pages it marked, where it is none or all', () => {
    const none = tracked();
    expect(none.when(mockDirty(), { trusting: true, handled: 0 })).toEqual({ outNrDirty: 0n });
    expect(none.when(getDirty(), empty)).toEqual({});
    const all = tracked();
    expect(all.when(mockDirty(), { trusting: true, handled: 4 })).toEqual({ outNrDirty: 4n });
    expect(all.when(getDirty(), empty)).toEqual({ bytes: ['0: 0f'] });
    const held = { supposing: 'granted', checking: true, handled: 5 } as const;
    expect(tracked().when(mockDirty(), held)).toEqual({ outNrDirty: 4n });
    expect(tracked().when(mockDirty(), { ...held, supposing: 'refused' })).toEqual({ outNrDirty: 4n });
  });
  it('leaves open which pages are dirty, until tracking is enabled anew', () => {
    const open = unknown('which pages an earlier call marked as dirty');
    const world = tracked();
    expect(world.when(mockDirty(), { trusting: true, handled: 2 })).toEqual({ outNrDirty: 2n });
    expect(world.when(getDirty(), empty)).toEqual(open);
    expect(world.when(getDirty())).toEqual({});
    expect(world.when(setDirty())).toEqual({});
    expect(world.when(getDirty(), empty)).toEqual({});
    world.when(mockDirty());
    expect(world.when(getDirty(), empty)).toEqual(open);
  });
  it('knows the answer where no bit can count, or where it cannot be written back', () => {
    const unmapped = mockDirty({ iova: 0x10_0000n, length: 0x800n, pageSize: 0x800n });
    expect(tracked('6.12.117').when(unmapped)).toEqual({ outNrDirty: 0n });
    expect(tracked().when(mockDirty(), { arg: RO })).toEqual(
      refusal('respond/fault', 'EFAULT', { left: ['DirtyForgotten'] }),
    );
  });
  it('marks nothing of a dma-buf that was revoked once', () => {
    const world = tracked().after(
      ioasUnmap(),
      dmabufGet(),
      ioasMapFile({ fd: 4, iova: APERTURE, length: 0x4000n, flags: F | R }),
    );
    expect(world.when(mockDirty(), marks(1))).toEqual({ outNrDirty: 1n });
    world.after(dmabufRevoke(), dmabufRevoke({ revoked: 0 }));
    world.after([mockDirty(), marks(2)]);
    expect(world.when(getDirty(), empty)).toEqual({ bytes: ['0: 01'] });
  });
  it('needs tracking on the very HWPT', () => {
    const world = tracked().after(hwptAlloc({ flags: 2 }));
    expect(world.when(mockDirty({ id: 6 }), marks(1))).toEqual(refusal('mock-dirty/tracking', 'EINVAL'));
  });
});

describe('a HWPT that tracks', () => {
  it('stays while a device is on it', () => {
    const world = M().after(hwptAlloc({ flags: 2 }), mockReplace({ ptId: 5 }));
    play(world, [
      [destroy(5), 'EBUSY'],
      [mockReplace({ ptId: 1 }), OK],
      [destroy(5), OK],
      [ioasAlloc(), 5],
    ]);
  });
});
