/** The state as a tree, for people: what hangs on what, context by context. */
import { slotName } from './explain-holders.ts';
import { nameOf } from './explain-scene.ts';
import type { Fact, Shown, ShownContext, ShownIoas, ShownObject } from './show.ts';

type Lines = string[];

function isRange(value: Fact | undefined): value is Readonly<{ start: string; last: string }> {
  return typeof value === 'object' && 'start' in value;
}

function rangeText(value: Fact | undefined): string {
  return isRange(value) ? `[${value.start}, ${value.last}]` : '';
}

const indented = (lines: readonly string[]): Lines => lines.map((line) => `  ${line}`);

/** `HWPT 5 (users 2)`. */
function title(object: ShownObject): string {
  return `${nameOf(object)} (users ${object.users})`;
}

/** The whole picture; the machine first, then contexts, then processes. */
export function shownText(shown: Shown): string {
  const lines = [`${shown.trace}: kernel ${shown.kernel}, ${shown.iommu}, after seq ${shown.seq}`];
  if (shown.contexts.length === 0) lines.push('no context is open');
  for (const context of shown.contexts) lines.push(...contextLines(context));
  for (const { pid, uid, memlock, descriptors } of shown.processes) {
    lines.push(`process ${pid}: user ${uid}, RLIMIT_MEMLOCK ${BigInt(memlock)} bytes`);
    for (const { fd, kind, context, object, path } of descriptors) {
      const of = context === 0 ? '' : ` of context ${context}`;
      lines.push(
        `  descriptor ${fd}: ${path === '' ? kind : path}${object === 0 ? '' : `, object ${object}`}${of}`,
      );
    }
  }
  for (const [account, pages] of Object.entries(shown.charged))
    lines.push(`${account} is charged ${pages} pages`);
  return `${lines.join('\n')}\n`;
}

function contextLines(context: ShownContext): Lines {
  const { ioas, objects, broken, compatIoas } = context;
  const facts = [
    `${ioas.length + objects.length} objects`,
    `account mode ${context.accountMode}`,
    `${context.pinnedPages} pages pinned`,
  ];
  if (compatIoas !== 0) facts.push(`compat IOAS ${compatIoas}`);
  if (broken !== '') facts.push(`broken: ${broken}`);
  const lines: Lines = [`context ${context.id}: ${facts.join(', ')}`];
  for (const one of ioas) lines.push(...indented(ioasLines(context, one)));
  for (const object of objects) {
    if (object.kind === 'device') lines.push(...indented(deviceLines(context, object)));
    if (object.kind === 'fault')
      lines.push(
        `  ${title(object)}: ${object.facts['queued']} queued, ${object.facts['pending']} to be answered`,
      );
    if (object.kind === 'tombstone') lines.push(`  ${nameOf(object)}`);
    if (object.kind === 'access' && object.facts['ioas'] === 0)
      lines.push(`  ${accessLine(object)}, on no IOAS`);
  }
  for (const { offset, length, owner } of context.windows)
    lines.push(`  window ${offset}, ${length} bytes, of object ${owner}`);
  for (const { pid, address, length, owner } of context.mappings)
    lines.push(`  window of object ${owner} mapped by process ${pid} at ${address}, ${length} bytes`);
  return lines;
}

/** Objects of a context whose fact `name` is `id`, and that are of one of the kinds. */
function having(
  context: ShownContext,
  name: string,
  id: number,
  ...kinds: ShownObject['kind'][]
): ShownObject[] {
  return context.objects.filter(({ kind, facts }) => kinds.includes(kind) && facts[name] === id);
}

function ioasLines(context: ShownContext, ioas: ShownIoas): Lines {
  const { areas, areaCount, reserved, allowed, facts } = ioas;
  const pages = facts['largePages'] === true ? '' : ', large pages off';
  const lines: Lines = [`${title(ioas)}: ${areaCount} areas, alignment ${facts['align']}${pages}`];
  for (const { iova, last, prot, pins, locks, source } of areas) {
    const held = `${pins > 0 ? `, pinned ${pins} times` : ''}${locks > 0 ? `, locked ${locks} times` : ''}`;
    lines.push(`  area [${iova}, ${last}] ${prot} ${source}${held}`);
  }
  if (areaCount > areas.length) lines.push(`  and ${areaCount - areas.length} more areas`);
  lines.push(...reservedLines(reserved));
  for (const { start, last } of allowed) lines.push(`  allowed [${start}, ${last}]`);
  for (const hwpt of having(context, 'ioas', ioas.id, 'hwpt-paging'))
    lines.push(...indented(hwptLines(context, hwpt)));
  for (const access of having(context, 'ioas', ioas.id, 'access')) lines.push(`  ${accessLine(access)}`);
  return lines;
}

