/** Earlier calls and facts that might have made a refused call succeed, by rule. */
import { hex } from '../events/hex.ts';
import {
  IOMMU_HWPT_ALLOC,
  IOMMU_IOAS_ALLOC,
  IOMMU_IOAS_ALLOW_IOVAS,
  IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
  IOMMU_TEST_OP_PASID_ATTACH,
  IOMMU_TEST_OP_PASID_REPLACE,
  IOMMU_VFIO_IOAS,
  VFIO_DEVICE_ATTACH_IOMMUFD_PT,
  VFIO_DEVICE_BIND_IOMMUFD,
} from '../events/ioctl-number.ts';
import type { RuleId } from '../events/rules.ts';
import { U64_MAX } from '../events/u64.ts';
import { type Area, forEachArea } from '../machines/area-tree.ts';
import { freeId, objectAt } from '../machines/objects.ts';
import { CAP_IPC_LOCK, CAP_SYS_RAWIO, CAP_SYS_RESOURCE } from '../machines/site.ts';
import type { Context } from '../machines/world.ts';
import { withField } from './decoded-call.ts';
import { describeCall, fieldName } from './describe-command.ts';
import type { CallLine } from './engine.ts';
import { refusedField } from './explain-cause-id.ts';
import { ioasNamed, targetOf } from './explain-cause-mapping.ts';
import { deviceOfCall } from './explain-cause-slot.ts';
import { objectsInTheWay } from './explain-cause-viommu.ts';
import { descriptorOf, madeUp, mockOp } from './explain-lab.ts';
import { destroyLine, detachLines, releaseLines, unmapLine } from './explain-release.ts';
import { numberField, type Scene } from './explain-scene.ts';
import { isCall } from './provenance.ts';
import type { CredLine, RecordedLine } from './recording.ts';

/** Lines before the call, and the call as it then has to be. */
export type Prelude = Readonly<{
  before: readonly RecordedLine[];
  call: CallLine;
  text?: string;
  /** `call` is another command. */
  instead?: boolean;
}>;

const UNMAPS_MAX = 8;
const NEST_PARENT = 1;
const DIRTY_TRACKING = 2;
const PASID = 8;

/** What to try before the call, most telling first. */
export function preludesOf(scene: Scene, rule: RuleId, asked: CallLine): Prelude[] {
  const { context } = scene;
  const facts = [...credentialPreludes(scene, rule, asked), ...bindPreludes(scene, rule, asked)];
  const fd = context === undefined ? undefined : descriptorOf(scene, context);
  if (context === undefined || fd === undefined) return facts;
  const plain = (before: readonly RecordedLine[]): Prelude[] =>
    before.length === 0 ? [] : [{ before, call: asked }];
  const target = targetOf(scene);
  switch (rule) {
    case 'destroy/users': {
      const object = objectAt(context, numberField(scene.call, 'id') ?? 0);
      return object === undefined ? [] : plain(releaseLines(scene, context, object));
    }
    case 'reserve/in-use':
      return [...unmapping(scene, fd, rule), ...allowing(scene, fd)].flatMap(plain);
    case 'map/exists':
    case 'ioas/alignment':
      return unmapping(scene, fd, rule).flatMap(plain);
    case 'unmap/locked':
      return target === undefined ? [] : plain(queuesOf(scene, context, fd));
    case 'compat/ioas':
    case 'ioas/exists':
      return ioasPreludes(scene, context, fd, rule, asked);
    case 'replace/attached':
      return insteadOf(scene, fd, rule);
    case 'attach/rid-pasid-compat':
      return ridPreludes(scene, context, fd, asked);
    default:
      return [
        ...facts,
        ...insteadOf(scene, fd, rule),
        ...objectsInTheWay(scene, rule).flatMap((one) =>
          plain([...releaseLines(scene, context, one), destroyLine(scene, fd, one.id)]),
        ),
        ...slotPreludes(scene, context, fd, rule, asked),
        ...hwptPreludes(scene, context, fd, rule, asked),
      ];
  }
}

/** What a prelude does, in words. */
export function preludeText(lines: readonly RecordedLine[]): string {
  return lines.map(lineText).join(', then ');
}

function lineText(line: RecordedLine): string {
  if (isCall(line)) return describeCall(line);
  if (line.ev === 'close') return `close of descriptor ${line.fd} of process ${line.pid}`;
  if (line.ev === 'cred') return `RLIMIT_MEMLOCK ${BigInt(line.memlock)} and capabilities ${line.capEff}`;
  return line.ev;
}

const CAPABILITY: Partial<Record<RuleId, Readonly<{ bit: bigint; name: string }>>> = {
  'option/rlimit-capability': { bit: CAP_SYS_RESOURCE, name: 'CAP_SYS_RESOURCE' },
  'vfio-set-iommu/capability': { bit: CAP_SYS_RAWIO, name: 'CAP_SYS_RAWIO' },
  'noiommu-get-pa/capability': { bit: CAP_SYS_RAWIO, name: 'CAP_SYS_RAWIO' },
  'pin/memlock': { bit: CAP_IPC_LOCK, name: 'CAP_IPC_LOCK' },
};

