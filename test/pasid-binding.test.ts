import { describe, expect, it } from 'vitest';
import {
  attach,
  destroy,
  detach,
  F,
  hwptAlloc,
  ioasAlloc,
  ioasMap,
  R,
  setDirty,
} from './support/commands.ts';
import { bound, C, M, MP, MV, nested, pair } from './support/fixtures.ts';
import { type Given, refusal } from './support/given.ts';
import { RO } from './support/memory.ts';
import {
  mockDomainFlags,
  mockReplace,
  pasidAttach,
  pasidCheck,
  pasidDetach,
  pasidReplace,
} from './support/mock-commands.ts';
import { amdMachine, MSI_WINDOW, oneGroupMachine, smmuMachine, vtdMachine } from './support/platforms.ts';
import { OK, play, type Step, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

const B = { fd: 5 };
const PASID = 1;
const alloc = (flags = 8, ptId = 2) => hwptAlloc({ devId: 1, ptId, flags });
/** Device 1, IOAS 2, HWPTs 3 and 4 for PASIDs, 5 not. */
const ready = (machine = vtdMachine()): Given => bound(machine).after(alloc(), alloc(), alloc(0));
const on = (ptId: number, pasid: number, change = {}) => attach({ flags: PASID, ptId, pasid, ...change });
const off = (pasid: number, change = {}) => detach({ flags: PASID, pasid, ...change });
const A = (ptId: number, expected: string | number, by = C): Step => [attach({ ptId }), expected, by];
const AP = (ptId: number, pasid: number, expected: string | number, by = C): Step => [
  on(ptId, pasid),
  expected,
  by,
];
const D: Step = [detach(), OK, C];
const DP = (pasid: number): Step => [off(pasid), OK, C];

refusals('DeviceAttachIommufdPt with a PASID', { given: ready, valid: on(3, 5), by: C }, [
  [{ argsz: 11 }, 'EINVAL', 'vfio-attach/argsz'],
  [{ argsz: 12 }, 'EINVAL', 'vfio-attach/pasid-argsz'],
  [{ pasid: 0x8000_0000 }, 'ENOSPC', 'vfio-attach/pasid-limit'],
  [{ ptId: 77 }, 'ENOENT', 'attach/pt-exists'],
  [{ ptId: 1 }, 'EINVAL', 'attach/pt-kind'],
  [{ ptId: 5 }, 'EINVAL', 'attach/pasid-compat'],
  [{ in: (world) => world.after([attach({ ptId: 5 }), C]) }, 'EINVAL', 'attach/rid-pasid-compat'],
  [{ pasid: 1 << 20 }, 'EINVAL', 'core/pasid-range'],
]);

refusals(
  'DeviceDetachIommufdPt with a PASID',
  { given: () => ready().after([on(3, 5), C]), valid: off(5), by: C },
  [
    [{ argsz: 7 }, 'EINVAL', 'vfio-detach/argsz'],
    [{ flags: 3 }, 'EINVAL', 'vfio-detach/flags'],
    [{ argsz: 11 }, 'EINVAL', 'vfio-detach/pasid-argsz'],
  ],
);

/** HWPT 5 for PASIDs holds the RID of the mock. */
const mock = (): Given => MP().after(hwptAlloc({ flags: 8 }), mockReplace({ ptId: 5 }));

refusals('TestPasidAttach', { given: mock, valid: pasidAttach() }, [
  [{ id: 3 }, 'ENOENT', 'selftest/exists'],
  [{ ptId: 77 }, 'ENOENT', 'attach/pt-exists'],
  [{ ptId: 3 }, 'EINVAL', 'attach/pt-kind'],
  [{ in: (world) => world.after(pasidAttach()), apart: true }, 'EBUSY', 'attach/attached'],
  [{ in: (world) => world.after(hwptAlloc()), set: { ptId: 4 } }, 'EINVAL', 'attach/pasid-compat'],
  [{ pasid: 1 << 20 }, 'EINVAL', 'core/pasid-range'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

refusals(
  'TestPasidReplace',
  { given: () => mock().after(hwptAlloc({ flags: 8 }), pasidAttach()), valid: pasidReplace({ ptId: 4 }) },
  [
    [{ id: 3 }, 'ENOENT', 'selftest/exists'],
    [{ ptId: 77 }, 'ENOENT', 'attach/pt-exists'],
    [{ ptId: 3 }, 'EINVAL', 'attach/pt-kind'],
    [{ pasid: 200 }, 'EINVAL', 'replace/attached'],
    [{ in: (world) => world.after(hwptAlloc()), set: { ptId: 6 } }, 'EINVAL', 'attach/pasid-compat'],
    [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
  ],
);

refusals('TestPasidCheckHwpt', { given: () => mock().after(pasidAttach()), valid: pasidCheck() }, [
  [{ id: 3 }, 'ENOENT', 'selftest/exists'],
  [{ hwptId: 77 }, 'ENOENT', 'pasid-check/exists'],
  [{ hwptId: 0 }, 'EINVAL', 'pasid-check/attached'],
  [{ hwptId: 1 }, 'EINVAL', 'pasid-check/other'],
  [{ set: { pasid: 101 }, apart: true }, 'EINVAL', 'pasid-check/other'],
]);

describe('a PASID', () => {
  vector('device 45', 'is attached while the RID is not', ready, [AP(3, 5, 3)]);
  vector('device 46', 'attached again is replaced', ready, [AP(3, 5, 3), AP(4, 5, 4), [destroy(3), OK]]);
  vector('device 47', 'keeps HWPTs that are not for PASIDs off the RID', ready, [
    AP(3, 5, 3),
    AP(4, 5, 4),
    A(2, 'EINVAL'),
    A(5, 'EINVAL'),
    A(4, 4),
  ]);
  vector('device 48', 'stays off beside such a HWPT', ready, [A(5, 5), AP(3, 5, 'EINVAL')]);
  vector('device 49', 'stays off beside an automatic HWPT', ready, [A(2, 6), AP(3, 5, 'EINVAL')]);
  vector('device 50', 'is not attached to an IOAS, and no id is lost', ready, [
    AP(2, 5, 'EINVAL'),
    AP(5, 5, 'EINVAL'),
    [ioasAlloc(), 6],
  ]);
  vector('device 51', 'is below what the device has', ready, [
    AP(3, 1 << 20, 'EINVAL'),
    AP(3, (1 << 20) - 1, 3),
  ]);
  vector('device 52', 'of 2^31 is refused before the HWPT is looked up', ready, [
    AP(999, 0x8000_0000, 'ENOSPC'),
  ]);
  it('that reads as -EINVAL is taken for attached (device 53)', () => {
    expect(ready().when(on(999, 0xffff_ffea), C)).toEqual(refusal('attach/pt-exists', 'ENOENT'));
    expect(ready().when(on(3, 0xffff_ffea), C)).toEqual(refusal('replace/attached', 'EINVAL'));
  });
  vector('device 54', '0 is the RID under another name', ready, [
    AP(5, 0, 5),
    D,
    A(5, 'EBUSY'),
    DP(0),
    A(5, 5),
  ]);
  vector('device 55', '0 is taken when the RID is attached', ready, [A(3, 3), AP(3, 0, 'EBUSY')]);
  vector('device 56', 'that is not attached can be detached, with a struct that is long enough', ready, [
    DP(9),
    [off(9, { argsz: 8 }), 'EINVAL', C],
    [off(9, { argsz: 12 }), OK, C],
  ]);
  vector('device 57', 'outlives the RID', ready, [
    A(3, 3),
    AP(3, 5, 3),
    [destroy(3), 'EBUSY'],
    D,
    A(5, 'EINVAL'),
  ]);
  vector('device 58', 'makes a replace of the RID fail and the MSI window vanish', ready, [
    A(3, 3),
    AP(3, 5, 3),
    A(5, 'EINVAL'),
    [ioasMap({ ioasId: 2, iova: MSI_WINDOW.start, flags: F | R }), OK],
  ]);
  it('whose write-back fails stays attached, and the RID is detached (device 59)', () => {
    const world = ready().after([attach({ ptId: 3 }), C]);
    const left = [
      'DeviceAttached',
      'VfioAttachmentNoted',
      'DeviceDetached',
      'ReservationsDropped',
      'VfioAttachmentNoted',
    ];
    expect(world.when(on(3, 7), { ...C, arg: RO })).toEqual(refusal('respond/fault', 'EFAULT', { left }));
    play(world, [[destroy(3), 'EBUSY'], DP(7), [destroy(3), OK]]);
  });
  it('whose write-back fails without a RID stays attached', () => {
    const world = ready();
    const left = ['DeviceAttached', 'VfioAttachmentNoted'];
    expect(world.when(on(3, 7), { ...C, arg: RO })).toEqual(refusal('respond/fault', 'EFAULT', { left }));
  });
  it('needs 16 bytes and a driver that can (device 60)', () => {
    expect(ready().when(on(3, 5, { argsz: 12 }), C)).toEqual(refusal('vfio-attach/pasid-argsz', 'EINVAL'));
    const without = ready(vtdMachine({ pasidOps: false }));
    expect(without.when(on(3, 5, { argsz: 12 }), C)).toEqual(refusal('vfio-attach/pasid-op', 'EOPNOTSUPP'));
    expect(without.when(off(5, { argsz: 8 }), C)).toEqual(refusal('vfio-attach/pasid-op', 'EOPNOTSUPP'));
  });
  it('of a group has one HWPT and moves as a whole (device 61)', () => {
    const world = pair(oneGroupMachine()).after(alloc(8, 3), alloc(8, 3));
    play(world, [AP(4, 5, 4), AP(5, 5, 'EINVAL', B), AP(4, 5, 4, B), AP(5, 5, 5), [destroy(4), OK]]);
    expect(world.when(on(4, 6), B)).toEqual(refusal('attach/pt-exists', 'ENOENT'));
  });
  it('of a device that has none is attached without effect (device 62)', () => {
    const world = ready(vtdMachine({ traits: { maxPasids: 0 } }));
    expect(world.when(on(3, 12345), C)).toEqual({ ptId: 3 });
  });
  it('sits on no domain of AMD, on stage 1 of SMMUv3 only (device 63)', () => {
    const arm = bound(smmuMachine()).after(alloc(), alloc(1));
    expect(arm.when(on(3, 5), C)).toEqual({ ptId: 3 });
    const amd = bound(amdMachine()).after(alloc(0));
    expect(amd.when(on(3, 5), C)).toEqual(refusal('attach/pasid-compat', 'EINVAL'));
  });
  it('sits on no domain whose kind the driver does not know there', () => {
    const machine = vtdMachine();
    const never = { ...machine, driver: { ...machine.driver, canSetPasid: () => false } };
    expect(ready(never).when(on(3, 5), C)).toEqual(refusal('core/pasid-op', 'EOPNOTSUPP'));
    expect(ready(never).when(on(3, 1 << 20), C)).toEqual(refusal('core/pasid-op', 'EOPNOTSUPP'));
  });
  it('ends with the device file (device 64)', () => {
    const world = ready()
      .after([attach({ ptId: 3 }), C], [on(3, 5), C], [on(4, 6), C])
      .close(4);
    play(world, [
      [destroy(3), OK],
      [destroy(4), OK],
    ]);
  });
  it('0 ends with the device file once', () => {
    play(
      ready()
        .after([on(3, 0), C])
        .close(4),
      [[destroy(3), OK]],
    );
    play(
      ready()
        .after([attach({ ptId: 3 }), C])
        .close(4),
      [[destroy(3), OK]],
    );
  });
  it('belongs to the group, and a stranger cannot replace it', () => {
    const world = pair(oneGroupMachine()).after(alloc(8, 3), alloc(8, 3), [on(4, 5), C]);
    world.fileOf(5).pasids = [5];
    expect(world.when(on(5, 5), B)).toEqual(refusal('replace/member', 'EINVAL'));
  });
  it('of the same HWPT is replaced by nothing', () => {
    const world = ready().after([on(3, 5), C]);
    expect(world.outcome(on(3, 5), C).events).toEqual([]);
  });
});

describe('a PASID of the mock', () => {
  vector('device 65', 'wants a RID on a HWPT for PASIDs', MP, [
    [hwptAlloc({ flags: 8 }), 5],
    [pasidAttach(), 'EINVAL'],
  ]);
  vector('device 66', 'is attached once', mock, [
    [pasidAttach(), 5],
    [pasidAttach(), 'EBUSY'],
    [pasidReplace({ pasid: 200 }), 'EINVAL'],
    [pasidAttach({ pasid: 101, ptId: 1 }), 'EINVAL'],
  ]);
  vector('device 67', '1024 fails every second time', mock, [
    [hwptAlloc({ flags: 8 }), 4],
    [pasidAttach({ pasid: 1024 }), 5],
    [pasidReplace({ pasid: 1024, ptId: 4 }), 'ENOMEM'],
    [pasidCheck({ pasid: 1024, hwptId: 5 }), OK],
    [pasidReplace({ pasid: 1024, ptId: 4 }), 4],
  ]);
  it('1024 fails by name, and detaching starts over', () => {
    const world = mock().after(pasidAttach({ pasid: 1024 }), hwptAlloc({ flags: 8 }));
    const left = ['Pasid1024Toggled'];
    expect(world.when(pasidReplace({ pasid: 1024, ptId: 4 }))).toEqual(
      refusal('mock/pasid-1024', 'ENOMEM', { left }),
    );
    const again = mock().after(pasidAttach({ pasid: 1024 }), pasidDetach({ pasid: 1024 }));
    expect(again.when(pasidAttach({ pasid: 1024 }))).toEqual({ ptId: 5 });
  });
  it('1024 that failed can be detached and attached', () => {
    const world = mock().after(pasidAttach({ pasid: 1024 }), hwptAlloc({ flags: 8 }));
    world.when(pasidReplace({ pasid: 1024, ptId: 4 }));
    expect(world.outcome(pasidDetach({ pasid: 1024 })).events.map(({ type }) => type)).toEqual([
      'DeviceDetached',
    ]);
    expect(world.when(pasidAttach({ pasid: 1024 }))).toEqual({ ptId: 5 });
  });
  it('is none on a mock without the flag (device 68)', () => {
    const world = M().after(hwptAlloc({ flags: 8 }), mockReplace({ ptId: 5 }));
    expect(world.when(pasidAttach({ pasid: 5 }))).toEqual(refusal('core/pasid-range', 'EINVAL'));
  });
  it('is detached with its HWPT left, also when there is none', () => {
    const world = mock().after(pasidAttach());
    play(world, [
      [destroy(5), 'EBUSY'],
      [pasidDetach(), OK],
      [pasidDetach(), OK],
      [pasidCheck({ hwptId: 0 }), OK],
    ]);
    expect(world.when(pasidDetach({ id: 1 }))).toEqual(refusal('selftest/exists', 'ENOENT'));
  });
  it('0 is the RID', () => {
    const world = mock();
    play(world, [
      [pasidCheck({ pasid: 0 }), OK],
      [pasidDetach({ pasid: 0 }), OK],
      [pasidCheck({ pasid: 0, hwptId: 0 }), OK],
    ]);
    expect(world.when(pasidAttach({ pasid: 0, ptId: 1 }))).toEqual({ ptId: 4 });
  });
  it('whose write-back fails is taken back by attach and kept by replace', () => {
    const world = mock().after(hwptAlloc({ flags: 8 }));
    expect(world.when(pasidAttach(), { arg: RO })).toEqual(refusal('respond/fault', 'EFAULT'));
    play(world, [
      [pasidCheck({ hwptId: 0 }), OK],
      [pasidAttach(), OK],
    ]);
    const refused = refusal('respond/fault', 'EFAULT', { left: ['HwptReplaced'] });
    expect(world.when(pasidReplace({ ptId: 4 }), { arg: RO })).toEqual(refused);
    play(world, [
      [pasidCheck({ hwptId: 4 }), OK],
      [destroy(5), 'EBUSY'],
    ]);
  });
  it('takes a HWPT that tracks although the device cannot', () => {
    const world = MP().after(
      mockDomainFlags({ devFlags: 5 }),
      hwptAlloc({ flags: 8 }),
      mockReplace({ id: 5, ptId: 7 }),
    );
    world.after(hwptAlloc({ flags: 10 }), setDirty({ hwptId: 8 }));
    expect(world.when(pasidAttach({ id: 5, ptId: 8 }))).toEqual({ ptId: 8 });
    expect(world.when(mockReplace({ id: 5, ptId: 8 }))).toMatchObject(refusal('mock/attach-dirty', 'EINVAL'));
  });
  it('may sit on a nested HWPT', () => {
    const world = MV().after(hwptAlloc({ flags: 8 }));
    const [command, by] = nested(6);
    world.after([{ ...command, flags: 8 }, by]);
    expect(world.when(pasidCheck({ pasid: 0, hwptId: 4 }))).toEqual({});
  });
});
