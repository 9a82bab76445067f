/** Other arguments that a refused call might have had: what is worth trying, field by field. */
import { hex } from '../events/hex.ts';
import type { RuleId } from '../events/rules.ts';
import { U64_MAX } from '../events/u64.ts';
import { areaAt, firstIntersecting, nextAfter, nthArea } from '../machines/area-tree.ts';
import { chooseIova } from '../machines/iova-allocation.ts';
import type { Context } from '../machines/world.ts';
import { type FieldValue, withField } from './decoded-call.ts';
import { FLAG_NAMES, fieldName, fieldText } from './describe-command.ts';
import type { CallLine } from './engine.ts';
import { refusedField, wantedBy } from './explain-cause-id.ts';
import { type Target, targetOf } from './explain-cause-mapping.ts';
import { deviceOfCall } from './explain-cause-slot.ts';
import { bigField, idFieldsOf, numberField, type Scene } from './explain-scene.ts';

/** Fields set to other values, and that in words. */
export type Change = Readonly<{
  names: readonly string[];
  text: string;
  apply: (line: CallLine) => CallLine;
}>;

type Values = Readonly<Record<string, FieldValue>>;

const PAGE = 4096n;
const IDS_MAX = 40;

/** Numbers that some driver or struct takes. */
const PLAIN: Readonly<Record<string, readonly FieldValue[]>> = {
  dataType: [0, 0xdead, 0xdeadbeef, 1],
  dataLen: [0, 4, 8, 24],
  viommuType: [0xdeadbeef, 1],
  veventqType: [0xbeefbeef],
  veventqDepth: [1],
  hwQueueType: [0xdeadbeef],
  index: [0, 1, 2, 3],
  entryLen: [8, 12, 24],
  entryNum: [1, 0],
  pageSize: [PAGE, 2048n],
  val64: [0n, 1n],
  reserved: [0],
  reserved2: [0],
  limit: [65536],
  optionId: [0, 1],
  op: [0, 1],
};

/** Single changes of the arguments, most telling first. */
export function changesOf(scene: Scene, rule: RuleId): Change[] {
  const { line, call, context } = scene;
  if (line.ev === 'read') return [8, 40, 4096].map((len) => lengthChange(len));
  if (line.ev === 'mmap') return mmapChanges(context);
  if (line.ev !== 'ioctl' || call.layout === undefined) return [];
  const changes: Change[] = [];
  const add = (values: Values): void => {
    const known = Object.entries(values).filter(
      ([name, value]) => name in call.fields && call.fields[name] !== value,
    );
    const operation = 'op' in values && (call.type ?? '').startsWith('Test');
    if (known.length === Object.keys(values).length && !operation) changes.push(change(scene, values));
  };
  for (const values of [
    ...sizes(scene),
    ...flags(scene),
    ...ids(scene, rule),
    ...ranges(scene),
    ...slots(scene),
    ...plain(scene),
  ])
    add(values);
  return changes;
}

function change(scene: Scene, values: Values): Change {
  const { call } = scene;
  const { layout } = call;
  if (layout === undefined) throw new Error('invariant: a change of fields needs a struct');
  const text = Object.entries(values)
    .map(([name, value]) => fieldText(call, name, value))
    .join(', ');
  const former = Object.keys(values).map((name) =>
    fieldText(call, name, call.fields[name] ?? 0).slice(fieldName(call, name).length + 1),
  );
  return {
    names: Object.keys(values),
    text: `${text} instead of ${former.join(', ')}`,
    apply: (line) =>
      line.ev !== 'ioctl'
        ? line
        : Object.entries(values).reduce(
            (changed, [name, value]) => withField(changed, layout, name, value),
            line,
          ),
  };
}

function lengthChange(len: number): Change {
  return {
    names: ['len'],
    text: `a buffer of ${len} bytes`,
    apply: (line) => (line.ev === 'read' ? { ...line, len } : line),
  };
}

/** Whole windows, shared and not executable. */
function mmapChanges(context: Context | undefined): Change[] {
  return (context?.windows ?? []).map(({ offset, length }) => ({
    names: ['len', 'off'],
    text: `offset ${hex(offset)}, length ${hex(length)}, shared, readable and writable`,
    apply: (line) =>
      line.ev === 'mmap' ? { ...line, off: hex(offset), len: hex(length), prot: 3, flags: 1 } : line,
  }));
}

function sizes({ call }: Scene): Values[] {
  const size = call.layout?.size ?? 0;
  return 'size' in call.fields ? [{ size }] : 'argsz' in call.fields ? [{ argsz: size }] : [];
}

/** Each flag cleared, each flag set. */
function flags({ call }: Scene): Values[] {
  const values: Values[] = [];
  for (const name of ['flags', 'devFlags']) {
    const now = numberField(call, name);
    if (now === undefined) continue;
    for (let bit = 0; bit < 32; bit++)
      if (now & (1 << bit)) values.push({ [name]: (now & ~(1 << bit)) >>> 0 });
    for (const bit of Object.keys(FLAG_NAMES[call.type ?? ''] ?? {}))
      if (!(now & Number(bit))) values.push({ [name]: (now | Number(bit)) >>> 0 });
    if (now !== 0) values.push({ [name]: 0 });
  }
  return values;
}

/** Page tables, fault queues and the like may be chosen freely; what a call is about may not. */
function isChoice(call: Scene['call'], name: string): boolean {
  return CHOICES.has(name) || (name === 'id' && /^TestMockDomain(Flags)?$/.test(call.type ?? ''));
}

const CHOICES = new Set(['ptId', 'hwptId', 'viommuId', 'faultId', 'devId']);

