import { describe, expect, it } from 'vitest';
import { decidePoll } from '../machines/fault.ts';
import {
  attach,
  destroy,
  faultQueueAlloc,
  hwptAlloc,
  ioasAlloc,
  veventqAlloc,
  viommuAlloc,
} from './support/commands.ts';
import { bound, C, M, MF, MP, nested } from './support/fixtures.ts';
import { type Given, given, refusal, unknown } from './support/given.ts';
import { HOLE, RO, RW, words } from './support/memory.ts';
import { mockReplace, pasidAttach, pasidDetach, pasidReplace, triggerIopf } from './support/mock-commands.ts';
import { vtdMachine } from './support/platforms.ts';
import { OK, play, vector } from './support/play.ts';
import { refusals } from './support/refusals.ts';

/** Descriptor of the fault queue in MF. */
const f = 4;
const READABLE = 0x41;
const WRITABLE = 4;
const poll = (world: Given, fd = f, events = 0xffff) => {
  const { kind, objectId } = world.fileOf(fd);
  return decidePoll(world.site({ fd }), kind, objectId, events).ret;
};
const trigger = (pasid = 0, grpid = 7) => triggerIopf({ pasid, grpid });
/** A record as read() gives it. */
const record = (change: Partial<{ flags: number; pasid: number; grpid: number; cookie: number }> = {}) => {
  const { flags = 2, pasid = 0, grpid = 7, cookie = 1 } = change;
  return Buffer.from(words(flags, 3, pasid, grpid, 1, 0, 0x1000, 0, 0, cookie)).toString('hex');
};
const reads = (...records: string[]) => ({ ret: records.length * 40, bytes: [`0: ${records.join('')}`] });

