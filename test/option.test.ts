import { describe, expect, it } from 'vitest';
import {
  attach,
  bind,
  changeProcess,
  destroy,
  F,
  faultQueueAlloc,
  ioasAlloc,
  ioasMap,
  ioasMapFile,
  ioasUnmap,
  iovaRanges,
  noiommuGetPa,
  option,
  R,
  vfioIoas,
} from './support/commands.ts';
import { CAPABILITIES_ALL, type Given, given, refusal } from './support/given.ts';
import { RO, STRUCT } from './support/memory.ts';
import { APERTURE, createAccess, dmabufGet, dmabufRevoke, mockDomain } from './support/mock-commands.ts';
import { devicePath, vtdMachine } from './support/platforms.ts';
import { OK, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const V = 0x7f00_0000_0000n;
const SYS_RESOURCE = 1n << 24n;
const SYS_RAWIO = 1n << 17n;
const IPC_LOCK = 1n << 14n;

const oneIoas = (): Given => given().after(ioasAlloc());
const without = (capability: bigint) => (world: Given) =>
  world.told({
    type: 'CredentialsSeen',
    pid: 1,
    uid: 0,
    memlock: 8n << 20n,
    capabilities: CAPABILITIES_ALL & ~capability,
  });

/** RLIMIT_MODE; op 0 is SET, 1 is GET. */
const rlimit = (val64: bigint, change: Partial<ReturnType<typeof option>> = {}) =>
  option({ optionId: 0, objectId: 0, val64, ...change });
const huge = (val64: bigint, change: Partial<ReturnType<typeof option>> = {}) => option({ val64, ...change });
const GET = 1;

refusals('Option RLIMIT_MODE, SET', { given, valid: rlimit(1n) }, [
  [{ reserved: 1 }, 'EOPNOTSUPP', 'option/reserved'],
  [{ optionId: 2 }, 'EOPNOTSUPP', 'option/id'],
  [{ objectId: 1 }, 'EOPNOTSUPP', 'option/rlimit-object'],
  [{ op: 2 }, 'EOPNOTSUPP', 'option/op'],
  [{ in: without(SYS_RESOURCE) }, 'EPERM', 'option/rlimit-capability'],
  [{ in: (world) => world.after(ioasAlloc()) }, 'EBUSY', 'option/rlimit-objects'],
  [{ val64: 2n }, 'EINVAL', 'option/value'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('Option HUGE_PAGES, SET', { given: oneIoas, valid: huge(0n) }, [
  [{ reserved: 1 }, 'EOPNOTSUPP', 'option/reserved'],
  [{ objectId: 9 }, 'ENOENT', 'ioas/exists'],
  [{ op: 2 }, 'EOPNOTSUPP', 'option/op'],
  [{ val64: 2n }, 'EINVAL', 'option/value'],
  [
    { in: (world) => world.after(mockDomain(), ioasMap()), apart: true },
    'EINVAL',
    'option/huge-pages-in-use',
  ],
  [{ in: (world) => world.after(ioasMap({ length: 1n })) }, 'EADDRINUSE', 'ioas/alignment'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals('VfioIoas, SET', { given: oneIoas, valid: vfioIoas() }, [
  [{ reserved: 1 }, 'EOPNOTSUPP', 'vfio-ioas/reserved'],
  [{ op: 3 }, 'EOPNOTSUPP', 'vfio-ioas/op'],
  [{ ioasId: 9 }, 'ENOENT', 'ioas/exists'],
]);

refusals('VfioIoas, GET', { given: () => oneIoas().after(vfioIoas()), valid: vfioIoas({ op: 0 }) }, [
  [{ reserved: 1 }, 'EOPNOTSUPP', 'vfio-ioas/reserved'],
  [{ in: (world) => world.after(vfioIoas({ op: 2 })) }, 'ENODEV', 'compat/ioas'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

/** A process that may lock four pages, and files of which five are pinned by its parent. */
function takeover(): Given {
  const world = given({ capabilities: CAPABILITIES_ALL & ~IPC_LOCK }).after(ioasAlloc(), mockDomain());
  world.after(ioasMapFile({ length: 0x5000n }));
  world.fork(2).told({ type: 'CredentialsSeen', pid: 2, uid: 7, memlock: 0x5000n, capabilities: 0n });
  return world;
}

refusals('IoasChangeProcess', { given: takeover, valid: changeProcess(), by: { pid: 2 } }, [
  [{ reserved: 1 }, 'EOPNOTSUPP', 'ioas-change-process/reserved'],
  [{ in: (world) => world.after(ioasMap()) }, 'EINVAL', 'ioas-change-process/kind'],
  [
    {
      in: (world) =>
        world.told({ type: 'CredentialsSeen', pid: 2, uid: 7, memlock: 0x4fffn, capabilities: 0n }),
    },
    'ENOMEM',
    'ioas-change-process/memlock',
  ],
]);

const noIommu = (): Given => {
  const world = given({ platform: vtdMachine({ traits: { noIommu: true, reserved: [] } }) }).after(
    ioasAlloc(),
  );
  return world;
};

describe('IoasNoiommuGetPa', () => {
  const mapped = () => oneIoas().after(ioasMap({ iova: 0x1000n, flags: F | R }));
  const rows = [
    [{ in: without(SYS_RAWIO) }, 'EPERM', 'noiommu-get-pa/capability'],
    [{ flags: 1 }, 'EOPNOTSUPP', 'noiommu-get-pa/flags'],
    [{ reserved: 1 }, 'EOPNOTSUPP', 'noiommu-get-pa/flags'],
    [{ length: 0n }, 'EINVAL', 'noiommu-get-pa/length'],
    [{ iova: 0xffff_ffff_ffff_ffffn }, 'EOVERFLOW', 'noiommu-get-pa/overflow'],
    [{ ioasId: 9 }, 'ENOENT', 'ioas/exists'],
    [{ iova: 0x2000n }, 'ENOENT', 'noiommu-get-pa/mapped'],
  ] as const;

  it.each(rows)('refuses %o with %s: %s', (change, errno, rule) => {
    const world = mapped();
    const { in: before, ...set } = 'in' in change ? change : { in: undefined, ...change };
    before?.(world);
    expect(world.when(noiommuGetPa(set))).toEqual(refusal(rule, errno));
  });

  it('refuses in this order', () => {
    for (const [index, [upper, , rule]] of rows.entries()) {
      for (const [lower] of rows.slice(index + 1)) {
        const world = mapped();
        if ('in' in upper) upper.in(world);
        const { in: _in, ...fields } = { in: undefined, ...lower, ...upper };
        expect(world.when(noiommuGetPa(fields))).toMatchObject({ rule });
      }
    }
  });

  it('answers for no-IOMMU domains only, with an address that nobody knows', () => {
    expect(mapped().when(noiommuGetPa())).toEqual(refusal('noiommu-get-pa/domain', 'EOPNOTSUPP'));
    const domain = oneIoas().after(mockDomain(), ioasMap({ iova: APERTURE, flags: F | R }));
    expect(domain.when(noiommuGetPa({ iova: APERTURE }))).toEqual(
      refusal('noiommu-get-pa/domain', 'EOPNOTSUPP'),
    );
  });

  it('refuses a dma-buf that is revoked', () => {
    const world = oneIoas().after(
      dmabufGet(),
      ioasMapFile({ fd: 4, iova: 0x1000n, flags: F | R }),
      dmabufRevoke(),
    );
    expect(world.when(noiommuGetPa())).toEqual(refusal('noiommu-get-pa/revoked', 'EINVAL'));
    world.after(dmabufRevoke({ revoked: 0 }));
    expect(world.when(noiommuGetPa())).toEqual(refusal('noiommu-get-pa/domain', 'EOPNOTSUPP'));
  });

  vector('core 90', 'tests the capability first', given, [
    [noiommuGetPa({ ioasId: 9 }), 'ENOENT'],
    (world) => without(SYS_RAWIO)(world),
    [noiommuGetPa({ flags: 1 }), 'EPERM'],
  ]);
});

describe('Option RLIMIT_MODE', () => {
  vector('core 72', 'is 0 on an iommufd and changes while it is empty', given, [
    [rlimit(0n, { op: GET }), 0],
    [rlimit(1n), 1],
    [rlimit(0n, { op: GET }), 1],
    [rlimit(2n), 'EINVAL'],
    [rlimit(0n), 0],
    [rlimit(0n, { op: GET }), 0],
  ]);
  vector('core 72', 'is 1 on a VFIO container', () => given({ path: '/dev/vfio/vfio' }), [
    [rlimit(0n, { op: GET }), 1],
  ]);
  vector('core 73', 'tests the capability, the objects, the value', oneIoas, [
    [rlimit(7n), 'EBUSY'],
    (world) => without(SYS_RESOURCE)(world),
    [rlimit(7n), 'EPERM'],
    [rlimit(0n, { op: GET }), 0],
  ]);
  vector('core 15', 'stays as it is while any object lives', oneIoas, [
    [rlimit(1n), 'EBUSY'],
    [destroy(1), OK],
    [rlimit(1n), 1],
    [faultQueueAlloc(), OK],
    [rlimit(1n), 'EBUSY'],
  ]);
  it('has taken effect when the write-back fails', () => {
    const world = given();
    expect(world.when(rlimit(1n), { arg: RO })).toEqual(
      refusal('respond/fault', 'EFAULT', { left: ['AccountModeSet'] }),
    );
    expect(world.when(rlimit(0n, { op: GET }))).toEqual({ val64: 1n });
  });
  it('writes back nothing but the value: the rest of the struct may be read-only', () => {
    const edge = STRUCT - 16;
    expect(given().when(rlimit(1n, { op: GET }), { arg: edge })).toEqual({ val64: 0n });
    expect(given().when(rlimit(1n, { op: GET }), { arg: edge - 1 })).toEqual(
      refusal('respond/fault', 'EFAULT'),
    );
  });
});

describe('Option HUGE_PAGES', () => {
  vector('core 74', 'off means whole pages everywhere', oneIoas, [
    [huge(0n, { op: GET }), 1],
    [huge(0n), 0],
    [huge(0n, { op: GET }), 0],
    (world) => expect(world.when(iovaRanges())).toMatchObject({ outIovaAlignment: 0x1000n }),
    [ioasMap({ userVa: V, length: 0x800n, flags: R }), 'EINVAL'],
    [ioasMap({ userVa: V + 0x800n, iova: 0x10000n, flags: F | R }), 'EINVAL'],
    [ioasMap({ userVa: V + 0x800n, flags: R }), 'EINVAL'],
    [ioasMap({ userVa: V, iova: 0x10800n, flags: F | R }), 'EINVAL'],
    [huge(1n), 1],
    (world) => expect(world.when(iovaRanges())).toMatchObject({ outIovaAlignment: 1n }),
  ]);
  vector('core 75', 'cannot go off over an area that is no whole pages', oneIoas, [
    [ioasMap({ userVa: V, length: 0x10n, flags: R }), OK],
    [huge(0n), 'EADDRINUSE'],
    [huge(0n, { op: GET }), 1],
    [ioasUnmap(), OK],
    [huge(0n), OK],
    [huge(0n), OK],
    [huge(2n), 'EINVAL'],
    [huge(0n, { op: 5 }), 'EOPNOTSUPP'],
    [huge(0n, { op: 5, objectId: 9 }), 'ENOENT'],
  ]);
  vector('core 76', 'cannot go off while a domain maps something', () => oneIoas().after(mockDomain()), [
    [huge(0n), OK],
    (world) => expect(world.when(iovaRanges())).toMatchObject({ outIovaAlignment: 0x1000n }),
    [huge(1n), OK],
    (world) => expect(world.when(iovaRanges())).toMatchObject({ outIovaAlignment: 0x800n }),
    [ioasMap({ flags: R }), 0x100_0000],
    [huge(0n), 'EINVAL'],
    [huge(1n), OK],
  ]);
  vector('core 77', 'has taken effect when the write-back fails', oneIoas, [
    [huge(0n), 'EFAULT', { arg: RO }],
    [huge(0n, { op: GET }), 0],
  ]);
  it('is off already: nothing is asked again', () => {
    const world = oneIoas().after(huge(0n), mockDomain(), ioasMap());
    expect(world.when(huge(0n))).toEqual({ val64: 0n });
    expect(world.outcome(huge(0n)).events).toEqual([]);
  });
});

describe('VfioIoas', () => {
  vector('core 78', 'is set, got, cleared, and forgotten with its IOAS', given, [
    [vfioIoas({ op: 0 }), 'ENODEV'],
    [ioasAlloc(), 1],
    [vfioIoas(), OK],
    [vfioIoas({ op: 0 }), 1],
    [vfioIoas({ ioasId: 9 }), 'ENOENT'],
    [vfioIoas({ op: 0 }), 1],
    [vfioIoas({ op: 3 }), 'EOPNOTSUPP'],
    [vfioIoas({ op: 2 }), OK],
    [vfioIoas({ op: 0 }), 'ENODEV'],
    [vfioIoas(), OK],
    [ioasAlloc(), 2],
    [destroy(2), OK],
    [vfioIoas({ op: 0 }), 1],
    [destroy(1), OK],
    [vfioIoas({ op: 0 }), 'ENODEV'],
  ]);
});

describe('IoasChangeProcess', () => {
  vector('core 89', 'wants files behind every area', given, [
    [changeProcess(), OK],
    [changeProcess({ reserved: 1 }), 'EOPNOTSUPP'],
    [ioasAlloc(), 1],
    [ioasMap(), OK],
    [changeProcess(), 'EINVAL'],
    [ioasUnmap(), OK],
    [ioasMapFile(), OK],
    [changeProcess(), OK],
  ]);
  it('moves the charges to the caller', () => {
    const world = takeover();
    expect([world.charged('uid:0'), world.charged('uid:7')]).toEqual([5, 0]);
    world.after([changeProcess(), { pid: 2 }]);
    expect([world.charged('uid:0'), world.charged('uid:7')]).toEqual([0, 5]);
    world.told({ type: 'CredentialsSeen', pid: 2, uid: 7, memlock: 0n, capabilities: 0n });
    expect(world.when(changeProcess(), { pid: 2 })).toEqual({});
  });
  it('counts pins that are not of an area no more than once', () => {
    const world = takeover().after(createAccess(), ioasUnmap());
    expect(world.when(changeProcess(), { pid: 2 })).toEqual({});
  });
  it('charges nobody for what was mapped with CAP_IPC_LOCK', () => {
    const world = given().after(ioasAlloc(), mockDomain(), ioasMapFile({ length: 0x5000n }));
    world.fork(2).told({ type: 'CredentialsSeen', pid: 2, uid: 7, memlock: 0n, capabilities: 0n });
    expect(world.when(changeProcess(), { pid: 2 })).toEqual({});
  });
  it('charges a process that became another user', () => {
    const world = given({ capabilities: CAPABILITIES_ALL & ~IPC_LOCK }).after(
      ioasAlloc(),
      mockDomain(),
      ioasMapFile(),
    );
    world.told({ type: 'CredentialsSeen', pid: 1, uid: 7, memlock: 0n, capabilities: 0n });
    expect(world.when(changeProcess())).toEqual(refusal('ioas-change-process/memlock', 'ENOMEM'));
  });
  it('charges nobody anew for an address space that stays', () => {
    const world = given({ capabilities: SYS_RESOURCE }).after(
      rlimit(1n),
      ioasAlloc(),
      mockDomain(),
      ioasMapFile(),
    );
    world.told({ type: 'CredentialsSeen', pid: 1, uid: 7, memlock: 0n, capabilities: 0n });
    expect(world.when(changeProcess())).toEqual({});
  });
  it('needs no memory mappings to write an option back', () => {
    expect(given({ blind: true }).when(rlimit(0n, { op: GET }))).toEqual({ val64: 0n });
  });
  it('charges per address space where the context says so', () => {
    const world = given({ capabilities: SYS_RESOURCE }).after(
      rlimit(1n),
      ioasAlloc(),
      mockDomain(),
      ioasMapFile(),
    );
    expect(world.charged('mm:1')).toBe(1);
    world.fork(2).told({ type: 'CredentialsSeen', pid: 2, uid: 0, memlock: 0x1000n, capabilities: 0n });
    world.after([changeProcess(), { pid: 2 }]);
    expect([world.charged('mm:1'), world.charged('mm:2')]).toEqual([0, 1]);
  });
});

describe('no-IOMMU', () => {
  it('binds and is of no use to IoasNoiommuGetPa until it is attached', () => {
    const world = noIommu();
    const device = world.open(devicePath('A'));
    expect(world.when(bind(), { fd: device })).toEqual({ outDevid: 2 });
    world.after(ioasMap({ iova: 0x1000n, flags: F | R }));
    expect(world.when(noiommuGetPa())).toEqual(refusal('noiommu-get-pa/domain', 'EOPNOTSUPP'));
    world.after([attach({ ptId: 1 }), { fd: device }]);
    expect(world.when(noiommuGetPa())).toEqual({ missing: 'the physical address of a pinned page' });
  });
});