/** Other rights and limits of the calling process. */
function credentialPreludes(scene: Scene, rule: RuleId, call: CallLine): Prelude[] {
  const { process } = scene;
  if (process === undefined) return [];
  const preludes: Prelude[] = [];
  const cred = (memlock: bigint, capabilities: bigint): CredLine => {
    const { seq, ns, pid, tid } = scene.line;
    return {
      ev: 'cred',
      seq,
      ns,
      pid,
      tid,
      uid: process.uid,
      memlock: hex(memlock),
      capEff: hex(capabilities),
    };
  };
  if (rule === 'pin/memlock' || rule === 'ioas-change-process/memlock') {
    for (let limit = process.memlock < 4096n ? 4096n : process.memlock * 2n; limit < 1n << 44n; limit *= 2n)
      preludes.push({
        before: [cred(limit, process.capabilities)],
        call,
        text: `RLIMIT_MEMLOCK of ${limit} bytes instead of ${process.memlock}`,
      });
  }
  const wanted = CAPABILITY[rule];
  if (wanted !== undefined)
    preludes.push({
      before: [cred(process.memlock, process.capabilities | (1n << wanted.bit))],
      call,
      text: wanted.name,
    });
  return preludes;
}

/** A VFIO device file is bound to an iommufd of the process first. */
function bindPreludes(scene: Scene, rule: RuleId, call: CallLine): Prelude[] {
  if (rule !== 'vfio/unbound') return [];
  const device = { fd: scene.line.fd, kind: 'vfio-dev' } as const;
  return [...(scene.process?.fds ?? [])].flatMap(([iommufd, fileId]) => {
    if (scene.before.files.get(fileId)?.kind !== 'iommufd') return [];
    return [
      { before: [madeUp(scene, device, VFIO_DEVICE_BIND_IOMMUFD, 'DeviceBindIommufd', { iommufd })], call },
    ];
  });
}

/** UNMAP of the areas in the way: those of the range, else all. */
function unmapping(scene: Scene, fd: number, rule: RuleId): RecordedLine[][] {
  const target = targetOf(scene);
  const ioas = target?.ioas ?? ioasNamed(scene);
  if (ioas === undefined) return [];
  const { start, last } = target ?? { start: 0n, last: U64_MAX };
  const found: Area[] = [];
  forEachArea(ioas.areas, (area) => found.push(area), start, last);
  if (rule === 'ioas/alignment') {
    const odd = found.filter((area) => (area.iova | (area.last + 1n) | area.startByte) & 0xfffn);
    return [odd.slice(0, UNMAPS_MAX).map((area) => unmapLine(scene, fd, ioas.id, area.iova, area.last))];
  }
  const [first, end] = [found[0], found.at(-1)];
  return first === undefined || end === undefined
    ? []
    : [[unmapLine(scene, fd, ioas.id, first.iova, end.last)]];
}

/** ALLOW_IOVAS with an empty list: nothing is promised to automatic IOVAs any more. */
function allowing(scene: Scene, fd: number): RecordedLine[][] {
  const ioas = targetOf(scene)?.ioas ?? ioasNamed(scene);
  if (ioas === undefined || ioas.allowed.length === 0) return [];
  const target = { fd, kind: 'iommufd' } as const;
  return [[madeUp(scene, target, IOMMU_IOAS_ALLOW_IOVAS, 'IoasAllowIovas', { ioasId: ioas.id })]];
}

function queuesOf(scene: Scene, context: Context, fd: number): RecordedLine[] {
  const queues = context.objects.filter((one) => one?.kind === 'hw-queue');
  return queues.map((queue) => destroyLine(scene, fd, queue.id));
}

function ioasPreludes(scene: Scene, context: Context, fd: number, rule: RuleId, call: CallLine): Prelude[] {
  const alloc = madeUp(scene, { fd, kind: 'iommufd' }, IOMMU_IOAS_ALLOC, 'IoasAlloc', {});
  const id = freeId(context);
  if (rule === 'ioas/exists') {
    const field = refusedField(scene, rule);
    const { layout } = scene.call;
    if (field === undefined || layout === undefined || call.ev !== 'ioctl') return [];
    if (numberField(scene.call, field) === id) return [{ before: [alloc], call }];
    const text = `IOMMU_IOAS_ALLOC first, then ${fieldName(scene.call, field)}=${id}`;
    return [{ before: [alloc], call: withField(call, layout, field, id), text }];
  }
  const set = (ioasId: number): RecordedLine =>
    madeUp(scene, { fd, kind: 'iommufd' }, IOMMU_VFIO_IOAS, 'VfioIoas', { ioasId, op: 1 });
  const known = context.objects.find((one) => one?.kind === 'ioas');
  return [{ before: known === undefined ? [alloc, set(id)] : [set(known.id)], call }];
}

