/** Who holds references to an object: what DESTROY counts, as a path that people can follow. */
import type { IommuObject } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import {
  type Cause,
  distinctSteps,
  kindWord,
  madeText,
  makerOf,
  nameOf,
  type Scene,
  stepText,
} from './explain-scene.ts';
import { lastStep, type Step, slotStep } from './provenance.ts';

/** One reference on an object. */
export type Holder =
  | Readonly<{ how: 'object'; id: number }>
  | Readonly<{ how: 'attachment'; deviceId: number; groupKey: string; pasid: number }>
  | Readonly<{ how: 'descriptor'; fileId: number }>
  | Readonly<{ how: 'mapping'; pid: number; address: number }>
  | Readonly<{ how: 'binding'; deviceId: number }>;

/** Everything that keeps `object` from being destroyed, in id order. */
export function holdersOf(scene: Scene, context: Context, object: IommuObject): Holder[] {
  const holders: Holder[] = [];
  for (const other of context.objects) {
    if (other === undefined || other === object) continue;
    for (let count = referencesTo(other, object); count > 0; count--)
      holders.push({ how: 'object', id: other.id });
  }
  holders.push(...attachmentsOf(context, object));
  if (object.kind === 'device') holders.push({ how: 'binding', deviceId: object.id });
  if (object.kind === 'access' || object.kind === 'fault' || object.kind === 'veventq') {
    for (const file of scene.before.files.values())
      if (file.contextId === context.id && file.objectId === object.id && file.kind !== 'vfio-dev')
        holders.push({ how: 'descriptor', fileId: file.id });
  }
  for (const { ownerId, pid, address } of context.mappings)
    if (ownerId === object.id) holders.push({ how: 'mapping', pid, address });
  return holders;
}

/** How many references `other` holds on `object`. */
function referencesTo(other: IommuObject, { id }: IommuObject): number {
  const held = (ids: readonly number[]): number => ids.filter((one) => one === id).length;
  switch (other.kind) {
    case 'hwpt-paging':
      return held([other.ioasId, other.faultId]);
    case 'hwpt-nested':
      return held([other.parentId, other.viommuId, other.faultId]);
    case 'access':
      return held([other.ioasId]);
    case 'viommu':
      return held([other.hwptId]);
    case 'vdevice':
      return held([other.viommuId, other.deviceId]);
    case 'veventq':
      return held([other.viommuId]);
    case 'hw-queue':
      return held([other.viommuId, other.dependsOnId, other.accessId]);
    default:
      return 0;
  }
}

function attachmentsOf(context: Context, object: IommuObject): Holder[] {
  const holders: Holder[] = [];
  for (const { key: groupKey, slots } of context.groups.values()) {
    for (const [pasid, slot] of slots) {
      for (const deviceId of slot.deviceIds)
        if (slot.hwptId === object.id || deviceId === object.id)
          holders.push({ how: 'attachment', deviceId, groupKey, pasid });
    }
  }
  return holders;
}

/** `RID` or `PASID 5`. */
export function slotName(pasid: number): string {
  return pasid === 0 ? 'RID' : `PASID ${pasid}`;
}

/** ` since call 41` for the step that attached. */
function since(step: Step | undefined): string {
  return step === undefined ? '' : ` since ${stepText(step)}`;
}

/** One holder in words and the step that made it hold. */
function holderText(
  scene: Scene,
  context: Context,
  holder: Holder,
): { text: string; step: Step | undefined } {
  switch (holder.how) {
    case 'object': {
      const other = context.objects[holder.id] as IommuObject;
      const step = makerOf(scene, holder.id);
      return { text: `${objectText(other)}${madeText(step)}`, step };
    }
    case 'attachment': {
      const step = slotStep(scene.steps, { context: context.id, ...holder });
      return {
        text: `the attachment of device ${holder.deviceId} (${slotName(holder.pasid)})${since(step)}`,
        step,
      };
    }
    case 'descriptor': {
      const step = lastStep(
        scene.steps,
        (event) =>
          event.type === 'DescriptorIssued' &&
          scene.before.processes.get(event.pid)?.fds.get(event.fd) === holder.fileId,
      );
      return { text: `its descriptor, still open as ${descriptorsText(scene, holder.fileId)}`, step };
    }
    case 'mapping': {
      const step = lastStep(scene.steps, (event) => event.type === 'WindowMapped');
      return { text: `the mmap of its window by process ${holder.pid}${since(step)}`, step };
    }
    case 'binding':
      return { text: bindingText(scene, context, holder.deviceId), step: makerOf(scene, holder.deviceId) };
  }
}

function objectText(object: IommuObject): string {
  if (object.kind === 'hwpt-paging' && object.auto) return `automatic HWPT ${object.id}`;
  if (object.kind === 'access' && object.internal) return `hidden access ${object.id} of a HW queue`;
  return nameOf(object);
}

