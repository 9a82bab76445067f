/** What DMA meets: translate() on small worlds, DMA accesses and what they leave, and the command on recordings. */
import { describe, expect, it } from 'vitest';
import type { Event } from '../events/event.ts';
import { decideDma } from '../machines/dma.ts';
import { mustBe } from '../machines/objects.ts';
import { type Answer, translate } from '../machines/translate.ts';
import type { Context, World } from '../machines/world.ts';
import { describeDma } from '../traces/dma-line.ts';
import { hardwareText, showHardware } from '../traces/show-hardware.ts';
import { CORPUS, fileWith, HEADER, ioasis, recording } from './support/cli.ts';
import {
  apply,
  attached,
  bound,
  CONTEXT,
  domain,
  IOAS,
  MEMORY,
  mapped,
  nested,
  PID,
  paging,
  RID,
  unmapped,
  worldWith,
} from './support/hardware-world.ts';

const attachedWorld = (...events: Event[]): World =>
  worldWith(bound(2), paging(3), mapped(0x1000n, 2), attached({ deviceId: 2, hwptId: 3 }), ...events);

const answer = (world: World, iova: bigint, pasid = 0): Answer => translate(world, RID, pasid, iova).answer;
const kindOf = (one: Answer): string => (one.kind === 'fault' ? one.fault : one.kind);
/** Bytes of the two words of a stream table entry. */
const ste = (config: number, valid = 1): string =>
  Buffer.from([valid | (config << 1), ...new Array(15).fill(0)]).toString('hex');

