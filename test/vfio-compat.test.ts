import { describe, expect, it } from 'vitest';
import type { Command } from '../events/command.ts';
import {
  attach,
  bind,
  checkExtension,
  destroy,
  F,
  getInfo,
  ioasAlloc,
  ioasCopy,
  ioasMap,
  ioasMapFile,
  ioasUnmap,
  mapDma,
  option,
  R,
  setIommu,
  unmapDma,
  vfioIoas,
} from './support/commands.ts';
import { type Given, given, refusal } from './support/given.ts';
import { HOLE, RO, RW, STRUCT } from './support/memory.ts';
import {
  APERTURE,
  accessPages,
  addReserved,
  createAccess,
  dmabufGet,
  mdCheckRefs,
  mockDomain,
} from './support/mock-commands.ts';
import { amdMachine, devicePath, vtdMachine } from './support/platforms.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const V = 0x7f00_0000_0000n;
const TYPE1 = 1n;
const TYPE1V2 = 3n;
const NOIOMMU = 8n;
const DMA_CC = 4n;

const compat = (): Given => given().after(ioasAlloc(), vfioIoas());
/** The old mode, in which areas can be cut. */
const type1 = (): Given => compat().after(setIommu(TYPE1));

const map = (iova: bigint, length: bigint, vaddr = V) => mapDma({ iova, length, vaddr, flags: 1 });
const unmap = (iova: bigint, length: bigint) => unmapDma({ iova, length });
const hugeGet = option({ op: 1 });

refusals('VfioIommuMapDma', { given: compat, valid: map(0x10000n, 0x1000n) }, [
  [{ argsz: 31 }, 'EINVAL', 'vfio-map-dma/flags'],
  [{ flags: 4 }, 'EINVAL', 'vfio-map-dma/flags'],
  [{ in: (world) => world.after(vfioIoas({ op: 2 })) }, 'ENODEV', 'compat/ioas'],
  [{ set: { vaddr: U64_MAX - 0xfffn, length: 0x1000n } }, 'EOVERFLOW', 'pages/overflow'],
  [{ length: 0n }, 'EINVAL', 'pages/length'],
  [{ set: { vaddr: 0n, length: 0xffff_ffff_ffff_f000n } }, 'EINVAL', 'pages/length'],
  [{ in: (world) => world.after(option({ val64: 0n })), set: { length: 0x800n } }, 'EINVAL', 'map/length'],
  [
    { in: (world) => world.after(option({ val64: 0n })), set: { iova: 0x10800n } },
    'EINVAL',
    'map/iova-aligned',
  ],
  [{ set: { length: 0x2000n, iova: U64_MAX - 0xfffn } }, 'EOVERFLOW', 'map/iova-overflow'],
  [{ in: (world) => world.after(addReserved({ start: 0x10fffn, length: 1n })) }, 'EINVAL', 'map/reserved'],
  [{ in: (world) => world.after(map(0x10fffn, 1n)), apart: true }, 'EEXIST', 'map/exists'],
]);

refusals(
  'VfioIommuUnmapDma',
  { given: () => compat().after(map(0x10000n, 0x2000n)), valid: unmap(0x10000n, 0x2000n) },
  [
    [{ argsz: 23 }, 'EINVAL', 'vfio-unmap-dma/flags'],
    [{ flags: 1 }, 'EINVAL', 'vfio-unmap-dma/flags'],
    [{ flags: 4 }, 'EINVAL', 'vfio-unmap-dma/flags'],
    [{ in: (world) => world.after(vfioIoas({ op: 2 })) }, 'ENODEV', 'compat/ioas'],
    [{ flags: 2 }, 'EINVAL', 'vfio-unmap-dma/all'],
    [{ by: { arg: RO }, apart: true }, 'EFAULT', 'respond/fault'],
    [{ length: 0n }, 'EINVAL', 'ioas-unmap/length'],
    [{ set: { length: U64_MAX } }, 'EOVERFLOW', 'ioas-unmap/end-overflow'],
    [{ length: 0x1000n }, 'ENOENT', 'unmap/partial'],
    [{ iova: 0x11000n }, 'ENOENT', 'unmap/partial'],
  ],
);