/** What keeps a DEVICE alive: user space cannot destroy it, only let its owner go. */
function bindingText(scene: Scene, context: Context, deviceId: number): string {
  const handle = context.objects.find((one) => one?.kind === 'selftest' && one.deviceId === deviceId);
  if (handle !== undefined) return `mock handle ${handle.id}${madeText(makerOf(scene, handle.id))}`;
  for (const file of scene.before.files.values())
    if (file.kind === 'vfio-dev' && file.objectId === deviceId && file.contextId === context.id)
      return `the binding of ${file.path}, open as ${descriptorsText(scene, file.id)}`;
  return 'the driver that bound it';
}

/** `descriptor 5 of process 143`, all of them where a file has several. */
function descriptorsText(scene: Scene, fileId: number): string {
  const names: string[] = [];
  for (const { pid, fds } of scene.before.processes.values())
    for (const [fd, id] of fds) if (id === fileId) names.push(`descriptor ${fd} of process ${pid}`);
  return names.length === 0 ? 'a file that no known descriptor names' : names.join(', ');
}

const CHAIN_MAX = 6;

/** The holders of an object, each with the chain of what in turn holds it. */
export function holdersCause(scene: Scene, context: Context, object: IommuObject): Cause {
  const holders = holdersOf(scene, context, object);
  const steps: (Step | undefined)[] = [makerOf(scene, object.id)];
  const told = holders.slice(0, CHAIN_MAX).map((holder) => {
    const { text, step } = holderText(scene, context, holder);
    steps.push(step);
    return text + chain(scene, context, holder, steps);
  });
  if (holders.length > CHAIN_MAX) told.push(`and ${holders.length - CHAIN_MAX} more`);
  const made = madeText(makerOf(scene, object.id));
  const text =
    told.length === 1
      ? [`${nameOf(object)}${made} is still used by ${told[0]}`]
      : [`${nameOf(object)}${made} is still used by:`, ...told.map((line) => `  ${line}`)];
  const open = object.users - 1 - holders.length;
  if (open > 0) text.push(`${open} more references are held by the kernel itself`);
  return { text, steps: distinctSteps(steps) };
}

/** What holds a holder: `, which device 2 is attached to since call 41`. */
function chain(scene: Scene, context: Context, holder: Holder, steps: (Step | undefined)[]): string {
  if (holder.how !== 'object') return '';
  const object = context.objects[holder.id] as IommuObject;
  const above = holdersOf(scene, context, object);
  const first = above[0];
  if (first === undefined) return '';
  const { text, step } = holderText(scene, context, first);
  steps.push(step);
  const more = above.length > 1 ? ` and ${above.length - 1} more` : '';
  if (first.how === 'attachment')
    return `, which device ${first.deviceId} is attached to (${slotName(first.pasid)})${since(step)}${more}`;
  return `, which in turn is used by ${text}${more}`;
}

/** `HWPT 5 of IOAS 1 (made by call 7; 2 users)`: one object named by a call, for the list of objects. */
export function objectLine(scene: Scene, object: IommuObject): string {
  const made = makerOf(scene, object.id);
  const facts = [`users ${object.users}`, ...(made === undefined ? [] : [`made by ${stepText(made)}`])];
  switch (object.kind) {
    case 'hwpt-paging':
      facts.unshift(`on IOAS ${object.ioasId}`, ...traitsOf(object));
      break;
    case 'hwpt-nested':
      facts.unshift(object.viommuId === 0 ? `on HWPT ${object.parentId}` : `on vIOMMU ${object.viommuId}`);
      break;
    case 'device':
      facts.unshift(object.traits.name);
      break;
    case 'viommu':
      facts.unshift(`on HWPT ${object.hwptId}`);
      break;
    case 'access':
      facts.unshift(object.ioasId === 0 ? 'on no IOAS' : `on IOAS ${object.ioasId}`);
      break;
    case 'fault':
      facts.unshift(`${object.queued.length} queued, ${object.pending.size} to be answered`);
      break;
    case 'veventq':
      facts.unshift(`${object.queued.length} queued`);
      break;
    case 'selftest':
      facts.unshift(`of device ${object.deviceId}`);
      break;
    default:
  }
  return `${object.id} is ${kindWord(object.kind)} ${object.id}: ${facts.join(', ')}`;
}

function traitsOf(hwpt: Extract<IommuObject, { kind: 'hwpt-paging' }>): string[] {
  const words: string[] = [];
  if (hwpt.auto) words.push('automatic');
  if (hwpt.nestParent) words.push('NEST_PARENT');
  if (hwpt.pasidCompat) words.push('PASID');
  if (hwpt.dirtyOps) words.push('DIRTY_TRACKING');
  if (hwpt.faultId !== 0) words.push(`fault queue ${hwpt.faultId}`);
  return words;
}
