/** Every invariant holds in a sound world and is found broken in one where it was broken by hand; recordings break none. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Event } from '../events/event.ts';
import { refuse, refuseAfter } from '../events/outcome.ts';
import {
  BLOCKED,
  type Hardware,
  type NestedEntry,
  type PagingEntry,
  type RidState,
} from '../machines/hardware.ts';
import { mustBe } from '../machines/objects.ts';
import type { Context, World } from '../machines/world.ts';
import { checkInvariants } from '../reducers/invariants.ts';
import { invariantsDocument } from '../reducers/invariants-document.ts';
import { INVARIANTS, type InvariantId } from '../reducers/invariants-register.ts';
import { observe } from '../reducers/observable.ts';
import { checkAfter } from '../traces/check-after.ts';
import { replayTrace } from '../traces/replay-trace.ts';
import {
  apply,
  attached,
  bound,
  CONTEXT,
  IOAS,
  mapped,
  nested,
  paging,
  RID,
  SIBLING,
  unmapped,
  worldWith,
} from './support/hardware-world.ts';

const request = {
  flags: 2,
  deviceId: 2,
  pasid: 0,
  grpid: 1,
  perm: 1,
  addr: 0x5000n,
  groupKey: 'group:1',
  slotPasid: 0,
};

/**
 * IOAS 1; devices 2 and 4 of one group; fault queue 9; nest parent 3, nested 5 on it at PASID 0, paging 6 at PASID 5;
 * vIOMMU 7 with vDEVICE 8 of device 2; one area of two pages; one page request that was read.
 */
function soundWorld(): World {
  const reserved = [{ start: 0xfee0_0000n, last: 0xfeef_ffffn, type: 'msi' }];
  const world = worldWith(
    bound(2, { reserved }),
    bound(4, { name: SIBLING }),
    { type: 'FaultQueueAllocated', context: CONTEXT, id: 9 },
    { type: 'DescriptorIssued', pid: 7, fd: 4, kind: 'fault', context: CONTEXT, id: 9, length: 0n },
    paging(3, { nestParent: true, dirtyOps: true }),
    { ...nested(5, 3), faultId: 9 } as Event,
    paging(6),
    {
      type: 'ViommuAllocated',
      context: CONTEXT,
      id: 7,
      hwptId: 3,
      instance: 'intel-vtd',
      kind: 1,
      windowOffset: 0n,
      windowLength: 0n,
    },
    { type: 'VdeviceAllocated', context: CONTEXT, id: 8, viommuId: 7, deviceId: 2, virtId: 1n },
    mapped(0x1000n, 2),
    {
      type: 'RangeReserved',
      context: CONTEXT,
      id: IOAS,
      start: 0xfee0_0000n,
      last: 0xfeef_ffffn,
      owner: 'device:2',
    },
    { type: 'RangesAllowed', context: CONTEXT, id: IOAS, ranges: [{ start: 0x10_0000n, last: 0x20_0000n }] },
    attached({ deviceId: 2, hwptId: 5 }),
    attached({ deviceId: 2, hwptId: 6, pasid: 5 }),
    { type: 'FaultRaised', context: CONTEXT, id: 9, record: request },
    { type: 'FaultRaised', context: CONTEXT, id: 9, record: { ...request, grpid: 2 } },
    { type: 'FaultsRead', context: CONTEXT, id: 9, cookies: [1] },
  );
  return world;
}

const contextOf = (world: World): Context => world.contexts.get(CONTEXT) as Context;
const ridOf = (world: World, rid = RID): RidState => world.hardware.rids.get(rid) as RidState;
const nestedEntry = (world: World): NestedEntry => ridOf(world).entries.get(0) as NestedEntry;
const pagingEntry = (world: World): PagingEntry => ridOf(world).entries.get(5) as PagingEntry;
const iotlb = {
  cache: 'iotlb',
  instance: 'intel-vtd',
  rid: '',
  pasid: 0,
  domainId: 2,
  range: undefined,
} as const;

function rewrite(world: World, pasid: number, entry: Partial<NestedEntry> & object): void {
  for (const rid of [RID, SIBLING]) {
    const { entries } = ridOf(world, rid);
    entries.set(pasid, { ...entries.get(pasid), ...entry } as NestedEntry);
  }
}