function filesOf(scene: Scene, kind: string): number[] {
  const open = [...(scene.process?.fds ?? [])];
  return open.filter(([, fileId]) => scene.before.files.get(fileId)?.kind === kind).map(([fd]) => fd);
}

/** Every object of the context, those of the wanted kind first; descriptors where `id` is one. */
function ids(scene: Scene, rule: RuleId): Values[] {
  const { context, call } = scene;
  if (context === undefined || call.type === 'Destroy') return [];
  const kinds = wantedBy(rule)?.kinds ?? [];
  const objects = context.objects
    .filter((one) => one !== undefined)
    .filter(({ kind }) => kind !== 'access' && kind !== 'tombstone');
  const rank = (kind: string): number => (kinds.some((one) => one === kind) ? 0 : 1);
  const sorted = objects.toSorted((one, other) => rank(one.kind) - rank(other.kind)).slice(0, IDS_MAX);
  const refused = refusedField(scene, rule);
  const names = idFieldsOf(call).filter(
    (name) => name === refused || (refused === undefined && isChoice(call, name)),
  );
  const values = names.flatMap((name) => sorted.map((one) => ({ [name]: one.id })));
  if (/^vfio-bind\/(descriptor|not-iommufd|arguments)$/.test(rule))
    values.push(...filesOf(scene, 'iommufd').map((fd) => ({ iommufd: fd })));
  if (rule === 'access/descriptor') values.push(...filesOf(scene, 'access').map((id) => ({ id })));
  return values;
}

function ranges(scene: Scene): Values[] {
  const { call } = scene;
  const target = targetOf(scene);
  const values: Values[] = [];
  const name = ['dstIova', 'iova', 'start'].find((one) => one in call.fields) ?? 'iova';
  if (target !== undefined) {
    values.push(...existing(target, name), ...holes(scene, target, name));
    values.push(...aligned(call.fields, name, BigInt(target.ioas.align)));
  }
  for (const field of [name, 'length', 'userVa', 'vaddr', 'start'])
    values.push(...aligned(call.fields, field, PAGE));
  if ('length' in call.fields && typeof call.fields['length'] === 'bigint') values.push({ length: PAGE });
  if ('numIovas' in call.fields && scene.result.outcome.reply !== undefined) {
    const found = scene.result.outcome.reply['numIovas'];
    if (typeof found === 'number') values.push({ numIovas: found });
  }
  return [...values, ...sources(scene), ...memory(scene)];
}

/** Whole areas at and after the range, and the range widened to whole areas. */
function existing({ ioas, start, last }: Target, name: string): Values[] {
  const first = firstIntersecting(ioas.areas, start, last) ?? nextAfter(ioas.areas, start);
  if (first === undefined) return [];
  const end = areaAt(ioas.areas, last) ?? first;
  const lower = first.iova < start ? first.iova : start;
  const upper = end.last > last ? end.last : last;
  const size = (from: bigint, to: bigint): bigint => (to - from + 1n) & U64_MAX;
  return [
    { length: size(start, upper) },
    { [name]: lower, length: size(lower, upper) },
    { [name]: first.iova, length: size(first.iova, first.last) },
  ];
}

/** Areas that a COPY could read. */
function sources({ call, context }: Scene): Values[] {
  const ioas = context?.objects[numberField(call, 'srcIoasId') ?? 0];
  if (ioas?.kind !== 'ioas') return [];
  const area = nthArea(ioas.areas, 0);
  if (area === undefined) return [];
  const length = area.last - area.iova + 1n;
  return [{ srcIova: area.iova }, { length }, { srcIova: area.iova, length }];
}

/** The place that the kernel itself would choose. */
function holes(scene: Scene, { ioas, start, last }: Target, name: string): Values[] {
  const iova = chooseIova({
    length: last - start + 1n,
    addr: bigField(scene.call, 'userVa') ?? start,
    align: BigInt(ioas.align),
    reserved: ioas.reserved,
    allowed: ioas.allowed,
    areas: ioas.areas,
    thpCap: scene.history.session.kernel.hugePageSize,
  });
  return typeof iova === 'bigint' ? [{ [name]: iova }] : [];
}

function aligned(fields: Values, name: string, to: bigint): Values[] {
  const value = fields[name];
  if (typeof value !== 'bigint' || value % to === 0n) return [];
  const down = value - (value % to);
  return down === 0n && name === 'length'
    ? [{ [name]: to }]
    : [{ [name]: down }, { [name]: (down + to) & U64_MAX }];
}

/** Memory of the process that is large enough and has the rights. */
function memory({ space, call }: Scene): Values[] {
  const name = 'userVa' in call.fields ? 'userVa' : 'vaddr';
  const length = bigField(call, 'length');
  if (!(name in call.fields) || length === undefined || space === undefined) return [];
  const fits = space.vmas.find(
    (vma) => vma.read && vma.write && vma.kind !== 'device' && BigInt(vma.end - vma.start) >= length,
  );
  return fits === undefined ? [] : [{ [name]: BigInt(fits.start) }];
}

function slots(scene: Scene): Values[] {
  if (!('pasid' in scene.call.fields)) return [];
  const device = deviceOfCall(scene);
  const group = device === undefined ? undefined : scene.context?.groups.get(device.traits.groupKey);
  return [...new Set([...(group?.slots.keys() ?? []), 1, 2])].map((pasid) => ({ pasid }));
}

function plain({ call }: Scene): Values[] {
  const virtId = call.fields['virtId'];
  const next: Values[] =
    typeof virtId === 'bigint' ? [1n, 2n, 3n].map((more) => ({ virtId: virtId + more })) : [];
  const known = Object.keys(call.fields).flatMap((name) =>
    (PLAIN[name] ?? []).map((value) => ({ [name]: value })),
  );
  return [...next, ...known];
}
