import { describe, expect, it } from 'vitest';
import {
  destroy,
  faultQueueAlloc,
  hwptAlloc,
  ioasAlloc,
  ioasMap,
  ioasUnmap,
  vdeviceAlloc,
  veventqAlloc,
  viommuAlloc,
} from './support/commands.ts';
import { type Given, given, refusal, unknown } from './support/given.ts';
import {
  createAccess,
  mockDomain,
  mockDomainFlags,
  mockReplace,
  pasidAttach,
} from './support/mock-commands.ts';
import { OK, play, vector } from './support/play.ts';

const M = (): Given => given().after(ioasAlloc(), mockDomain());

describe('Destroy', () => {
  it('refuses what does not exist, then what is used', () => {
    expect(given().when(destroy(0))).toEqual(refusal('destroy/exists', 'ENOENT'));
    expect(given().when(destroy(0xffff_ffff))).toEqual(refusal('destroy/exists', 'ENOENT'));
    expect(M().when(destroy(1))).toEqual(refusal('destroy/users', 'EBUSY'));
  });
  vector('core 14', 'finds nothing at the largest id', given, [[destroy(0xffff_ffff), 'ENOENT']]);
  vector('core 18', 'of the mock takes device and automatic HWPT with it', M, [
    [destroy(1), 'EBUSY'],
    [destroy(3), 'EBUSY'],
    [destroy(4), 'EBUSY'],
    [destroy(2), OK],
    [ioasAlloc(), 2],
    [ioasAlloc(), 3],
    [ioasAlloc(), 4],
  ]);
  it('of one of two mocks leaves the HWPT that they share (core 19)', () => {
    const world = M();
    expect(world.when(mockDomain())).toEqual({ outStdevId: 5, outIdevId: 6, outHwptId: 4 });
    play(world, [
      [destroy(2), OK],
      [destroy(4), 'EBUSY'],
      [destroy(5), OK],
      [destroy(4), 'ENOENT'],
      [destroy(1), OK],
    ]);
  });
  vector('core 20', 'cannot reach an access', () => given().after(ioasAlloc()), [
    [createAccess({ flags: 0 }), OK],
    [ioasAlloc(), 3],
    [destroy(2), 'EBUSY'],
    [destroy(1), 'EBUSY'],
    (world) => world.close(4),
    [destroy(1), OK],
    [ioasAlloc(), 1],
    [ioasAlloc(), 2],
  ]);
  vector('core 21', 'of a fault queue waits for its descriptor', given, [
    [faultQueueAlloc(), 1],
    [ioasUnmap(), 'ENOENT'],
    [destroy(1), 'EBUSY'],
    (world) => world.close(4),
    [destroy(1), OK],
  ]);
  vector('device 76', 'of a nesting parent waits for what is nested on it', M, [
    [hwptAlloc({ flags: 1 }), 5],
    [hwptAlloc({ ptId: 5, dataType: 0xdead, dataLen: 8 }), 6, { second: new Uint8Array(8) }],
    [destroy(5), 'EBUSY'],
    [destroy(6), OK],
    [destroy(5), OK],
  ]);
  vector('device 119', 'of a nesting parent waits for its vIOMMU', M, [
    [hwptAlloc({ flags: 1 }), 5],
    [viommuAlloc(), 6],
    [destroy(5), 'EBUSY'],
    [destroy(6), OK],
    [destroy(5), OK],
  ]);
  vector('device 123', 'of a vIOMMU waits for its vDEVICEs', M, [
    [hwptAlloc({ flags: 1 }), 5],
    [viommuAlloc(), 6],
    [vdeviceAlloc(), 7],
    [destroy(6), 'EBUSY'],
    [destroy(7), OK],
    [vdeviceAlloc(), 7],
  ]);
  vector('device 124', 'of the device buries its vDEVICE, whose id is never free again', M, [
    [hwptAlloc({ flags: 1 }), 5],
    [viommuAlloc(), 6],
    [vdeviceAlloc(), 7],
    [destroy(2), OK],
    [destroy(7), 'ENOENT'],
    [destroy(6), OK],
    [ioasAlloc(), 2],
    [ioasAlloc(), 3],
    [ioasAlloc(), 4],
    [ioasAlloc(), 6],
    [ioasAlloc(), 8],
  ]);
  it('breaks an invariant of the kernel while a PASID of the mock is attached', () => {
    const world = given().after(
      ioasAlloc(),
      mockDomainFlags({ devFlags: 4 }),
      hwptAlloc({ flags: 8 }),
      mockReplace({ ptId: 5 }),
      pasidAttach(),
    );
    const { events, ret } = world.outcome(destroy(2));
    expect([ret, events.map(({ type }) => type)]).toEqual([0, ['InvariantBroken']]);
    expect(world.context().broken).toContain('PASID');
  });
  it('drops the areas of an IOAS, and their pins, and the compat IOAS', () => {
    const world = M().after(ioasMap(), destroy(2));
    world.after(destroy(1));
    expect(world.context().pages.size).toBe(0);
  });
});

describe('Destroy of an event queue', () => {
  const queue = (): Given => M().after(hwptAlloc({ flags: 1 }), viommuAlloc(), veventqAlloc());

  it('waits for its descriptor', () => {
    expect(queue().when(destroy(7))).toEqual(refusal('destroy/users', 'EBUSY'));
    expect(queue().close(4).when(destroy(7))).toEqual({});
    expect(queue().when(destroy(6))).toEqual(refusal('destroy/users', 'EBUSY'));
  });
  it('is not known where the recorder misses closes of such descriptors', () => {
    const missing = unknown('whether descriptor 4 of event queue 7 is still open');
    const world = queue();
    expect(world.when(destroy(7), { reissued: true })).toEqual(missing);
    world.told({ type: 'UnseenCloseNoticed', pid: 1 });
    expect(world.when(destroy(7))).toEqual(missing);
  });
  it('of which a close went unseen follows the kernel', () => {
    const world = queue();
    expect(world.when(destroy(7), { reissued: true, trusting: true })).toEqual({});
    expect(world.world.processes.get(1)?.fds.has(4)).toBe(false);
    play(world, [
      [destroy(7), 'ENOENT'],
      [destroy(6), OK],
    ]);
  });
});
