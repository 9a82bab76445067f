import { describe, expect, it } from 'vitest';
import { F, ioasAlloc, ioasMap, ioasMapFile, R, W } from './support/commands.ts';
import { CAPABILITIES_NONE, type Given, given, refusal, unknown } from './support/given.ts';
import { HEAP, HOLE, MAPPED_BYTES, RO, RW } from './support/memory.ts';
import { APERTURE, accessRw, createAccess, dmabufGet, mockDomain } from './support/mock-commands.ts';
import { OK, play } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
/** The same, for reading and writing only. */
const reader = (): Given => given().after(ioasAlloc(), createAccess({ flags: 0 }));
const map = (flags = R | W, length = 0x4000n, userVa = BigInt(RW), iova = APERTURE) =>
  ioasMap({ userVa, iova, flags: F | flags, length });

const WRITE = 1;
const SLOW = 4;
const SYZKALLER = 0x1_0000;

refusals('TestAccessRw', { given: () => reader().after(map()), valid: accessRw() }, [
  [{ length: (16n << 20n) + 1n }, 'ENOMEM', 'access-rw/length'],
  [{ flags: 2 }, 'EOPNOTSUPP', 'access-rw/flags'],
  [{ id: 3 }, 'EBADFD', 'access/descriptor'],
  [{ length: 0n }, 'EINVAL', 'access/length'],
  [{ iova: U64_MAX - 1n }, 'EOVERFLOW', 'access/overflow'],
  [{ iova: APERTURE + 0x4000n }, 'ENOENT', 'access/covered'],
  [{ uptr: BigInt(RO) }, 'EFAULT', 'access-rw/buffer'],
]);

refusals(
  'TestAccessRw that writes',
  { given: () => reader().after(map()), valid: accessRw({ flags: WRITE }) },
  [
    [{ uptr: BigInt(HOLE) }, 'EFAULT', 'access-rw/buffer'],
    [{ set: { length: 0n }, apart: true }, 'EINVAL', 'access/length'],
    [{ iova: APERTURE + 0x4000n }, 'ENOENT', 'access/covered'],
  ],
);

describe('TestAccessRw', () => {
  it('reads and writes what the map allows', () => {
    const readOnly = reader().after(map(R));
    play(readOnly, [
      [accessRw(), OK],
      [accessRw({ flags: WRITE }), 'EPERM'],
    ]);
    const writeOnly = reader().after(map(W));
    play(writeOnly, [
      [accessRw(), 'EPERM'],
      [accessRw({ flags: WRITE }), OK],
    ]);
  });
  it('reads no dma-buf', () => {
    const world = reader().after(
      dmabufGet(),
      ioasMapFile({ fd: 5, length: 0x4000n, iova: APERTURE, flags: F | R | W }),
    );
    expect(world.when(accessRw())).toEqual(refusal('access/dmabuf', 'EINVAL'));
  });
  it('tests the source before the IOAS, and the target after it', () => {
    const world = reader().after(map());
    const bad = { uptr: BigInt(HOLE), iova: 0n };
    expect(world.when(accessRw({ flags: WRITE, ...bad }))).toEqual(refusal('access-rw/buffer', 'EFAULT'));
    expect(world.when(accessRw(bad))).toEqual(refusal('access/covered', 'ENOENT'));
  });
  it('faults at address 0', () => {
    const world = reader().after(map());
    expect(world.when(accessRw({ flags: WRITE, uptr: 0n }))).toEqual(refusal('access-rw/buffer', 'EFAULT'));
    expect(world.when(accessRw({ uptr: 0n }))).toEqual(refusal('access-rw/buffer', 'EFAULT'));
  });
  it('meets the memory behind the area', () => {
    const gone = reader().after(map(R | W, 0x4000n, BigInt(HOLE)));
    expect(gone.when(accessRw())).toEqual(refusal('access/user-memory', 'EFAULT'));
    const readable = reader().after(map(R, 0x4000n, BigInt(RO)));
    expect(readable.when(accessRw())).toEqual({});
    const written = reader().after(map(R | W, 0x4000n, BigInt(RO)));
    expect(written.when(accessRw({ flags: WRITE }))).toEqual(refusal('access/user-memory', 'EFAULT'));
    expect(written.when(accessRw())).toEqual({});
  });
  it('on the slow path pins pages for the time of the copy', () => {
    const world = reader().after(map(R | W, 0x4000n, BigInt(RO)));
    expect(world.when(accessRw({ flags: SLOW, length: 0x2000n }))).toEqual(
      refusal('pin/user-memory', 'EFAULT'),
    );
    const poor = given({ capabilities: CAPABILITIES_NONE, memlock: 0n }).after(
      ioasAlloc(),
      createAccess({ flags: 0 }),
      map(),
    );
    expect(poor.when(accessRw({ flags: SLOW, length: 0x2000n }))).toEqual({});
  });
  it('of one page of another process reaches it without a pin', () => {
    const world = reader()
      .after(map(R | W, 0x4000n, BigInt(RO)))
      .fork(2);
    play(world, [
      [accessRw({ length: 0x10n }), OK, { pid: 2 }],
      [accessRw({ length: 0x2000n }), 'EFAULT', { pid: 2 }],
    ]);
  });
  it('of a process that has exited fails unless the pages are pinned', () => {
    const world = reader()
      .fork(2)
      .after([map(R), { pid: 2 }])
      .exit(2);
    expect(world.when(accessRw())).toEqual(refusal('pin/owner-gone', 'EFAULT'));
    const held = given()
      .after(ioasAlloc(), mockDomain(), createAccess({ flags: 0 }))
      .fork(2)
      .after([map(R), { pid: 2 }])
      .exit(2);
    expect(held.when(accessRw())).toEqual({});
  });
  it('does not know memory before the recording tells any', () => {
    const world = given({ blind: true }).after(ioasAlloc(), createAccess({ flags: 0 }), map());
    expect(world.when(accessRw())).toEqual(unknown('the address space of the mapping process'));
  });
  it('does not know the heap above its last known end', () => {
    const world = reader().after(map());
    const above = { uptr: BigInt(HEAP + MAPPED_BYTES - 8), flags: WRITE };
    expect(world.when(accessRw(above))).toEqual(
      unknown('growth of the heap since the last snapshot of the mappings'),
    );
  });
  it('takes the number of an area for an IOVA', () => {
    const world = reader().after(map());
    play(world, [
      [accessRw({ flags: SYZKALLER, iova: 0x10n << 32n }), OK],
      [accessRw({ flags: SYZKALLER, iova: 1n }), 'ENOENT'],
    ]);
  });
});
