import { describe, expect, it } from 'vitest';
import { F, ioasAlloc, ioasMapFile, ioasUnmap, option, R, W } from './support/commands.ts';
import {
  CAPABILITIES_NONE,
  CLOSED_FD,
  type Given,
  given,
  MEMFD_FD,
  PIPE_FD,
  refusal,
  unknown,
} from './support/given.ts';
import { MAPPED_BYTES, MEMFD, MEMFD_INODE, RO } from './support/memory.ts';
import {
  APERTURE,
  addReserved,
  dmabufGet,
  dmabufRevoke,
  mdCheckRefs,
  mockDomain,
} from './support/mock-commands.ts';
import { vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const oneIoas = (): Given => given().after(ioasAlloc());
const withDomain = (): Given => oneIoas().after(mockDomain());
const at = (change: Partial<ReturnType<typeof ioasMapFile>>) =>
  ioasMapFile({ iova: 0x10000n, flags: F | R, ...change });

refusals('IoasMapFile', { given: oneIoas, valid: at({}) }, [
  [{ flags: 0x15 }, 'EOPNOTSUPP', 'ioas-map-file/flags'],
  [{ iova: U64_MAX }, 'EOVERFLOW', 'ioas-map/overflow'],
  [{ length: U64_MAX }, 'EOVERFLOW', 'ioas-map/overflow'],
  [{ flags: F }, 'EINVAL', 'ioas-map/access'],
  [{ ioasId: 9 }, 'ENOENT', 'ioas/exists'],
  [{ length: 0n }, 'EINVAL', 'ioas-map-file/length'],
  [{ set: { start: U64_MAX, length: 2n } }, 'EOVERFLOW', 'ioas-map-file/overflow'],
  [{ fd: -1 }, 'EBADF', 'ioas-map-file/descriptor'],
  [{ fd: CLOSED_FD }, 'EBADF', 'ioas-map-file/descriptor'],
  [{ set: { start: 0n, length: 0xffff_ffff_ffff_f000n } }, 'EINVAL', 'pages/length'],
  [{ in: (world) => world.after(option({ val64: 0n })), set: { length: 0x800n } }, 'EINVAL', 'map/length'],
  [{ in: (world) => world.after(addReserved({ start: 0x10fffn, length: 1n })) }, 'EINVAL', 'map/reserved'],
  [{ in: (world) => world.after(at({ iova: 0x10fffn, length: 1n })), apart: true }, 'EEXIST', 'map/exists'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('IoasMapFile with a domain', { given: withDomain, valid: ioasMapFile() }, [
  [{ set: { fd: PIPE_FD }, apart: true }, 'EINVAL', 'pin/file-kind'],
  [{ start: BigInt(MAPPED_BYTES) }, 'EINVAL', 'pin/file-size'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

describe('IoasMapFile', () => {
  vector('core 56', 'judges the range before the descriptor', oneIoas, [
    [ioasMapFile({ fd: -1, length: 0n }), 'EINVAL'],
    [ioasMapFile({ fd: -1, start: U64_MAX, length: 2n }), 'EOVERFLOW'],
    [ioasMapFile({ fd: -1 }), 'EBADF'],
    [ioasMapFile({ ioasId: 9, fd: -1, length: 0n, flags: R }), 'ENOENT'],
  ]);
  vector('core 57', 'takes any file while there is no domain, and places by offset', oneIoas, [
    [ioasMapFile({ fd: PIPE_FD, length: 0x3000n }), 0x4000],
    [ioasMapFile({ fd: PIPE_FD, start: 0x1000n, length: 0x3000n }), 0x1000],
    [ioasMapFile({ fd: PIPE_FD, start: 0x2000n, length: 0x2000n }), 0x8000],
  ]);
  vector('core 58', 'takes the last byte of all', oneIoas, [
    [ioasMapFile({ start: U64_MAX, length: 1n, flags: R }), 0x1fff],
  ]);
  vector('core 59', 'with a domain wants shared memory, whole pages of it', withDomain, [
    [ioasMapFile({ fd: PIPE_FD, flags: R }), 'EINVAL'],
    [
      ioasMapFile({ length: 0x1800n, flags: R }),
      'EINVAL',
      { descriptor: { open: true, ino: MEMFD_INODE, size: 0x1800n, type: 'memfd' } },
    ],
    [
      ioasMapFile({ flags: R }),
      0x100_0000,
      { descriptor: { open: true, ino: MEMFD_INODE, size: 0x1800n, type: 'memfd' } },
    ],
  ]);
  it.each(['shm', 'hugetlb', 'memfd'])('pins pages of a %s file', (type) => {
    const descriptor = { open: true, ino: 5, size: 0x20_0000n, type };
    expect(withDomain().when(ioasMapFile(), { descriptor })).toEqual({ iova: 0x100_0000n });
  });
  it('does not know what a descriptor is that the recording does not tell', () => {
    expect(oneIoas().when(ioasMapFile({ fd: 43 }))).toEqual(unknown('what descriptor 43 was'));
  });
  it('does not know descriptor 0 either, and takes it where the kernel did', () => {
    const zero = ioasMapFile({ fd: 0, iova: APERTURE, flags: F | R });
    expect(oneIoas().when(zero)).toEqual(unknown('what descriptor 0 was'));
    expect(oneIoas().when(zero, { trusting: true })).toEqual({ iova: APERTURE });
  });
  it('takes a length of 2^64 - 4097', () => {
    const all = ioasMapFile({ length: 0xffff_ffff_ffff_efffn, flags: F | R });
    expect(oneIoas().when(all)).toEqual({ iova: 0n });
  });
  it('follows a kernel that took such a descriptor, and knows no more of it', () => {
    const world = oneIoas().after([
      ioasMapFile({ fd: 43, iova: APERTURE, flags: F | R }),
      { trusting: true },
    ]);
    expect(world.when(mockDomain())).toEqual(unknown('what file the pages are of'));
    const sizeless = oneIoas().after(ioasMapFile({ iova: APERTURE, flags: F | R }));
    sizeless.world.inodes.delete(MEMFD_INODE);
    expect(sizeless.when(mockDomain())).toEqual(unknown(`the size of the file with inode ${MEMFD_INODE}`));
  });
  it('takes an iommufd for a file that cannot be pinned', () => {
    expect(oneIoas().when(ioasMapFile({ fd: 3 }))).toMatchObject({ iova: 0x1000n });
    expect(withDomain().when(ioasMapFile({ fd: 3 }))).toEqual(refusal('pin/file-kind', 'EINVAL'));
  });
  it('pins the pages that a shared map of the file shows', () => {
    const world = withDomain().after(ioasMapFile({ start: 0x2000n }));
    expect(world.when(mdCheckRefs({ uptr: BigInt(MEMFD + 0x2000) }))).toEqual({});
    expect(world.when(mdCheckRefs({ uptr: BigInt(MEMFD + 0x1000), refs: 0 }))).toEqual({});
  });
  it('holds pages that a truncation took out of the file', () => {
    const world = withDomain().after(ioasMapFile());
    world.told({ type: 'FileTruncated', ino: MEMFD_INODE, size: 0n });
    world.told({ type: 'FileTruncated', ino: MEMFD_INODE, size: BigInt(MAPPED_BYTES) });
    expect(world.when(mdCheckRefs({ uptr: BigInt(MEMFD), refs: 0 }))).toEqual({});
  });
  it('charges who maps, without CAP_IPC_LOCK', () => {
    const world = given({ capabilities: CAPABILITIES_NONE, memlock: 0x3000n }).after(
      ioasAlloc(),
      mockDomain(),
    );
    expect(world.when(ioasMapFile({ length: 0x4000n }))).toEqual(refusal('pin/memlock', 'ENOMEM'));
    world.after(ioasMapFile({ length: 0x3000n }));
    expect(world.charged('uid:0')).toBe(3);
    world.after(ioasUnmap());
    expect(world.charged('uid:0')).toBe(0);
  });
  it('needs the size of the file once a domain wants its pages', () => {
    const world = oneIoas();
    const fd = world.freeDescriptor();
    const descriptor = { open: true, ino: 5, size: 0x1000n, type: 'memfd' };
    expect(fd).toBe(4);
    world.after([
      ioasMapFile({ fd: MEMFD_FD, length: 0x1000n, iova: APERTURE, flags: F | R }),
      { descriptor },
    ]);
    expect(world.when(mockDomain())).toMatchObject({ outStdevId: 2 });
  });
});

describe('IoasMapFile of a dma-buf', () => {
  const dmabuf = (): Given => oneIoas().after(dmabufGet());
  const mapped = ioasMapFile({ fd: 4, length: 0x4000n, flags: R });

  it('maps what the buffer has', () => {
    expect(dmabuf().when(mapped)).toEqual({ iova: 0x4000n });
    const beyond = refusal('ioas-map-file/dmabuf-size', 'EINVAL');
    expect(dmabuf().when(ioasMapFile({ fd: 4, length: 0x4001n }))).toEqual(beyond);
    expect(dmabuf().when(ioasMapFile({ fd: 4, start: 0x3000n, length: 0x1001n }))).toEqual(beyond);
    expect(dmabuf().when(ioasMapFile({ fd: 4, start: 0x3000n, length: 0x1000n }))).toMatchObject({});
  });
  it('refuses a buffer that is revoked, after its size', () => {
    const world = dmabuf().after(dmabufRevoke());
    expect(world.when(mapped)).toEqual(refusal('ioas-map-file/dmabuf-revoked', 'ENODEV'));
    expect(world.when(ioasMapFile({ fd: 4, length: 0x8000n }))).toEqual(
      refusal('ioas-map-file/dmabuf-size', 'EINVAL'),
    );
    expect(world.after(dmabufRevoke({ revoked: 0 })).when(mapped)).toEqual({ iova: 0x4000n });
  });
  it('pins nothing and charges nobody', () => {
    const world = given({ capabilities: CAPABILITIES_NONE, memlock: 0n }).after(
      ioasAlloc(),
      mockDomain(),
      dmabufGet(),
    );
    expect(world.when(mapped)).toEqual({ iova: 0x100_0000n });
    expect(world.charged('uid:0')).toBe(0);
    world.after(ioasUnmap());
  });
  it('may be there before the domain', () => {
    const world = dmabuf().after(ioasMapFile({ fd: 4, length: 0x4000n, iova: APERTURE, flags: F | R | W }));
    expect(world.when(mockDomain())).toMatchObject({ outHwptId: 4 });
  });
});
