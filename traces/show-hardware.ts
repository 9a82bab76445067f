/** The hardware snapshot as data and as text: entries, domain ids, what caches may still hold, the last transitions. */
import { hex } from '../events/hex.ts';
import {
  type Entry,
  type Hardware,
  type Invalidation,
  isTranslating,
  msiWindow,
  type RidState,
  type Transition,
} from '../machines/hardware.ts';
import type { World } from '../machines/world.ts';
import { type Command, commandsFor } from '../reducers/views/commands.ts';
import type { RidView, Vendor } from '../reducers/views/field-table.ts';
import { VENDORS, viewHardware } from '../reducers/views/vendor-view.ts';

export type ShownEntry = Readonly<{
  pasid: number;
  kind: Entry['kind'];
  hwpt?: number;
  ioas?: number;
  parent?: number;
  domainId?: number;
  faultQueue?: number;
  dirtyTracking?: boolean;
  /** First and last address of the window in which the kernel maps pages for message interrupts. */
  messageInterrupts?: readonly [string, string];
  /** Blocked although its group is attached: the driver refused a HWPT after it had blocked the RID. */
  leftBlocked?: true;
}>;

export type ShownRid = Readonly<{
  rid: string;
  group: string;
  context: number;
  /** 0: not bound, while others of its group are. */
  device: number;
  entries: readonly ShownEntry[];
}>;

export type ShownTransition = Readonly<{ what: string; commands: readonly Command[] }>;

export type ShownHardware = Readonly<{
  rids: readonly ShownRid[];
  /** Invalidations that are still to be issued, and what caches may hold until then. */
  pending: readonly string[];
  stale: readonly string[];
  /** The last ones, oldest first; the commands are the vendor's, [] without one. */
  transitions: readonly ShownTransition[];
  vendor?: Readonly<{ name: Vendor; title: string; rids: readonly RidView[] }>;
}>;

const slotText = (rid: string, pasid: number): string =>
  pasid === 0 ? `RID ${rid}` : `PASID ${pasid} of ${rid}`;

function shownEntry(state: RidState, pasid: number, entry: Entry): ShownEntry {
  const { leftBlocked } = state;
  if (!isTranslating(entry))
    return { pasid, kind: entry.kind, ...(leftBlocked && pasid === 0 ? { leftBlocked } : {}) };
  const { kind, hwptId: hwpt, ioasId: ioas, domainId, faultId: faultQueue, dirty: dirtyTracking } = entry;
  const parent = entry.kind === 'nested' ? { parent: entry.parentId } : {};
  const window = pasid === 0 ? msiWindow(state) : undefined;
  const messageInterrupts =
    window === undefined ? {} : { messageInterrupts: [hex(window.start), hex(window.last)] as const };
  return { pasid, kind, hwpt, ioas, ...parent, domainId, faultQueue, dirtyTracking, ...messageInterrupts };
}

function entryText(entry: Entry): string {
  return isTranslating(entry) ? `HWPT ${entry.hwptId}` : entry.kind;
}

function transitionText(transition: Transition): string {
  switch (transition.kind) {
    case 'entry':
      return `${slotText(transition.rid, transition.pasid)}: ${entryText(transition.from)} -> ${entryText(transition.to)}`;
    case 'unmap': {
      const users = transition.users.map(({ rid, pasid }) => slotText(rid, pasid)).join(', ');
      return `${hex(transition.range.start)}..${hex(transition.range.last)} unmapped under ${users}`;
    }
    case 'dirty':
      return `dirty tracking ${transition.enabled ? 'on' : 'off'} for ${slotText(transition.rid, transition.pasid)}`;
    case 'user':
      return `stage 1 of ${slotText(transition.rid, transition.pasid)} invalidated by user space`;
  }
}

function invalidationText({ cache, rid, pasid, domainId, range }: Invalidation): string {
  const where = rid === '' ? `domain ${domainId}` : slotText(rid, pasid);
  return `${cache} of ${where}${range === undefined ? '' : ` at ${hex(range.start)}..${hex(range.last)}`}`;
}

/** The snapshot; with `vendor` also in that vendor's words. */
export function showHardware(world: World, vendor: Vendor | undefined): ShownHardware {
  const hardware: Hardware = world.hardware;
  const rids = [...hardware.rids.values()].map((state) => ({
    rid: state.rid,
    group: state.groupKey,
    context: state.context,
    device: state.deviceId,
    entries: [...state.entries]
      .sort(([one], [other]) => one - other)
      .map(([pasid, entry]) => shownEntry(state, pasid, entry)),
  }));
  return {
    rids,
    pending: hardware.pending.map(invalidationText),
    stale: hardware.stale.map(invalidationText),
    transitions: hardware.recent.map((transition) => ({
      what: transitionText(transition),
      commands: vendor === undefined ? [] : commandsFor(vendor, transition),
    })),
    ...(vendor === undefined
      ? {}
      : { vendor: { name: vendor, title: VENDORS[vendor].title, rids: viewHardware(vendor, world) } }),
  };
}

/** Transitions that the text shows. */
const TRANSITIONS = 4;

function shownEntryText({
  kind,
  hwpt,
  ioas,
  parent,
  domainId,
  faultQueue,
  dirtyTracking,
  messageInterrupts,
  leftBlocked,
}: ShownEntry): string {
  if (hwpt === undefined) return leftBlocked ? `${kind}, left so by the driver, which refused a HWPT` : kind;
  const facts = [
    `HWPT ${hwpt}`,
    ...(parent === undefined ? [] : [`on HWPT ${parent}`]),
    `IOAS ${ioas}`,
    `domain id ${domainId}`,
  ];
  if (faultQueue !== 0) facts.push(`faults to queue ${faultQueue}`);
  if (dirtyTracking) facts.push('tracks dirty pages');
  if (messageInterrupts !== undefined) facts.push(`message interrupts in ${messageInterrupts.join('..')}`);
  return `${kind}: ${facts.join(', ')}`;
}

/** The same for people; empty where no device is bound. */
export function hardwareText(shown: ShownHardware): string {
  if (shown.rids.length === 0) return '';
  const lines = ['hardware'];
  for (const { rid, group, device, entries } of shown.rids) {
    lines.push(`  RID ${rid} (${device === 0 ? 'not bound' : `device ${device}`}, ${group})`);
    for (const entry of entries)
      lines.push(`    ${entry.pasid === 0 ? 'RID' : `PASID ${entry.pasid}`}: ${shownEntryText(entry)}`);
  }
  for (const one of shown.pending) lines.push(`  still to be invalidated: ${one}`);
  for (const one of shown.stale) lines.push(`  possibly stale: ${one}`);
  if (shown.vendor !== undefined) lines.push(...vendorLines(shown.vendor, shown.transitions));
  return `${lines.join('\n')}\n`;
}

function vendorLines(
  vendor: NonNullable<ShownHardware['vendor']>,
  transitions: readonly ShownTransition[],
): string[] {
  const lines = [`  ${vendor.title}`];
  for (const { rid, entries } of vendor.rids) {
    lines.push(`    RID ${rid}`);
    for (const { entry, index, fields } of entries) {
      const set = fields.filter(({ value }) => value !== 0).map(({ name, value }) => `${name}=${value}`);
      lines.push(`      ${entry} [${index}]: ${set.length === 0 ? 'all 0' : set.join(' ')}`);
    }
  }
  for (const { what, commands } of transitions.slice(-TRANSITIONS)) {
    lines.push(`    ${what}`);
    for (const { command, scope } of commands)
      lines.push(`      ${command}${scope === '' ? '' : ` (${scope})`}`);
  }
  return lines;
}
