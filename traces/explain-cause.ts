/** From the rule that refused a call to the objects and the earlier calls behind it. */

import type { RuleId } from '../events/rules.ts';
import { objectAt } from '../machines/objects.ts';
import { openFileAt } from '../machines/world.ts';
import { hex } from './describe-command.ts';
import { idCause } from './explain-cause-id.ts';
import { mappingCause } from './explain-cause-mapping.ts';
import { memoryCause } from './explain-cause-memory.ts';
import { slotCause } from './explain-cause-slot.ts';
import { viommuCause } from './explain-cause-viommu.ts';
import { holdersCause, objectLine } from './explain-holders.ts';
import {
  type Cause,
  distinctSteps,
  idFieldsOf,
  makerOf,
  nameOf,
  numberField,
  openObject,
  type Scene,
} from './explain-scene.ts';
import type { Step } from './provenance.ts';

const NONE: Cause = { text: [], steps: [] };

/** Why `rule` refused the call, from the state before it. */
export function causeOf(scene: Scene, rule: RuleId): Cause {
  return (
    destroyCause(scene, rule) ??
    idCause(scene, rule) ??
    mappingCause(scene, rule) ??
    memoryCause(scene, rule) ??
    slotCause(scene, rule) ??
    viommuCause(scene, rule) ??
    structCause(scene, rule) ??
    descriptorCause(scene, rule) ??
    NONE
  );
}

function destroyCause(scene: Scene, rule: RuleId): Cause | undefined {
  const { context } = scene;
  if (context === undefined) return undefined;
  if (rule === 'option/rlimit-objects') {
    const objects = context.objects.filter((one) => one !== undefined);
    const steps = objects.map((one) => makerOf(scene, one.id));
    return { text: [`the context has ${objects.map(nameOf).join(', ')}`], steps: distinctSteps(steps) };
  }
  if (rule !== 'destroy/users') return undefined;
  const object = objectAt(context, numberField(scene.call, 'id') ?? 0);
  return object === undefined ? undefined : holdersCause(scene, context, object);
}

/** What the dispatcher saw of the struct. */
function structCause(scene: Scene, rule: RuleId): Cause | undefined {
  const { layout, fields } = scene.call;
  if (scene.line.ev !== 'ioctl') return undefined;
  if (rule === 'dispatch/unknown' || rule === 'compat/unknown')
    return {
      text: [
        `release ${scene.history.session.kernel.release} has no ioctl ${scene.line.req} on ${scene.file?.kind ?? scene.line.kind}`,
      ],
      steps: [],
    };
  if (layout === undefined || !/^(dispatch\/(short|tail)|vfio-\w+\/argsz|vfio-bind\/tail)$/.test(rule))
    return undefined;
  const size = Number(fields['size'] ?? fields['argsz'] ?? 0);
  const text = `the size is ${size}; struct ${layout.name} has ${layout.size} bytes, of which ${layout.minSize} are required`;
  const bytes = Buffer.from(scene.line.in, 'hex');
  const at = bytes.findIndex((byte, index) => index >= layout.size && byte !== 0);
  return { text: [at < 0 ? text : `${text}; byte ${at} is ${hex(bytes[at] ?? 0)}`], steps: [] };
}

/** Commands whose `id` is the number of an access descriptor. */
function descriptorCause(scene: Scene, rule: RuleId): Cause | undefined {
  const fd = numberField(scene.call, 'id');
  if (rule !== 'access/descriptor' || fd === undefined) return undefined;
  const file = openFileAt(scene.before, scene.process, fd | 0);
  const is = file === undefined ? 'is not open, or not one of iommufd' : `is one of kind ${file.kind}`;
  return { text: [`descriptor ${fd | 0} of process ${scene.line.pid} ${is}`], steps: [] };
}

/** The objects that the command names, one line each, with the calls that made them. */
export function objectsOf(scene: Scene): Cause {
  const text: string[] = [];
  const steps: Step[] = [];
  const open = openObject(scene);
  const named = idFieldsOf(scene.call).map(
    (name) => scene.context?.objects[numberField(scene.call, name) ?? 0],
  );
  const access = open?.kind === 'access' ? scene.context?.objects[open.ioasId] : undefined;
  for (const object of new Set([...named, open, access])) {
    if (object === undefined) continue;
    text.push(objectLine(scene, object));
    const step = makerOf(scene, object.id);
    if (step !== undefined) steps.push(step);
  }
  return { text, steps: distinctSteps(steps) };
}
