/** Nested HWPTs behind VT-d: what the driver takes, what it refuses when the table is attached, and what an invalidation may say. */
import { describe, expect, it } from 'vitest';
import { vtdDriver } from '../machines/drivers/pci-iommu.ts';
import { entryAt } from '../machines/hardware.ts';
import { translate } from '../machines/translate.ts';
import { checkInvariants } from '../reducers/invariants.ts';
import { fieldOf } from '../reducers/views/field-table.ts';
import { viewHardware } from '../reducers/views/vendor-view.ts';
import { describeEvent } from '../traces/explain-event.ts';
import { attach, hwptAlloc, hwptInvalidate, ioasMap } from './support/commands.ts';
import { bound, C } from './support/fixtures.ts';
import { type Given, refusal } from './support/given.ts';
import { HOLE, longs, RW, words } from './support/memory.ts';
import { machineOf, pciDevice, VTD_CAP, VTD_ECAP } from './support/platforms.ts';
import { refusals } from './support/refusals.ts';

const SRE = 1n;
const EAFE = 2n;
const WPE = 4n;

/** Struct iommu_hwpt_vtd_s1: flags, table, width. */
const table = (flags = 0n, width = 48) => ({
  second: Buffer.concat([longs(flags, 0x5000n), words(width, 0)]),
});
/** Struct iommu_hwpt_vtd_s1_invalidate: address, pages, flags. */
const range = (address = 0n, pages = 1n, flags = 0, reserved = 0) =>
  Buffer.concat([longs(address, pages), words(flags, reserved)]);

const machine = (cap = VTD_CAP, ecap = VTD_ECAP) => {
  const driver = vtdDriver(cap, ecap, 48);
  return machineOf(driver, [pciDevice(driver, 'A')]);
};
const alloc = (change: Parameters<typeof hwptAlloc>[0] = {}) =>
  hwptAlloc({ devId: 1, ptId: 3, dataType: 1, dataLen: 24, dataUptr: BigInt(RW), ...change });
/** Device 1 with the nest parent 3 on IOAS 2. */
const parent = (platform = machine()): Given =>
  bound(platform).after(hwptAlloc({ devId: 1, ptId: 2, flags: 1 }));
/** And the nested HWPT 4. */
const guest = (flags = 0n, width = 48, platform = machine()): Given =>
  parent(platform).after([alloc(), table(flags, width)]);

refusals('HwptAlloc of a nested HWPT behind VT-d', { given: parent, valid: alloc(), by: table() }, [
  [{ dataType: 2 }, 'EOPNOTSUPP', 'vtd/nested-type'],
  [{ dataLen: 16 }, 'EINVAL', 'vtd/nested-length'],
  [{ by: { second: new Uint8Array(0) }, set: { dataUptr: BigInt(HOLE) } }, 'EFAULT', 'vtd/nested-data'],
]);

const invalidate = hwptInvalidate({
  hwptId: 4,
  dataType: 0,
  entryLen: 24,
  entryNum: 1,
  dataUptr: BigInt(RW),
});

refusals('HwptInvalidate behind VT-d', { given: () => guest(), valid: invalidate, by: { second: range() } }, [
  [{ dataType: 1 }, 'EINVAL', 'vtd/invalidate-type'],
  [{ entryLen: 16 }, 'EINVAL', 'vtd/invalidate-length'],
  [{ by: { second: new Uint8Array(0) }, set: { dataUptr: BigInt(HOLE) } }, 'EFAULT', 'vtd/invalidate-data'],
  [{ by: { second: range(0x800n, 1n, 2) } }, 'EOPNOTSUPP', 'vtd/invalidate-flags'],
  [{ by: { second: range(0x1000n, 1n, 1, 1) } }, 'EOPNOTSUPP', 'vtd/invalidate-flags'],
  [{ by: { second: range(0x800n) } }, 'EINVAL', 'vtd/invalidate-range'],
  [{ by: { second: range(0x1000n, 2n ** 64n - 1n) } }, 'EINVAL', 'vtd/invalidate-range'],
]);