/** A change by hand for each invariant, behind the back of the reducers. */
const breaks: Readonly<Record<InvariantId, (world: World) => void>> = {
  'dma-inside-ioas': (world) => rewrite(world, 5, { ioasId: 99 }),
  'unattached-is-blocked': (world) => contextOf(world).groups.get('group:1')?.slots.delete(0),
  'entry-iff-attached': (world) => ridOf(world).entries.delete(5),
  'refused-rid-is-blocked': (world) => {
    ridOf(world).leftBlocked = true;
  },
  'group-shares-domain': (world) => ridOf(world, SIBLING).entries.set(0, BLOCKED),
  'no-entry-names-destroyed': (world) => rewrite(world, 0, { hwptId: 77 }),
  'nested-has-parent': (world) => rewrite(world, 0, { parentId: 6 }),
  'domain-id-unique': (world) => rewrite(world, 0, { domainId: nestedEntry(world).parentDomainId }),
  'pasid-below-width': (world) => ridOf(world).entries.set(1 << 20, pagingEntry(world)),
  'pasids-need-compat': (world) => {
    const context = contextOf(world);
    context.objects[6] = { ...mustBe(context, 6, 'hwpt-paging'), pasidCompat: false };
  },
  'dirty-in-every-entry': (world) => rewrite(world, 0, { dirty: true }),
  'fault-routing': (world) => rewrite(world, 0, { faultId: 0 }),
  'invalidation-issued': (world) => world.hardware.pending.push(iotlb),
  'unmapped-leaves-caches': (world) => world.hardware.stale.push(iotlb),
  'unmapped-is-untranslatable': () => {},
  'iotlb-has-atc-partner': (world) => dropAtc(world.hardware),
  'users-match-graph': (world) => mustBe(contextOf(world), 6, 'hwpt-paging').users++,
  'ids-unique': (world) => {
    contextOf(world).lowestFree = 12;
  },
  'vdevice-unique': (world) => {
    mustBe(contextOf(world), 2, 'device').vdeviceId = 0;
  },
  'areas-disjoint': (world) => contextOf(world).pages.clear(),
  'areas-avoid-reserved': (world) =>
    mustBe(contextOf(world), IOAS, 'ioas').reserved.push({ start: 0x1000n, last: 0x1fffn, owner: 'test' }),
  'allowed-excludes-reserved': (world) => {
    mustBe(contextOf(world), IOAS, 'ioas').allowed = [{ start: 0n, last: 0xffff_ffffn }];
  },
  'reservation-has-owner': (world) =>
    mustBe(contextOf(world), IOAS, 'ioas').reserved.push({ start: 0n, last: 0xfffn, owner: 'device:4' }),
  'alignment-matches-members': (world) => {
    mustBe(contextOf(world), IOAS, 'ioas').align = 1;
  },
  'members-match': (world) => mustBe(contextOf(world), IOAS, 'ioas').hwptIds.pop(),
  'pins-match-holders': (world) => {
    for (const pages of contextOf(world).pages.values()) pages.pinned = [];
  },
  'charges-match-pins': (world) => world.charged.set('uid:1000', 3),
  'fault-answered-once': (world) => {
    const fault = mustBe(contextOf(world), 9, 'fault');
    const [record] = fault.pending.values();
    if (record !== undefined) fault.queued.push(record);
  },
  'refused-changes-nothing': () => {},
  'closing-leaves-nothing': (world) => world.hardware.contexts.set(99, [RID]),
};

function dropAtc(hardware: Hardware): void {
  const last = hardware.recent.length - 1;
  const required = [iotlb];
  const slot = { rid: RID, pasid: 0, instance: 'intel-vtd' };
  hardware.recent[last] = { kind: 'user', ...slot, domainId: 2, required };
}

const found = (world: World): Set<string> =>
  new Set(checkInvariants(world).map(({ invariant }) => invariant));

