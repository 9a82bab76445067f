/** Earlier calls and facts that might have made a refused call succeed, by rule. */
import {
  IOMMU_HWPT_ALLOC,
  IOMMU_IOAS_ALLOC,
  IOMMU_TEST_OP_PASID_ATTACH,
  IOMMU_VFIO_IOAS,
} from '../events/ioctl-number.ts';
import type { RuleId } from '../events/rules.ts';
import { firstIntersecting, forEachArea } from '../machines/area-tree.ts';
import { freeId, objectAt } from '../machines/objects.ts';
import { CAP_IPC_LOCK, CAP_SYS_RAWIO, CAP_SYS_RESOURCE } from '../machines/site.ts';
import type { Context } from '../machines/world.ts';
import { withField } from './decoded-call.ts';
import { describeCall, fieldName } from './describe-command.ts';
import type { CallLine } from './engine.ts';
import { refusedField } from './explain-cause-id.ts';
import { targetOf } from './explain-cause-mapping.ts';
import { deviceOfCall } from './explain-cause-slot.ts';
import { descriptorOf, madeUp, mockOp } from './explain-lab.ts';
import { destroyLine, detachLines, releaseLines, unmapLine } from './explain-release.ts';
import { numberField, type Scene } from './explain-scene.ts';
import { isCall } from './provenance.ts';
import type { CredLine, RecordedLine } from './recording.ts';

/** Lines before the call, and the call as it then has to be. */
export type Prelude = Readonly<{ before: readonly RecordedLine[]; call: CallLine; text?: string }>;

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const NEST_PARENT = 1;
const DIRTY_TRACKING = 2;
const PASID = 8;

/** What to try before the call, most telling first. */
export function preludesOf(scene: Scene, rule: RuleId, asked: CallLine): Prelude[] {
  const { context } = scene;
  const facts = credentialPreludes(scene, rule, asked);
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
    case 'map/exists':
    case 'reserve/in-use':
    case 'ioas/alignment':
      return unmapping(scene, context, fd).flatMap(plain);
    case 'unmap/locked':
      return target === undefined ? [] : plain(queuesOf(scene, context, fd));
    case 'compat/ioas':
    case 'ioas/exists':
      return ioasPreludes(scene, context, fd, rule, asked);
    case 'replace/attached':
      return attachFirst(scene, fd, asked);
    default:
      return [
        ...facts,
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
      memlock: `0x${memlock.toString(16)}`,
      capEff: `0x${capabilities.toString(16)}`,
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

/** UNMAP of the areas in the way: those of the range, else all. */
function unmapping(scene: Scene, context: Context, fd: number): RecordedLine[][] {
  const named =
    numberField(scene.call, 'ptId') ?? numberField(scene.call, 'ioasId') ?? numberField(scene.call, 'id');
  const target = targetOf(scene);
  const ioas = target?.ioas ?? objectAt(context, named ?? 0);
  if (ioas?.kind !== 'ioas') return [];
  const { start, last } = target ?? { start: 0n, last: U64_MAX };
  const found: { iova: bigint; last: bigint }[] = [];
  forEachArea(ioas.areas, (area) => found.push(area), start, last);
  const first = firstIntersecting(ioas.areas, start, last);
  const end = found.at(-1);
  if (first === undefined || end === undefined) return [];
  return [[unmapLine(scene, fd, ioas.id, first.iova, end.last)]];
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

function attachFirst(scene: Scene, fd: number, call: CallLine): Prelude[] {
  const { fields, type } = scene.call;
  if (type !== 'TestPasidReplace') return [];
  const { id = 0, pasid = 0, ptId = 0 } = fields;
  return [
    { before: [mockOp(scene, fd, IOMMU_TEST_OP_PASID_ATTACH, 'TestPasidAttach', { id, pasid, ptId })], call },
  ];
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