/** The operation that suits the state of the slot: REPLACE where something is attached, ATTACH where nothing is. */
function insteadOf(scene: Scene, fd: number, rule: RuleId): Prelude[] {
  const { fields, type } = scene.call;
  const { id = 0, pasid = 0, ptId = 0 } = fields;
  const other =
    rule === 'attach/attached' && type === 'TestPasidAttach'
      ? mockOp(scene, fd, IOMMU_TEST_OP_PASID_REPLACE, 'TestPasidReplace', { id, pasid, ptId })
      : rule === 'replace/attached' && type === 'TestPasidReplace'
        ? mockOp(scene, fd, IOMMU_TEST_OP_PASID_ATTACH, 'TestPasidAttach', { id, pasid, ptId })
        : undefined;
  return other === undefined ? [] : [{ before: [], call: other, instead: true, text: describeCall(other) }];
}

/** The RID moves to a HWPT made for PASIDs, an existing one or a new one, and the PASID to the same where it must. */
function ridPreludes(scene: Scene, context: Context, fd: number, call: CallLine): Prelude[] {
  const device = deviceOfCall(scene);
  const handle = context.objects.find((one) => one?.kind === 'selftest' && one.deviceId === device?.id);
  const { layout } = scene.call;
  if (device === undefined || layout === undefined || call.ev !== 'ioctl') return [];
  const vfio = { fd: scene.line.fd, kind: 'vfio-dev' } as const;
  const move = (ptId: number): RecordedLine =>
    handle === undefined
      ? madeUp(scene, vfio, VFIO_DEVICE_ATTACH_IOMMUFD_PT, 'DeviceAttachIommufdPt', { ptId })
      : mockOp(scene, fd, IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, 'TestMockDomainReplace', {
          id: handle.id,
          ptId,
        });
  const known = context.objects.flatMap((one) =>
    one?.kind === 'hwpt-paging' && one.pasidCompat ? [{ before: [move(one.id)], call }] : [],
  );
  const id = freeId(context);
  const fresh = context.objects.flatMap((ioas) => {
    if (ioas?.kind !== 'ioas') return [];
    const fields = { flags: PASID, devId: device.id, ptId: ioas.id };
    const before = [madeUp(scene, { fd, kind: 'iommufd' }, IOMMU_HWPT_ALLOC, 'HwptAlloc', fields), move(id)];
    const text = `${preludeText(before)}, then pt=${id}`;
    return [
      { before, call },
      { before, call: withField(call, layout, 'ptId', id), text },
    ];
  });
  return [...known, ...fresh];
}

/** Slots of the group that are in the way are left first: the one asked for, then all PASIDs, then the RID. */
function slotPreludes(scene: Scene, context: Context, fd: number, rule: RuleId, call: CallLine): Prelude[] {
  if (!/^(attach\/(attached|group-hwpt|pasids-attached)|pasid-check\/attached)/.test(rule)) return [];
  const device = deviceOfCall(scene);
  const group = device === undefined ? undefined : context.groups.get(device.traits.groupKey);
  if (device === undefined || group === undefined) return [];
  const pasid = numberField(scene.call, 'pasid') ?? 0;
  const leave = (one: number): RecordedLine[] =>
    (group.slots.get(one)?.deviceIds ?? []).flatMap((id) => detachLines(scene, context, fd, id, one));
  const pasids = [...group.slots.keys()].filter((one) => one !== 0).flatMap(leave);
  return [leave(pasid), pasids].filter((before) => before.length > 0).map((before) => ({ before, call }));
}

const FLAG_FOR: Partial<Record<RuleId, number>> = {
  'attach/pasid-compat': PASID,
  'attach/pasids-attached': PASID,
  'set-dirty/ops': DIRTY_TRACKING,
  'get-dirty/ops': DIRTY_TRACKING,
  'viommu-alloc/nest-parent': NEST_PARENT,
  'hwpt-alloc/parent': NEST_PARENT,
};

/** A HWPT with the missing quality is allocated first, and the call names that one. */
function hwptPreludes(scene: Scene, context: Context, fd: number, rule: RuleId, call: CallLine): Prelude[] {
  const flags = FLAG_FOR[rule];
  const { layout, fields } = scene.call;
  const field = ['hwptId', 'ptId', 'id'].find(
    (name) => name in fields && (name !== 'id' || !('ptId' in fields)),
  );
  if (flags === undefined || layout === undefined || field === undefined || call.ev !== 'ioctl') return [];
  const named = objectAt(context, numberField(scene.call, field) ?? 0);
  const ioases = context.objects.filter((one) => one?.kind === 'ioas');
  const own = named?.kind === 'hwpt-paging' ? named.ioasId : 0;
  const device = deviceOfCall(scene) ?? context.objects.find((one) => one?.kind === 'device');
  if (device === undefined) return [];
  const id = freeId(context);
  return ioases
    .toSorted((one, other) => Number(other.id === own) - Number(one.id === own))
    .map((ioas) => {
      const alloc = madeUp(scene, { fd, kind: 'iommufd' }, IOMMU_HWPT_ALLOC, 'HwptAlloc', {
        flags,
        devId: device.id,
        ptId: ioas.id,
      });
      const text = `${describeCall(alloc)}, then ${fieldName(scene.call, field)}=${id}`;
      return { before: [alloc], call: withField(call, layout, field, id), text };
    });
}
