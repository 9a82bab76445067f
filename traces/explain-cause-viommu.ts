/** Why a vIOMMU, or something on one, could not be made: what is there already. */
import type { RuleId } from '../events/rules.ts';
import type { IommuObject } from '../machines/objects.ts';
import { hex } from './describe-command.ts';
import {
  bigField,
  type Cause,
  distinctSteps,
  madeText,
  makerOf,
  nameOf,
  numberField,
  type Scene,
} from './explain-scene.ts';

type Test = (object: IommuObject, scene: Scene) => string | undefined;

/** What an object in the way says of itself, by rule. */
const IN_THE_WAY: Partial<Record<RuleId, Test>> = {
  'vdevice-alloc/device-taken': (object, { call }) =>
    object.kind === 'vdevice' && object.deviceId === numberField(call, 'devId')
      ? `is device ${object.deviceId} as ${hex(object.virtId)} on vIOMMU ${object.viommuId}`
      : undefined,
  'vdevice-alloc/virt-id-taken': (object, { call }) =>
    object.kind === 'vdevice' &&
    object.viommuId === numberField(call, 'viommuId') &&
    object.virtId === bigField(call, 'virtId')
      ? `is device ${object.deviceId} as ${hex(object.virtId)} on vIOMMU ${object.viommuId}`
      : undefined,
  'veventq-alloc/type-taken': (object, { call }) =>
    object.kind === 'veventq' &&
    object.viommuId === numberField(call, 'viommuId') &&
    object.type === numberField(call, 'veventqType')
      ? `has type ${hex(object.type)} on vIOMMU ${object.viommuId}`
      : undefined,
  'mock/hw-queue-used': (object, { call }) =>
    object.kind === 'hw-queue' &&
    object.viommuId === numberField(call, 'viommuId') &&
    object.index === numberField(call, 'index')
      ? `has index ${object.index} on vIOMMU ${object.viommuId}`
      : undefined,
};

/** The objects in the way of a call; none where the rule is about something else. */
export function objectsInTheWay(scene: Scene, rule: RuleId): IommuObject[] {
  const test = IN_THE_WAY[rule];
  if (test === undefined) return [];
  const objects = scene.context?.objects ?? [];
  return objects.filter((one) => one !== undefined).filter((one) => test(one, scene) !== undefined);
}

/** undefined where the rule is not about such objects. */
export function viommuCause(scene: Scene, rule: RuleId): Cause | undefined {
  const objects = objectsInTheWay(scene, rule);
  if (objects.length === 0) return undefined;
  const text = objects.map(
    (one) => `${nameOf(one)}${madeText(makerOf(scene, one.id))} ${IN_THE_WAY[rule]?.(one, scene)}`,
  );
  return { text, steps: distinctSteps(objects.map((one) => makerOf(scene, one.id))) };
}