describe('checkInvariants', () => {
  it('finds nothing in a sound world, in whole or by context', () => {
    expect(checkInvariants(soundWorld())).toEqual([]);
    expect(checkInvariants(soundWorld(), CONTEXT)).toEqual([]);
  });

  const byHand = (Object.keys(INVARIANTS) as InvariantId[]).filter(
    (id) => id !== 'unmapped-is-untranslatable' && id !== 'refused-changes-nothing',
  );
  it.each(byHand)('finds %s broken', (id) => {
    const world = soundWorld();
    breaks[id](world);
    expect(found(world)).toContain(id);
  });

  it('finds an area that a call unmapped and that is still there', () => {
    const world = soundWorld();
    const violations = checkInvariants(world, CONTEXT, { events: [unmapped(0x1000n)] });
    expect(violations.map(({ invariant }) => invariant)).toContain('unmapped-is-untranslatable');
    apply(world, unmapped(0x1000n));
    expect(checkInvariants(world, CONTEXT, { events: [unmapped(0x1000n)] })).toEqual([]);
  });

  it('finds what a refused call left behind, and allows what the kernel is known to leave', () => {
    const world = soundWorld();
    const events = [unmapped(0x1000n)];
    const told = (rule: 'ioas/exists' | 'unmap/partial') =>
      checkInvariants(world, CONTEXT, { outcome: refuseAfter(rule, events), events: [] });
    expect(told('ioas/exists')).toEqual([]);
    const left = checkInvariants(world, CONTEXT, { outcome: refuseAfter('ioas/exists', events), events });
    expect(left.map(({ invariant }) => invariant)).toContain('refused-changes-nothing');
    apply(world, ...events);
    expect(
      checkInvariants(world, CONTEXT, { outcome: refuseAfter('unmap/partial', events), events }),
    ).toEqual([]);
  });

  it('finds a change without an event, when it was told how the context looked before', () => {
    const world = soundWorld();
    const before = observe(world, CONTEXT);
    const outcome = refuse('ioas/exists');
    expect(checkInvariants(world, CONTEXT, { before, outcome, events: [] })).toEqual([]);
    mustBe(contextOf(world), IOAS, 'ioas').largePages = false;
    const violations = checkInvariants(world, CONTEXT, { before, outcome, events: [] });
    expect(violations).toEqual([expect.objectContaining({ invariant: 'refused-changes-nothing' })]);
  });

  it('finds an answer given twice in one write', () => {
    const answer: Event = { type: 'FaultAnswered', context: CONTEXT, id: 9, cookie: 1, code: 0 };
    const world = apply(soundWorld(), answer);
    const violations = checkInvariants(world, CONTEXT, { events: [answer, answer] });
    expect(violations.map(({ invariant }) => invariant)).toEqual(['fault-answered-once']);
  });

  it('claims nothing of a context that the kernel broke', () => {
    const world = soundWorld();
    breaks['users-match-graph'](world);
    contextOf(world).broken = 'something';
    expect(checkInvariants(world)).toEqual([]);
  });

  it('looks only at the neighbourhood in a large context', () => {
    const world = worldWith(bound(2), paging(3));
    for (let n = 1; n <= 300; n++) apply(world, mapped(BigInt(n) * 0x10_0000n, 1, 3, n));
    mustBe(contextOf(world), 3, 'hwpt-paging').users++;
    const one = mapped(0x2000_0000n, 1, 3, 301);
    apply(world, one);
    expect(checkInvariants(world, CONTEXT, { events: [one] })).toEqual([]);
    expect([...found(world)]).toEqual(['users-match-graph']);
  });
});

describe('recordings', () => {
  const corpus = (name: string) => fileURLToPath(new URL(`../traces/corpus/${name}`, import.meta.url));
  it.each([
    'kernel-7.3.4/deep/deep-005301.jsonl.gz',
    'kernel-7.3.4/fuzz/fuzz-000401.jsonl.gz',
    'kernel-7.3.4/vfio-vtd/vtd-000101.jsonl.gz',
    'kernel-7.3.4/vfio-smmuv3/smmuv3-000001.jsonl.gz',
    'kernel-7.3.4/warned/fuzz-warned.jsonl.gz',
    'kernel-6.12.117/deep/deep-005101.jsonl.gz',
    'qemu-10.0.2/qemu.jsonl.gz',
  ])('break no invariant: %s', async (name) => {
    const violations: string[] = [];
    const onApplied = checkAfter((line, { invariant, detail }) => {
      violations.push(`${line.ev === 'trace' ? 0 : line.seq} ${invariant}: ${detail}`);
    });
    await replayTrace(corpus(name), { onApplied }, { onCall: () => undefined });
    expect(violations).toEqual([]);
  });
});

describe('docs/INVARIANTS.md', () => {
  it('is what the register says; vitest -u writes it', async () => {
    await expect(invariantsDocument()).toMatchFileSnapshot('../docs/INVARIANTS.md');
  });
});