/** Several objects may reserve one range: one line for each range. */
function reservedLines(reserved: ShownIoas['reserved']): Lines {
  const owners = new Map<string, string[]>();
  for (const { start, last, owner } of reserved) {
    const range = `  reserved [${start}, ${last}]`;
    owners.set(range, [...(owners.get(range) ?? []), ownerText(owner)]);
  }
  return [...owners].map(([range, who]) => `${range} by ${who.join(', ')}`);
}

/** `hwpt:4` in words. */
function ownerText(owner: string): string {
  return owner === 'test'
    ? 'IOMMU_TEST_OP_ADD_RESERVED'
    : owner.replace('hwpt:', 'HWPT ').replace('device:', 'device ');
}

function accessLine(access: ShownObject): string {
  const { needsPin, internal, items } = access.facts;
  const pins = Array.isArray(items) ? items : [];
  const words = [
    internal === true ? 'of a HW queue' : needsPin === true ? 'pins whole pages' : 'reads and writes',
  ];
  for (const item of pins)
    if (typeof item === 'object') words.push(`item ${item.id} [${item.iova}, ${item.last}]`);
  return `${title(access)}: ${words.join(', ')}`;
}

const FLAG_WORDS: Readonly<Record<string, string>> = {
  auto: 'automatic',
  nestParent: 'NEST_PARENT',
  pasidCompat: 'PASID',
  dirtyOps: 'DIRTY_TRACKING',
  dirtyTracking: 'tracking',
};

function hwptLines(context: ShownContext, hwpt: ShownObject): Lines {
  const { facts } = hwpt;
  const words = Object.entries(FLAG_WORDS).flatMap(([name, word]) => (facts[name] === true ? [word] : []));
  if (hwpt.kind === 'hwpt-paging')
    words.push(`${facts['driver']} ${facts['format']}`, `aperture ${rangeText(facts['aperture'])}`);
  if (facts['fault'] !== 0) words.push(`fault queue ${facts['fault']}`);
  if (typeof facts['dirtyPages'] === 'number' && facts['dirtyPages'] > 0)
    words.push(`${facts['dirtyPages']} dirty pages`);
  const lines: Lines = [`${title(hwpt)}${words.length === 0 ? '' : `: ${words.join(', ')}`}`];
  for (const { device, pasid, hwpt: id } of context.attachments)
    if (id === hwpt.id) lines.push(`  device ${device} (${slotName(pasid)})`);
  for (const nested of having(context, 'parent', hwpt.id, 'hwpt-nested'))
    lines.push(...indented(hwptLines(context, nested)));
  for (const viommu of having(context, 'hwpt', hwpt.id, 'viommu'))
    lines.push(...indented(viommuLines(context, viommu)));
  return lines;
}

function viommuLines(context: ShownContext, viommu: ShownObject): Lines {
  const lines: Lines = [`${title(viommu)}: type ${viommu.facts['type']}`];
  for (const child of having(context, 'viommu', viommu.id, 'vdevice', 'veventq', 'hw-queue', 'hwpt-nested'))
    lines.push(...indented(child.kind === 'hwpt-nested' ? hwptLines(context, child) : [childLine(child)]));
  return lines;
}

function childLine(child: ShownObject): string {
  const { facts } = child;
  if (child.kind === 'vdevice') return `${title(child)}: device ${facts['device']} as ${facts['virtId']}`;
  if (child.kind === 'veventq')
    return `${title(child)}: type ${facts['type']}, ${facts['queued']} of ${facts['depth']} events queued`;
  return `${title(child)}: index ${facts['index']}, through hidden access ${facts['access']}`;
}

function deviceLines(context: ShownContext, device: ShownObject): Lines {
  const handle = having(context, 'device', device.id, 'selftest')[0];
  const words = [`${device.facts['name']}`, `group ${String(device.facts['group']).replace(/^group:/, '')}`];
  if (handle !== undefined) words.push(`mock handle ${handle.id}`);
  if (device.facts['vdevice'] !== 0) words.push(`vDEVICE ${device.facts['vdevice']}`);
  const slots = context.attachments
    .filter((one) => one.device === device.id)
    .map(({ pasid, hwpt }) => `  ${slotName(pasid)} on HWPT ${hwpt}`);
  return [`${title(device)}: ${words.join(', ')}`, ...(slots.length === 0 ? ['  not attached'] : slots)];
}