refusals('VfioIommuGetInfo', { given: compat, valid: getInfo() }, [
  [{ argsz: 15 }, 'EINVAL', 'vfio-get-info/argsz'],
  [{ in: (world) => world.after(vfioIoas({ op: 2 })) }, 'ENODEV', 'compat/ioas'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('VfioSetIommu TYPE1', { given: compat, valid: setIommu(TYPE1) }, [
  [{ arg: 2n }, 'EINVAL', 'vfio-set-iommu/type'],
  [{ arg: NOIOMMU }, 'EINVAL', 'vfio-set-iommu/type'],
  [{ in: (world) => world.after(vfioIoas({ op: 2 })) }, 'ENODEV', 'compat/ioas'],
  [
    { in: (world) => world.after(mockDomain(), ioasMap()), apart: true },
    'EINVAL',
    'option/huge-pages-in-use',
  ],
  [{ in: (world) => world.after(ioasMap({ length: 1n })) }, 'EADDRINUSE', 'ioas/alignment'],
]);

describe('VfioCheckExtension', () => {
  const answers = (world: Given, arg: bigint) => world.when(checkExtension(arg));
  it('knows the two types, no-IOMMU and UNMAP_ALL (core 79)', () => {
    expect([1n, 3n, 9n, 8n].map((arg) => answers(given(), arg))).toEqual(new Array(4).fill({ ret: 1 }));
    expect([2n, 6n, 10n, 5n].map((arg) => answers(given(), arg))).toEqual(new Array(4).fill({}));
  });
  it('asks the domains whether they are coherent (core 79, core 97)', () => {
    expect(answers(given(), DMA_CC)).toEqual(refusal('compat/ioas', 'ENODEV'));
    expect(answers(compat(), DMA_CC)).toEqual({ ret: 1 });
    expect(answers(compat().after(mockDomain()), DMA_CC)).toEqual({});
  });
  it('is coherent where the hardware is', () => {
    const world = given({ platform: vtdMachine() }).after(ioasAlloc(), vfioIoas());
    const fd = world.open(devicePath('A'));
    world.after([bind(), { fd }], [attach({ ptId: 1 }), { fd }]);
    expect(answers(world, DMA_CC)).toEqual({ ret: 1 });
  });
  it('says 0 to everything but no-IOMMU in no-IOMMU mode', () => {
    const world = given();
    world.context().noIommuMode = true;
    expect([1n, 3n, 9n].map((arg) => answers(world, arg))).toEqual([{}, {}, {}]);
    expect(answers(world, NOIOMMU)).toEqual({ ret: 1 });
  });
  it('answers the version 0', () => {
    expect(given().when({ type: 'VfioGetApiVersion' } as Command)).toEqual({});
  });
});

describe('VfioSetIommu', () => {
  vector('core 79', 'wants a compat IOAS and a type', given, [
    [setIommu(3n), 'ENODEV'],
    [setIommu(8n), 'EINVAL'],
    [setIommu(2n), 'EINVAL'],
  ]);
  vector('core 83', 'TYPE1 switches large pages off', compat, [
    [setIommu(TYPE1), OK],
    [hugeGet, 0],
    [setIommu(TYPE1), OK],
  ]);
  vector('core 103', 'TYPE1v2 does not switch them on again', compat, [
    [setIommu(TYPE1), OK],
    [setIommu(TYPE1V2), OK],
    [hugeGet, 0],
  ]);
  vector('core 86', 'TYPE1 wants whole pages', compat, [
    [ioasMap({ userVa: V, length: 0x10n, flags: R }), OK],
    [setIommu(TYPE1), 'EADDRINUSE'],
    [setIommu(TYPE1V2), OK],
  ]);
  it('in no-IOMMU mode takes no-IOMMU only, with CAP_SYS_RAWIO', () => {
    const world = compat();
    world.context().noIommuMode = true;
    expect(world.when(setIommu(NOIOMMU))).toEqual({});
    expect(world.when(setIommu(TYPE1))).toEqual(refusal('vfio-set-iommu/type', 'EINVAL'));
    world.told({
      type: 'CredentialsSeen',
      pid: 1,
      uid: 0,
      memlock: 0n,
      capabilities: ~(1n << 17n) & ((1n << 41n) - 1n),
    });
    expect(world.when(setIommu(NOIOMMU))).toEqual(refusal('vfio-set-iommu/capability', 'EPERM'));
  });
});

describe('VfioIommuMapDma', () => {
  vector('core 80', 'tests its flags before it asks for the IOAS', given, [
    [mapDma({ argsz: 31 }), 'EINVAL'],
    [mapDma({ flags: 4 }), 'EINVAL'],
    [mapDma(), 'ENODEV'],
  ]);
  vector('core 81', 'takes maps without rights and the last byte', compat, [
    [mapDma({ flags: 0, vaddr: V }), OK],
    [mapDma({ flags: 0, vaddr: V, iova: U64_MAX, length: 1n }), OK],
    [mapDma({ flags: 0, vaddr: V, length: 0n }), 'EINVAL'],
    [mapDma({ flags: 0, vaddr: V }), 'EEXIST'],
    [unmap(0x8000n, 0x1000n), 0],
  ]);
  it('a domain takes no map without rights (core 97)', () => {
    const world = compat().after(mockDomain());
    expect(world.when(mapDma({ flags: 0, iova: APERTURE }))).toEqual(refusal('domain/prot', 'EINVAL'));
  });
  it('a domain of 6.12 does', () => {
    const world = given({ release: '6.12.117' }).after(ioasAlloc(), vfioIoas(), mockDomain());
    expect(world.when(mapDma({ flags: 0, iova: APERTURE }))).toEqual({});
  });
  it('flag 1 is reading, flag 2 writing', () => {
    const world = compat().after(mapDma({ flags: 1 }), mapDma({ flags: 2, iova: 0x2000n }));
    const again = { dstIova: 0x9000n, flags: F | 2 };
    expect(world.when(ioasCopy({ srcIova: 0x1000n, ...again }))).toEqual(
      refusal('map/pages-writable', 'EPERM'),
    );
    expect(world.when(ioasCopy({ srcIova: 0x2000n, ...again }))).toMatchObject({ dstIova: 0x9000n });
  });
});

describe('VfioIommuUnmapDma', () => {
  it('tells what went before an error (core 82)', () => {
    const world = compat().after(setIommu(TYPE1V2), map(0x1000n, 0x1000n), map(0x2000n, 0x2000n));
    const left = ['AreaUnmapped'];
    expect(world.when(unmap(0x1000n, 0x2000n))).toEqual(
      refusal('unmap/partial', 'ENOENT', { length: 0x1000n, left }),
    );
    expect(world.when(unmapDma({ flags: 2, iova: 0n, length: 1n }))).toEqual(
      refusal('vfio-unmap-dma/all', 'EINVAL'),
    );
    expect(world.when(unmapDma({ flags: 2, iova: 1n, length: 0n }))).toEqual(
      refusal('vfio-unmap-dma/all', 'EINVAL'),
    );
    expect(world.when(unmapDma({ flags: 2, iova: 0n, length: 0n }))).toEqual({ length: 0x2000n });
  });
  vector('core 83', 'cuts areas in TYPE1 mode', () => type1().after(map(0x10000n, 0x4000n)), [
    [unmap(0x11000n, 0x1000n), 0x1000],
    [ioasUnmap({ iova: 0x12000n, length: 0x1000n }), 'ENOENT'],
    [ioasUnmap({ iova: 0x12000n, length: 0x2000n }), 0x2000],
    [ioasUnmap({ iova: 0x10000n, length: 0x1000n }), 0x1000],
  ]);
  it('keeps the first cut when the second is refused (core 84)', () => {
    const world = type1().after(map(0x10000n, 0x4000n));
    expect(world.when(unmap(0x10800n, 0x800n))).toEqual(
      refusal('area-split/alignment', 'EINVAL', { left: ['AreaSplit'] }),
    );
    play(world, [[ioasUnmap({ iova: 0x11000n, length: 0x3000n }), 0x3000]]);
  });
  it('of length 0 cuts and then fails (core 85)', () => {
    const world = type1().after(map(0x10000n, 0x4000n));
    const refused = refusal('ioas-unmap/length', 'EINVAL', { length: 0n, left: ['AreaSplit'] });
    expect(world.when(unmap(0x12000n, 0n))).toEqual(refused);
    play(world, [[ioasUnmap({ iova: 0x10000n, length: 0x2000n }), 0x2000]]);
  });
  it('of length 0 fails at the cut before its length', () => {
    const world = type1().after(map(0x10000n, 0x4000n));
    expect(world.when(unmap(0x10800n, 0n))).toEqual(refusal('area-split/alignment', 'EINVAL'));
  });
  it('judges a cut by its place before pins', () => {
    const world = type1().after(
      createAccess(),
      mapDma({ iova: 0x10000n, length: 0x4000n }),
      accessPages({ iova: 0x13000n }),
    );
    expect(world.when(unmap(0x10800n, 0x1000n))).toEqual(refusal('area-split/alignment', 'EINVAL'));
  });
  it('cuts nothing outside TYPE1 mode', () => {
    const world = compat().after(map(0x10000n, 0x4000n));
    expect(world.when(unmap(0x11000n, 0x1000n))).toEqual(refusal('unmap/partial', 'ENOENT', { length: 0n }));
  });
  it('needs no cut where an area begins or ends', () => {
    const world = type1().after(map(0x10000n, 0x1000n), map(0x11000n, 0x1000n), map(0x12000n, 0x1000n));
    expect(world.outcome(unmap(0x11000n, 0x1000n)).events.map(({ type }) => type)).toEqual(['AreaUnmapped']);
  });
  it('at IOVA 0 cuts at its end only', () => {
    const world = type1().after(map(0n, 0x2000n));
    expect(world.when(unmap(0n, 0x1000n))).toEqual({ length: 0x1000n });
  });
  it('reaches the last byte of all', () => {
    const world = compat().after(map(U64_MAX, 1n));
    expect(world.when(unmap(U64_MAX, 1n))).toEqual({ length: 1n });
  });
  it('cuts no dma-buf', () => {
    const world = type1().after(
      dmabufGet(),
      ioasMapFile({ fd: 4, iova: 0x10000n, flags: F | R, length: 0x4000n }),
    );
    expect(world.when(unmap(0x11000n, 0x1000n))).toEqual(refusal('area-split/dmabuf', 'EOPNOTSUPP'));
  });
  it('cuts nothing that an access has pinned', () => {
    const world = type1().after(createAccess(), mapDma({ iova: 0x10000n, length: 0x4000n }));
    world.after(accessPages({ iova: 0x13000n }));
    expect(world.when(unmap(0x11000n, 0x1000n))).toEqual(refusal('area-split/pinned', 'EINVAL'));
  });
  it('cuts areas in a domain, whose pages stay pinned once', () => {
    const world = type1().after(mockDomain(), mapDma({ iova: APERTURE, length: 0x4000n }));
    play(world, [[unmap(APERTURE + 0x1000n, 0x1000n), 0x1000]]);
    const refs = (page: number, count: number) =>
      mdCheckRefs({ uptr: BigInt(RW + page * 4096), refs: count });
    play(world, [
      [refs(0, 1), OK],
      [refs(1, 0), OK],
      [refs(2, 1), OK],
      [refs(3, 1), OK],
    ]);
  });
  it('wraps its cuts at 2^64', () => {
    const world = type1().after(map(0x10000n, 0x4000n));
    const refused = refusal('ioas-unmap/end-overflow', 'EOVERFLOW', { length: 0n, left: ['AreaSplit'] });
    expect(world.when(unmap(0x20000n, (0x11000n - 0x20000n) & U64_MAX))).toEqual(refused);
  });
  it('fails with its effect when the struct cannot be written', () => {
    const world = compat().after(map(0x1000n, 0x1000n));
    expect(world.when(unmap(0x1000n, 0x1000n), { arg: RO })).toEqual(
      refusal('respond/fault', 'EFAULT', { left: ['AreaUnmapped'] }),
    );
    expect(world.when(unmap(0x1000n, 0x1000n), { arg: STRUCT })).toEqual({ length: 0n });
  });
});

describe('VfioIommuGetInfo', () => {
  const head = (total: number, sizes: string, offset: number) =>
    `0: ${hex32(total)}03000000${sizes}${hex32(offset)}00000000`;
  const hex32 = (value: number) =>
    value
      .toString(16)
      .padStart(8, '0')
      .replace(/(..)(..)(..)(..)/, '$4$3$2$1');
  const full = (world: Given, argsz: number) => world.when(getInfo({ argsz }))['bytes'];

  it('writes as far as argsz reaches (core 87)', () => {
    expect(full(compat(), 16)).toEqual([`0: 480000000300000000f0ffffffffffff`]);
    expect(full(compat(), 24)).toEqual([head(72, '00f0ffffffffffff', 0)]);
    expect(full(compat(), 72)).toEqual([
      '24: 0300010028000000ffffffff',
      '56: 0000000000000000ffffffffffffffff',
      '40: 01000100000000000100000000000000',
      head(72, '00f0ffffffffffff', 24),
    ]);
  });
  it('writes what fits of the capabilities (core 88)', () => {
    expect(full(compat(), 40)).toEqual(['24: 0300010028000000ffffffff', head(72, '00f0ffffffffffff', 0)]);
    expect(full(compat(), 36)).toEqual(['24: 0300010000000000ffffffff', head(72, '00f0ffffffffffff', 0)]);
    expect(full(compat(), 35)).toEqual([head(72, '00f0ffffffffffff', 0)]);
    const world = compat().after(addReserved({ start: 0x1000n }));
    expect(full(world, 72)).toEqual([
      '24: 0300010028000000ffffffff',
      '56: 0000000000000000ff0f000000000000',
      head(88, '00f0ffffffffffff', 0),
    ]);
    expect(full(world, 88)).toHaveLength(5);
    expect(full(world, 87)).toHaveLength(3);
  });
  it('tells the page sizes that all domains have, never below a page', () => {
    const world = compat().after(mockDomain());
    expect(String(full(world, 24))).toContain('00f0ffff1f000000');
    expect(String(full(compat().after(setIommu(TYPE1)), 24))).toContain('00f0ffffffffffff');
  });
  it('of a coarse domain leaves what the domain has', () => {
    const world = given({ platform: amdMachine() }).after(ioasAlloc(), vfioIoas());
    const fd = world.open(devicePath('A'));
    world.after([bind(), { fd }], [attach({ ptId: 1 }), { fd }]);
    expect(String(full(world, 24))).toContain('00f0ffffffffffff');
  });
  it('faults where any of its parts cannot be written', () => {
    expect(compat().when(getInfo({ argsz: 72 }), { arg: STRUCT + 0x40_0000 - 71 })).toEqual(
      refusal('respond/fault', 'EFAULT'),
    );
    expect(compat().when(getInfo({ argsz: 24 }), { arg: STRUCT + 0x40_0000 - 24 })).toMatchObject({});
    expect(compat().when(getInfo(), { arg: HOLE })).toEqual(refusal('respond/fault', 'EFAULT'));
  });
});

describe('the compat IOAS', () => {
  it('is gone with its object', () => {
    const world = compat().after(destroy(1));
    expect(world.when(mapDma())).toEqual(refusal('compat/ioas', 'ENODEV'));
  });
});