refusals('FaultQueueAlloc', { given, valid: faultQueueAlloc() }, [
  [{ flags: 1 }, 'EOPNOTSUPP', 'fault-queue-alloc/flags'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);
refusals('TestTriggerIopf', { given: MF, valid: trigger() }, [[{ devId: 2 }, 'ENOENT', 'device/exists']]);

describe('FaultQueueAlloc', () => {
  it('gives an id and a descriptor, or neither (device 116)', () => {
    const world = given();
    expect(world.when(faultQueueAlloc({ flags: 1 }))).toEqual(
      refusal('fault-queue-alloc/flags', 'EOPNOTSUPP'),
    );
    expect(world.when(faultQueueAlloc())).toMatchObject({ outFaultId: 1 });
    expect(world.fileOf(4)).toMatchObject({ kind: 'fault', objectId: 1 });
    expect(world.when(ioasAlloc())).toEqual({ outIoasId: 2 });
  });
});

describe('reading a fault queue', () => {
  it('wants whole records, and finds nothing in an empty one (device 104)', () => {
    const world = MF();
    expect(world.read(f, 40)).toEqual({});
    expect(world.read(f, 39)).toEqual(refusal('fault-read/length', 'ESPIPE'));
    expect(world.read(f, 0)).toEqual({});
    expect(poll(world)).toBe(WRITABLE);
  });
  it('shows the request (device 105)', () => {
    const world = MF().after(trigger());
    expect(poll(world)).toBe(WRITABLE | READABLE);
    expect(poll(world, f, 1)).toBe(1);
    expect(world.read(f, 40)).toEqual(reads(record()));
    expect(poll(world)).toBe(WRITABLE);
  });
  it('gives the lowest free cookies, oldest request first (device 108)', () => {
    const world = MF().after(trigger(0, 1), trigger(0, 2));
    expect(world.read(f, 80)).toEqual(reads(record({ grpid: 1 }), record({ grpid: 2, cookie: 2 })));
    world.write(f, words(1, 0));
    world.after(trigger(0, 3));
    expect(world.read(f, 40)).toEqual(reads(record({ grpid: 3 })));
  });
  it('reads as many as fit, and refuses room for none (device 110)', () => {
    const world = MF().after(trigger(0, 1), trigger(0, 2));
    expect(world.read(f, 0)).toEqual(refusal('fault-read/space', 'EINVAL'));
    expect(world.read(f, 40)).toEqual(reads(record({ grpid: 1 })));
    expect(world.read(f, 120)).toEqual(reads(record({ grpid: 2, cookie: 2 })));
  });
  it('faults where the buffer cannot be written, and keeps the requests', () => {
    const world = MF().after(trigger());
    expect(world.read(f, 40, HOLE)).toEqual(refusal('fault-read/fault', 'EFAULT'));
    expect(world.read(f, 40, RW)).toEqual(reads(record()));
  });
});

describe('writing a fault queue', () => {
  const pending = () => {
    const world = MF().after(trigger());
    world.read(f, 40);
    return world;
  };
  it('answers each request once (device 106)', () => {
    const world = pending();
    expect(world.write(f, words(1, 0))).toEqual({ ret: 8 });
    expect(world.write(f, words(1, 0))).toEqual(refusal('fault-write/cookie', 'EINVAL'));
  });
  it('knows two codes (device 107)', () => {
    const world = pending();
    expect(world.write(f, words(1, 2))).toEqual(refusal('fault-write/code', 'EINVAL'));
    expect(world.write(f, words(1, 1))).toEqual({ ret: 8 });
  });
  it('looks for the cookie of a good code only', () => {
    expect(pending().write(f, words(9, 1))).toEqual(refusal('fault-write/cookie', 'EINVAL'));
    const left = ['CookieZeroFreed'];
    expect(pending().write(f, words(0, 1))).toEqual(refusal('fault-write/cookie', 'EINVAL', { left }));
  });
  it('tells how far it came before an error (device 109)', () => {
    expect(pending().write(f, words(1, 0, 9, 0))).toEqual({ ret: 8 });
    expect(pending().write(f, words(1, 0, 1, 0))).toEqual({ ret: 8 });
    expect(pending().write(f, words(1, 0, 1, 2))).toEqual({ ret: 8 });
  });
  it('wants whole responses (device 110)', () => {
    expect(pending().write(f, new Uint8Array(7))).toEqual(refusal('fault-write/length', 'ESPIPE'));
    expect(pending().write(f, new Uint8Array(0))).toEqual({});
  });
  it('is not known where the recording lacks the bytes', () => {
    expect(pending().write(f, new Uint8Array(4), 8)).toEqual(unknown('the bytes written to the fault queue'));
  });
  it('of cookie 0 frees a cookie that was never to be given', () => {
    const world = pending();
    const left = ['CookieZeroFreed'];
    expect(world.write(f, words(0, 0))).toEqual(refusal('fault-write/cookie', 'EINVAL', { left }));
    world.after(trigger(0, 8));
    expect(world.read(f, 40)).toEqual(reads(record({ grpid: 8, cookie: 0 })));
    world.write(f, words(0, 0));
    world.write(f, words(1, 0));
    world.after(trigger(0, 9));
    expect(world.read(f, 40)).toEqual(reads(record({ grpid: 9, cookie: 1 })));
  });
  it('of cookie 0 frees nothing while nothing is pending, nor with a bad code', () => {
    expect(MF().write(f, words(0, 0))).toEqual(refusal('fault-write/cookie', 'EINVAL'));
    expect(pending().write(f, words(0, 2))).toEqual(refusal('fault-write/code', 'EINVAL'));
  });
});

describe('page requests', () => {
  it('are answered by a replace, and rejected without a queue (device 111)', () => {
    const world = MF().after(trigger());
    world.read(f, 40);
    expect(world.when(mockReplace())).toEqual({ ptId: 4 });
    expect(world.write(f, words(1, 0))).toEqual(refusal('fault-write/cookie', 'EINVAL'));
    world.after(trigger());
    expect(world.read(f, 40)).toEqual({});
  });
  it('that were not read are answered by a replace as well', () => {
    const world = MF().after(trigger(), mockReplace());
    expect(world.read(f, 40)).toEqual({});
  });
  it('with a PASID need its attachment, or a nested HWPT on the RID (device 112, device 113)', () => {
    const world = MF().after(trigger(5, 1));
    expect(world.read(f, 40)).toEqual({});
    const [command, by] = nested(5);
    const user = M().after(
      hwptAlloc({ flags: 1 }),
      faultQueueAlloc(),
      [{ ...command, flags: 4, faultId: 6 }, by],
      mockReplace({ ptId: 7 }),
      trigger(5, 1),
    );
    expect(user.read(f, 40)).toEqual(reads(record({ flags: 3, pasid: 5, grpid: 1 })));
  });
  it('with a PASID that is attached come through its HWPT', () => {
    const world = MP().after(
      faultQueueAlloc(),
      hwptAlloc({ flags: 8 }),
      mockReplace({ ptId: 6 }),
      hwptAlloc({ flags: 12, faultId: 5 }),
    );
    world.after(pasidAttach({ pasid: 5, ptId: 4 }), trigger(5, 1));
    expect(world.read(f, 40)).toEqual(reads(record({ flags: 3, pasid: 5, grpid: 1 })));
    world.after(trigger(5, 2), trigger(0, 3), pasidDetach({ pasid: 5 }));
    expect(world.read(f, 40)).toEqual({});
  });
  it('are answered with the attachment that they came through, not with another', () => {
    const world = MP().after(
      faultQueueAlloc(),
      hwptAlloc({ flags: 12, faultId: 5 }),
      mockReplace({ ptId: 6 }),
      hwptAlloc({ flags: 8 }),
    );
    world.after(
      pasidAttach({ pasid: 5, ptId: 6 }),
      trigger(5, 1),
      trigger(0, 2),
      pasidReplace({ pasid: 5, ptId: 4 }),
    );
    expect(world.read(f, 120)).toEqual(reads(record({ grpid: 2 })));
  });
  it('find no slot on a device that is not attached', () => {
    const world = MF().after(pasidDetach({ pasid: 0 }));
    expect(world.when(trigger())).toEqual({});
    expect(world.read(f, 40)).toEqual({});
  });
  it('with a PASID find no user table behind VT-d', () => {
    const world = bound(vtdMachine({ traits: { pri: true } })).after(
      faultQueueAlloc(),
      hwptAlloc({ devId: 1, ptId: 2, flags: 4, faultId: 3 }),
      [attach({ ptId: 4 }), C],
    );
    expect(world.outcome(triggerIopf({ devId: 1, pasid: 5 })).events).toEqual([]);
    expect(world.outcome(triggerIopf({ devId: 1, pasid: 0 })).events.map(({ type }) => type)).toEqual([
      'FaultRaised',
    ]);
  });
});

describe('the end of a fault queue', () => {
  vector('device 114', 'waits for descriptor and HWPTs', MF, [
    [destroy(5), 'EBUSY'],
    (world) => world.close(f),
    [destroy(5), 'EBUSY'],
    [mockReplace(), OK],
    [destroy(6), OK],
    [destroy(5), OK],
  ]);
  it('keeps the queue for a copy of its descriptor', () => {
    const world = MF().after(trigger());
    world.told({ type: 'DescriptorDuplicated', pid: 1, from: f, fd: 5 }).close(f);
    expect(world.read(5, 40)).toEqual(reads(record()));
    play(world, [[destroy(5), 'EBUSY']]);
  });
});

describe('poll', () => {
  it('of an iommufd is always ready', () => {
    expect(poll(given(), 3)).toBe(0x145);
  });
  it('of an event queue waits for events', () => {
    const world = M().after(hwptAlloc({ flags: 1 }), viommuAlloc(), veventqAlloc());
    expect(poll(world)).toBe(0);
  });
});
