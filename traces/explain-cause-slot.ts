/** Why an attachment did not do: what sits in the slots of the group, and what the HWPTs were made for. */
import type { RuleId } from '../events/rules.ts';
import { type Device, type Hwpt, objectAt, objectOf } from '../machines/objects.ts';
import type { Context, Group } from '../machines/world.ts';
import { slotName } from './explain-holders.ts';
import {
  type Cause,
  distinctSteps,
  madeText,
  makerOf,
  nameOf,
  numberField,
  type Scene,
  stepText,
} from './explain-scene.ts';
import { type Step, slotStep } from './provenance.ts';

/** The DEVICE that a call moves: of a mock handle, of a VFIO file, or named by id. */
export function deviceOfCall(scene: Scene): Device | undefined {
  const { context, file, call } = scene;
  if (context === undefined) return undefined;
  if (file?.kind === 'vfio-dev') return objectOf(context, file.objectId, 'device');
  const handle = objectOf(context, numberField(call, 'id') ?? 0, 'selftest');
  return objectOf(context, handle?.deviceId ?? numberField(call, 'devId') ?? 0, 'device');
}

/** The HWPT that a call attaches to, where it names one itself. */
function hwptOfCall(scene: Scene): Hwpt | undefined {
  const id =
    numberField(scene.call, 'ptId') ?? numberField(scene.call, 'hwptId') ?? numberField(scene.call, 'id');
  const object = scene.context === undefined ? undefined : objectAt(scene.context, id ?? 0);
  return object?.kind === 'hwpt-paging' || object?.kind === 'hwpt-nested' ? object : undefined;
}

const RULES =
  /^(attach\/(attached|group-hwpt|pasids-attached|pasid-compat|rid-pasid-compat)|replace\/|core\/pasid|pasid-check\/(attached|other)|mock\/attach|driver\/fault|vtd\/fault|vfio-attach\/pasid-op)/;

/** undefined where the rule is not about slots. */
export function slotCause(scene: Scene, rule: RuleId): Cause | undefined {
  const { context } = scene;
  const device = deviceOfCall(scene);
  if (context === undefined || device === undefined || !RULES.test(rule)) return undefined;
  const text: string[] = [];
  const steps: (Step | undefined)[] = [makerOf(scene, device.id)];
  const hwpt = hwptOfCall(scene);
  if (hwpt !== undefined) {
    text.push(hwptText(scene, hwpt));
    steps.push(makerOf(scene, hwpt.id));
  }
  if (rule === 'core/pasid-range')
    text.push(`device ${device.id} has PASIDs below ${device.traits.maxPasids}`);
  const group = context.groups.get(device.traits.groupKey);
  if (group !== undefined) text.push(...slotLines(scene, context, group, steps));
  if (group === undefined || group.slots.size === 0)
    text.push(`nothing is attached in the group of device ${device.id}`);
  return { text, steps: distinctSteps(steps) };
}

function hwptText(scene: Scene, hwpt: Hwpt): string {
  const made = madeText(makerOf(scene, hwpt.id));
  const words = hwpt.kind === 'hwpt-paging' && hwpt.auto ? 'automatic, ' : '';
  return `${nameOf(hwpt)}${made} is ${words}made ${hwpt.pasidCompat ? 'with' : 'without'} IOMMU_HWPT_ALLOC_PASID${hwpt.faultId === 0 ? '' : `, with fault queue ${hwpt.faultId}`}`;
}

const SLOTS_SHOWN = 8;

/** The slots of a group, one line each. */
function slotLines(scene: Scene, context: Context, group: Group, steps: (Step | undefined)[]): string[] {
  const lines: string[] = [];
  for (const [pasid, slot] of [...group.slots].sort(([one], [other]) => one - other).slice(0, SLOTS_SHOWN)) {
    const step = slotStep(scene.steps, { context: context.id, groupKey: group.key, pasid });
    steps.push(step);
    const hwpt = objectAt(context, slot.hwptId) as Hwpt;
    const devices =
      slot.deviceIds.length === 1 ? `device ${slot.deviceIds[0]}` : `devices ${slot.deviceIds.join(', ')}`;
    const since = step === undefined ? '' : ` since ${stepText(step)}`;
    lines.push(
      `${slotName(pasid)} of ${devices} is on ${nameOf(hwpt)}${since}, made ${hwpt.pasidCompat ? 'with' : 'without'} IOMMU_HWPT_ALLOC_PASID`,
    );
  }
  if (group.slots.size > SLOTS_SHOWN) lines.push(`and ${group.slots.size - SLOTS_SHOWN} more PASIDs`);
  return lines;
}