describe('a guest’s table', () => {
  it.each([
    ['48 bits', 0n, 48, undefined],
    ['57 bits without 5 levels', 0n, 57, 'vtd/nested-width'],
    ['39 bits', 0n, 39, 'vtd/nested-width'],
    ['supervisor requests', SRE, 48, 'vtd/nested-flags'],
    ['the extended accessed flag', EAFE, 48, 'vtd/nested-flags'],
    ['write protection', WPE, 48, undefined],
  ] as const)('with %s is judged when it is attached', (_what, flags, width, rule) => {
    const world = guest(flags, width);
    expect(world.when(attach({ ptId: 4 }), C)).toEqual(
      rule === undefined ? { ptId: 4 } : refusal(rule, 'EINVAL'),
    );
    expect(entryAt(world.world.hardware, 'A', 0)?.kind).toBe(rule === undefined ? 'nested' : 'blocked');
  });

  it('may ask for what the registers have', () => {
    const able = machine(VTD_CAP | (1n << 60n), VTD_ECAP | (1n << 31n) | (1n << 34n));
    const world = guest(SRE | EAFE | WPE, 57, able).after([attach({ ptId: 4 }), C]);
    const entry = viewHardware('intel', world.world)[0]?.entries.find(
      ({ entry: name }) => name === 'PASID table entry',
    );
    if (entry === undefined) throw new Error('no PASID table entry');
    expect(['PGTT', 'SRE', 'EAFE', 'WPE', 'FSPM'].map((name) => fieldOf(entry, name))).toEqual([
      3, 1, 1, 1, 1,
    ]);
  });

  it('that is refused in a replace leaves the RID blocked, and a PASID as it was', () => {
    const world = guest(SRE).after(
      hwptAlloc({ devId: 1, ptId: 2, flags: 8 }),
      [alloc({ flags: 8 }), table(SRE)],
      [attach({ ptId: 5 }), C],
      [attach({ argsz: 16, flags: 1, pasid: 7, ptId: 5 }), C],
    );
    expect(world.when(attach({ argsz: 16, flags: 1, pasid: 7, ptId: 6 }), C)).toMatchObject({
      errno: 'EINVAL',
    });
    expect(entryAt(world.world.hardware, 'A', 7)).toMatchObject({ hwptId: 5 });
    expect(world.when(attach({ ptId: 6 }), C)).toMatchObject({
      rule: 'vtd/nested-flags',
      left: expect.arrayContaining(['RidLeftBlocked']),
    });
    expect(entryAt(world.world.hardware, 'A', 0)?.kind).toBe('blocked');
    expect(checkInvariants(world.world)).toEqual([]);
  });

  it('sits on a PASID too, and hides what it translates', () => {
    const world = parent().after(
      [alloc({ flags: 8 }), table()],
      [attach({ argsz: 16, flags: 1, pasid: 7, ptId: 4 }), C],
      ioasMap({ ioasId: 2, flags: 7, iova: 0x1000n }),
    );
    expect(translate(world.world, 'A', 7, 0x1000n).answer).toMatchObject({ kind: 'unknown' });
  });
});

describe('an invalidation by the guest', () => {
  it('goes to the caches of the entry, as far as it came', () => {
    const world = guest().after([attach({ ptId: 4 }), C]);
    const two = { ...invalidate, entryNum: 2 };
    const second = Buffer.concat([range(0x1000n, 1n, 1), range(0x1001n)]);
    expect(world.when(two, { second })).toMatchObject({
      rule: 'vtd/invalidate-range',
      entryNum: 1,
      left: ['IotlbInvalidated'],
    });
    expect(world.world.hardware.recent.at(-1)).toMatchObject({ kind: 'user', rid: 'A' });
    expect(world.log.map(describeEvent)).toContain('translations of HWPT 4 were invalidated');
    expect(world.when({ ...invalidate, entryNum: 0 }, {})).toEqual({ entryNum: 0 });
  });
});
