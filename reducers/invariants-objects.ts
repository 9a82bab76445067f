/** Invariants of the object table: ids, references, parents, virtual ids, page requests. */
import type { FaultRecord } from '../events/fault.ts';
import { type Fault, type Hwpt, type IommuObject, objectAt } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import type { InvariantId, Violation } from './invariants-register.ts';

type Report = (invariant: InvariantId, detail: string) => void;

/** References by id, counted anew for each context; kept between calls so that counting allocates nothing. */
let counted = new Int32Array(64);

function hold(id: number, count = 1): void {
  counted[id] = (counted[id] as number) + count;
}

/** What an object holds of itself and of others while it exists. */
function holdFor(object: IommuObject): void {
  hold(object.id);
  switch (object.kind) {
    case 'hwpt-paging':
      hold(object.ioasId);
      hold(object.faultId);
      return;
    case 'hwpt-nested':
      hold(object.parentId);
      hold(object.viommuId);
      hold(object.faultId);
      return;
    case 'device':
      hold(object.id);
      return;
    case 'access':
      hold(object.id);
      hold(object.ioasId);
      return;
    case 'fault':
      if (object.phase === 'open') hold(object.id);
      return;
    case 'viommu':
      hold(object.hwptId);
      return;
    case 'vdevice':
      hold(object.viommuId);
      hold(object.deviceId);
      return;
    case 'veventq':
      if (object.phase === 'open') hold(object.id);
      hold(object.viommuId);
      return;
    case 'hw-queue':
      hold(object.viommuId);
      hold(object.dependsOnId);
      return;
    case 'ioas':
    case 'selftest':
    case 'tombstone':
      return;
  }
}

function countUsers(context: Context): void {
  const { objects } = context;
  if (counted.length < objects.length) counted = new Int32Array(objects.length * 2);
  counted.fill(0, 0, objects.length);
  for (const object of objects) if (object !== undefined) holdFor(object);
  for (const group of context.groups.values()) {
    for (const slot of group.slots.values()) {
      hold(slot.hwptId, slot.deviceIds.length);
      for (const id of slot.deviceIds) hold(id);
    }
  }
  for (const { ownerId } of context.mappings) hold(ownerId);
}

/** users-match-graph, ids-unique, nested-has-parent, vdevice-unique. */
export function checkObjects(context: Context, report: Report): void {
  countUsers(context);
  let live = 0;
  for (let id = 1; id < context.objects.length; id++) {
    const object = context.objects[id];
    if (object === undefined) {
      if (id < context.lowestFree)
        report('ids-unique', `id ${id} is free, the lowest free one is said to be ${context.lowestFree}`);
      continue;
    }
    live++;
    if (object.id !== id) report('ids-unique', `${object.kind} ${object.id} is at id ${id}`);
    if (object.users !== counted[id])
      report(
        'users-match-graph',
        `${object.kind} ${id} has ${object.users} users, its holders are ${counted[id]}`,
      );
    if (object.kind === 'hwpt-nested') checkParent(context, object, report);
    if (object.kind === 'vdevice') checkVdevice(context, object, report);
  }
  if (context.lowestFree > Math.max(context.objects.length, 1))
    report(
      'ids-unique',
      `id ${context.objects.length} is free, the lowest free one is said to be ${context.lowestFree}`,
    );
  if (live !== context.live) report('ids-unique', `${live} ids are in use, ${context.live} are counted`);
}

function checkParent(context: Context, hwpt: Extract<Hwpt, { kind: 'hwpt-nested' }>, report: Report): void {
  const viommu = hwpt.viommuId === 0 ? undefined : objectAt(context, hwpt.viommuId);
  const parentId = hwpt.viommuId === 0 ? hwpt.parentId : viommu?.kind === 'viommu' ? viommu.hwptId : 0;
  const parent = objectAt(context, parentId);
  if (parent?.kind !== 'hwpt-paging' || !parent.nestParent)
    report('nested-has-parent', `nested HWPT ${hwpt.id} has ${parent?.kind ?? 'nothing'} above it`);
}

function checkVdevice(
  context: Context,
  vdevice: Extract<IommuObject, { kind: 'vdevice' }>,
  report: Report,
): void {
  const device = objectAt(context, vdevice.deviceId);
  if (device?.kind !== 'device' || device.vdeviceId !== vdevice.id)
    report('vdevice-unique', `device ${vdevice.deviceId} does not know its vDEVICE ${vdevice.id}`);
  for (let id = vdevice.id + 1; id < context.objects.length; id++) {
    const other = context.objects[id];
    if (other?.kind !== 'vdevice' || other.viommuId !== vdevice.viommuId || other.virtId !== vdevice.virtId)
      continue;
    report(
      'vdevice-unique',
      `vDEVICEs ${vdevice.id} and ${id} both are ${vdevice.virtId} of vIOMMU ${vdevice.viommuId}`,
    );
  }
}

/** fault-answered-once, as far as the queues show. */
export function checkFaults(context: Context, report: Report): void {
  for (const object of context.objects) {
    if (object?.kind !== 'fault') continue;
    for (const record of object.queued) checkRecord(context, object, record, report);
    for (const [cookie, record] of object.pending) {
      checkRecord(context, object, record, report);
      if (object.queued.includes(record))
        report(
          'fault-answered-once',
          `the request with cookie ${cookie} of fault queue ${object.id} is queued again`,
        );
    }
    if (new Set(object.pending.values()).size !== object.pending.size)
      report('fault-answered-once', `two cookies of fault queue ${object.id} stand for one request`);
  }
}

function checkRecord(context: Context, fault: Fault, record: FaultRecord, report: Report): void {
  const slot = context.groups.get(record.groupKey)?.slots.get(record.slotPasid);
  const hwpt = slot === undefined ? undefined : objectAt(context, slot.hwptId);
  const routed = hwpt !== undefined && 'faultId' in hwpt && hwpt.faultId === fault.id;
  if (!routed)
    report(
      'fault-answered-once',
      `fault queue ${fault.id} keeps a request of device ${record.deviceId} whose attachment is over`,
    );
}

/** Collects what `check` reports. */
export function collect(check: (report: Report) => void): Violation[] {
  const violations: Violation[] = [];
  check((invariant, detail) => violations.push({ invariant, detail }));
  return violations;
}