describe('translate', () => {
  it('answers with the address in the owner’s memory, its rights and how far it reaches', () => {
    const { steps, answer: found } = translate(attachedWorld(), RID, 0, 0x1234n);
    expect(found).toEqual({
      kind: 'memory',
      target: {
        kind: 'process',
        pid: PID,
        address: BigInt(MEMORY) + 0x234n,
        page: 'mm:7/1#256',
        stillThere: true,
      },
      read: true,
      write: true,
      last: 0x2fffn,
      ioasId: IOAS,
      hwptId: 3,
    });
    expect(steps.map(({ level }) => level)).toEqual(['rid', 'stage-2', 'memory']);
  });

  it('follows the pin, not the address, when the owner maps something else there', () => {
    const world = attachedWorld({ type: 'MappingsSeen', pid: PID, mappings: [] });
    const found = answer(world, 0x1234n);
    expect(found.kind === 'memory' && found.target.kind === 'process' && found.target.stillThere).toBe(false);
  });

  const cases: readonly (readonly [string, World, bigint, number, string])[] = [
    ['a device that nobody bound', worldWith(), 0x1000n, 0, 'unknown'],
    ['a device that is attached to nothing', worldWith(bound(2)), 0x1000n, 0, 'blocked'],
    ['a device without IOMMU', worldWith(bound(2, { noIommu: true })), 0x1000n, 0, 'untranslated'],
    ['an IOVA without an area', attachedWorld(), 0x3000n, 0, 'not-present'],
    ['an area that was unmapped', attachedWorld(unmapped(0x1000n)), 0x1000n, 0, 'not-present'],
    ['an IOVA past the aperture', attachedWorld(), 1n << 60n, 0, 'address-width'],
    ['a PASID without attachment', attachedWorld(), 0x1000n, 5, 'pasid-not-present'],
    ['a PASID past the width', attachedWorld(), 0x1000n, 1 << 20, 'pasid-width'],
    [
      'a PASID that is attached',
      attachedWorld(attached({ deviceId: 2, hwptId: 3, pasid: 5 })),
      0x1000n,
      5,
      'memory',
    ],
    ['a device without PASIDs', worldWith(bound(2, { maxPasids: 0 })), 0x1000n, 5, 'pasid-width'],
    [
      'the window of interrupts',
      worldWith(bound(2, { reserved: [{ start: 0xfee0_0000n, last: 0xfeef_ffffn, type: 'msi' }] })),
      0xfee0_1000n,
      0,
      'interrupt',
    ],
  ];
  it.each(cases)('of %s', (_name, world, iova, pasid, kind) => {
    expect(kindOf(answer(world, iova, pasid))).toBe(kind);
  });

  describe('of the window of message interrupts on Arm', () => {
    const window = { start: 0x800_0000n, last: 0x80f_ffffn, type: 'sw-msi' };
    const reserved = [window];
    const slot = { deviceId: 2, hwptId: 3 };
    const interrupts = { kind: 'unknown', missing: 'which message interrupts the device was given' };
    const arm = worldWith(bound(2, { reserved }), paging(3), attached(slot), attached({ ...slot, pasid: 5 }));

    it.each([0x800_0000n, 0x80f_ffffn])('does not know the pages that the kernel mapped at %d', (iova) => {
      expect([answer(arm, iova), answer(arm, iova, 5)]).toEqual([interrupts, interrupts]);
    });
    it.each([0x7ff_ffffn, 0x810_0000n])('ends there: %d', (iova) => {
      expect(kindOf(answer(arm, iova))).toBe('not-present');
    });
    it('knows that there are none while only a PASID is attached', () => {
      const world = worldWith(bound(2, { reserved }), paging(3), attached({ ...slot, pasid: 5 }));
      expect(kindOf(answer(world, window.start, 5))).toBe('not-present');
    });
    it('finds them in the parent of a nested HWPT', () => {
      const world = worldWith(
        bound(2, { reserved, driver: 'arm-smmu-v3' }),
        paging(3, { nestParent: true, domain: domain({ driver: 'arm-smmu-v3', format: 'stage-2' }) }),
        nested(5, 3, ste(4)),
        attached({ deviceId: 2, hwptId: 5 }),
      );
      expect(answer(world, window.start)).toEqual(interrupts);
    });
    it('is told by show', () => {
      expect(hardwareText(showHardware(arm, undefined))).toContain(
        'message interrupts in 0x8000000..0x80fffff',
      );
    });
  });

  it('stops at a stage 1 in user memory', () => {
    const world = worldWith(
      bound(2),
      paging(3, { nestParent: true }),
      nested(5, 3),
      attached({ deviceId: 2, hwptId: 5 }),
    );
    expect(answer(world, 0x1000n)).toEqual({
      kind: 'unknown',
      missing: 'the stage-1 page table that user space keeps in its memory',
    });
  });

  it.each([
    ['aborts where V is 0', ste(5, 0), 'stage-1-abort'],
    ['aborts where Config is abort', ste(0), 'stage-1-abort'],
    ['passes stage 1 where Config is bypass', ste(4), 'memory'],
    ['stops where Config is stage 1', ste(5), 'unknown'],
  ])('%s in the stream table entry of the user', (_name, data, kind) => {
    const world = worldWith(
      bound(2, { driver: 'arm-smmu-v3' }),
      paging(3, { nestParent: true, domain: domain({ driver: 'arm-smmu-v3', format: 'stage-2' }) }),
      nested(5, 3, data),
      mapped(0x1000n, 1),
      attached({ deviceId: 2, hwptId: 5 }),
    );
    expect(kindOf(answer(world, 0x1000n))).toBe(kind);
  });

  it('cannot forbid reading in a CPU format, nor writing under a nest parent of VT-d', () => {
    const rights = (world: World): unknown => {
      const found = answer(world, 0x1000n);
      return found.kind === 'memory' ? [found.read, found.write] : found;
    };
    const first = paging(3, { domain: domain({ format: 'first-stage' }) });
    const slot = attached({ deviceId: 2, hwptId: 3 });
    expect(rights(worldWith(bound(2), first, mapped(0x1000n, 1, 2), slot))).toEqual([true, true]);
    expect(rights(worldWith(bound(2), paging(3), mapped(0x1000n, 1, 2), slot))).toEqual([false, true]);
    expect(rights(worldWith(bound(2), paging(3, { nestParent: true }), mapped(0x1000n, 1, 1), slot))).toEqual(
      [true, true],
    );
  });
});

