import { describe, expect, it } from 'vitest';
import { allowIovas, ioasAlloc, ioasCopy, ioasMap, ioasUnmap } from './support/commands.ts';
import { type Given, given, refusal, unknown } from './support/given.ts';
import { addReserved } from './support/mock-commands.ts';

const ALLOWED = unknown('the ranges that ALLOW_IOVAS allowed');
const ADRIFT = unknown('the IOVA that an earlier mapping got');
const AUTO = 6;
const FIXED = { flags: 7, iova: 0x10000n };
const PAGE = { iova: 0x10000n, length: 0x1000n };

const oneIoas = (): Given => given().after(ioasAlloc());

/** An IOAS in which an area is who knows where, and another one. */
function adrift(): Given {
  const world = oneIoas();
  world.when(allowIovas({ numIovas: 1 }));
  expect(world.when(ioasMap({ flags: AUTO }))).toEqual(ALLOWED);
  return world.after(ioasAlloc());
}

describe('an IOAS with an area at an IOVA that nobody knows', () => {
  it('answers what comes before its areas', () => {
    expect(adrift().when(ioasUnmap({ length: 0n }))).toEqual(refusal('ioas-unmap/length', 'EINVAL'));
    expect(adrift().when(ioasMap({ flags: AUTO, length: 0n }))).toEqual(refusal('pages/length', 'EINVAL'));
  });
  it('may have it where something is mapped, unmapped or reserved', () => {
    expect(adrift().when(ioasMap(FIXED))).toEqual(ADRIFT);
    expect(adrift().when(ioasUnmap(PAGE))).toEqual(ADRIFT);
    expect(adrift().when(addReserved())).toEqual(ALLOWED);
  });
  it('keeps that to itself until it is copied from', () => {
    const world = adrift();
    expect(world.when(ioasMap({ ...FIXED, ioasId: 2 }))).not.toEqual(ADRIFT);
    expect(world.when(ioasCopy({ srcIoasId: 1, dstIoasId: 2 }))).toEqual(ADRIFT);
    expect(world.when(ioasUnmap({ ...PAGE, ioasId: 2 }))).toEqual(ADRIFT);
  });
  it('is as it was where the recording tells that the kernel refused', () => {
    const world = oneIoas();
    world.when(allowIovas({ numIovas: 1 }));
    expect(world.when(ioasMap({ flags: AUTO }), { supposing: 'denied' })).toEqual(
      refusal('map/no-space', 'ENOSPC'),
    );
    expect(world.when(ioasUnmap(PAGE))).toEqual(refusal('ioas-unmap/nothing', 'ENOENT'));
  });
});