describe('decideDma', () => {
  const write = { rid: RID, pasid: 0, iova: 0x1800n, length: 0x1000n, write: true, grpid: 0 };

  it('reaches memory piece by piece up to the first fault', () => {
    const outcome = decideDma(attachedWorld(), { ...write, iova: 0x2800n });
    expect(outcome.transferred).toBe(0x800n);
    expect(outcome.fault).toMatchObject({ iova: 0x3000n, kind: 'not-present' });
    expect(describeDma(outcome)).toEqual([
      '0x2800..0x2fff reaches process 7 at 0x101800',
      '0x3000 faults (not-present): nothing is mapped at 0x3000 of IOAS 1',
    ]);
  });

  it('refuses a write to an area for reading', () => {
    const world = worldWith(bound(2), paging(3), mapped(0x1000n, 2, 1), attached({ deviceId: 2, hwptId: 3 }));
    expect(decideDma(world, write).fault?.kind).toBe('permission');
    expect(decideDma(world, { ...write, write: false }).fault).toBeUndefined();
  });

  it('raises a page request where the HWPT has a fault queue and the device can ask', () => {
    const queue: Event[] = [
      { type: 'FaultQueueAllocated', context: CONTEXT, id: 9 },
      paging(4, { faultId: 9 }),
    ];
    const world = worldWith(bound(2), ...queue, attached({ deviceId: 2, hwptId: 4 }));
    const outcome = decideDma(world, { ...write, iova: 0x5678n });
    expect(outcome.request).toMatchObject({ faultId: 9, record: { addr: 0x5000n, perm: 2, deviceId: 2 } });
    apply(world, ...outcome.events);
    expect(mustBe(world.contexts.get(CONTEXT) as Context, 9, 'fault').queued).toHaveLength(1);
    const deaf = worldWith(bound(2, { pri: false }), ...queue, attached({ deviceId: 2, hwptId: 4 }));
    expect(decideDma(deaf, write).request).toBeUndefined();
  });

  it('marks pages dirty while they are tracked', () => {
    const world = worldWith(
      bound(2),
      paging(3, { dirtyOps: true }),
      mapped(0x1000n, 2),
      attached({ deviceId: 2, hwptId: 3 }),
    );
    expect(decideDma(world, write).events).toEqual([]);
    apply(world, { type: 'DirtyTrackingSet', context: CONTEXT, id: 3, enabled: true });
    expect(decideDma(world, write).events).toEqual([
      { type: 'PagesDirtied', context: CONTEXT, id: 3, granules: [1, 2] },
    ]);
    expect(decideDma(world, { ...write, write: false }).events).toEqual([]);
  });

  it('tells of a translation that a cache may still hold', () => {
    const world = attachedWorld(unmapped(0x1000n));
    expect(decideDma(world, write).stale).toEqual([]);
    const range = { start: 0x1000n, last: 0x2fffn };
    world.hardware.stale.push({
      cache: 'atc',
      instance: 'intel-vtd',
      rid: RID,
      pasid: 0,
      domainId: 0,
      range,
    });
    expect(decideDma(world, write).stale).toHaveLength(1);
  });
});

const VTD = `${CORPUS}/kernel-7.3.4/vfio-vtd/vtd-000001.jsonl.gz`;

describe('ioasis translate', () => {
  it('says what a bound device meets, in JSON', () => {
    const run = ioasis([
      'translate',
      VTD,
      '--rid',
      '0000:02:00.0',
      '--iova',
      '0x1000',
      '--at',
      '200',
      '--json',
    ]);
    expect([run.status, run.stderr]).toEqual([0, '']);
    const { schema, seq, answer: found, steps } = JSON.parse(run.stdout);
    expect({ schema, seq, found, steps }).toEqual({
      schema: 'ioasis.translate/1',
      seq: 200,
      found: { kind: 'fault', fault: 'blocked', why: 'the device is bound and attached to nothing' },
      steps: [{ level: 'rid', finds: 'blocked' }],
    });
  });

  it('refuses a RID that the machine does not have with status 2', () => {
    const run = ioasis(['translate', VTD, '--rid', '0000:99:00.0', '--iova', '0x1000', '--at', '200']);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('0000:02:00.0, 0000:00:02.0');
  });

  it.each([
    ['--iova', '0xzz'],
    ['--pasid', '-1'],
  ])('refuses %s %s with status 2', (option, value) => {
    const iova = option === '--iova' ? [] : ['--iova', '0'];
    expect(ioasis(['translate', VTD, '--rid', 'x', ...iova, option, value]).status).toBe(2);
  });

  it('takes a recording with DMA in it', () => {
    const dma = { ev: 'dma', seq: 1, rid: 'mock:1/1', iova: '0x1000', length: 64, write: true };
    const good = fileWith('dma.jsonl', recording(HEADER, dma));
    expect(ioasis(['replay', good]).status).toBe(0);
    const bad = fileWith('bad-dma.jsonl', recording(HEADER, { ...dma, length: 0 }));
    expect(ioasis(['replay', bad]).status).toBe(2);
  });
});
