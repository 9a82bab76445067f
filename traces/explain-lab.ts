/** Trying calls on a copy of the world: what would the model answer, without the replay noticing. */
import { IOMMU_TEST_CMD } from '../events/ioctl-number.ts';
import type { KernelProfile } from '../machines/kernel-profile.ts';
import type { Context } from '../machines/world.ts';
import { copyWorld } from './copy-world.ts';
import type { StructLayout } from './decode-struct.ts';
import { type FieldValue, withField } from './decoded-call.ts';
import { type CallLine, type CallResult, ReplayEngine } from './engine.ts';
import type { Scene } from './explain-scene.ts';
import type { IoctlLine, RecordedLine } from './recording.ts';
import { commandLayouts } from './uapi/registry.ts';

/** A place to try calls in. The copy is made anew after a trial that changed it. */
export interface Lab {
  readonly scene: Scene;
  readonly kernel: KernelProfile;
  engine: ReplayEngine | undefined;
  changed: boolean;
  trials: number;
}

export function openLab(scene: Scene, kernel: KernelProfile): Lab {
  return { scene, kernel, engine: undefined, changed: false, trials: 0 };
}

/** What the model answers to `call` after `before`; undefined where the model breaks or a line before is refused. */
export function attempt(lab: Lab, before: readonly RecordedLine[], call: CallLine): CallResult | undefined {
  lab.trials++;
  try {
    const engine = freshEngine(lab);
    for (const line of before) {
      const result = engine.feed(line);
      if (result?.broken !== undefined || result?.outcome.rule !== undefined) return undefined;
    }
    const result = engine.feed(call);
    return result?.broken === undefined ? result : undefined;
  } catch {
    lab.changed = true;
    return undefined;
  }
}

function freshEngine(lab: Lab): ReplayEngine {
  if (lab.engine !== undefined && !lab.changed) return lab.engine;
  const { platform } = lab.scene.history.session;
  const onEvent = (): void => {
    lab.changed = true;
  };
  lab.changed = false;
  lab.engine = new ReplayEngine(copyWorld(lab.scene.before), { kernel: lab.kernel, platform, onEvent });
  return lab.engine;
}

/** Whether the call is answered, with success and for certain. */
export function succeeds(result: CallResult | undefined): boolean {
  return result !== undefined && result.outcome.rule === undefined && result.outcome.missing === undefined;
}

export type CommandFields = Readonly<Record<string, FieldValue>>;

/** A call that the same process might make: an ioctl with these fields, all others 0. */
export function madeUp(
  scene: Scene,
  target: Readonly<{ fd: number; kind: IoctlLine['kind'] }>,
  request: number,
  type: keyof typeof commandLayouts,
  fields: CommandFields,
): IoctlLine {
  const layout: StructLayout = commandLayouts[type];
  const { seq, ns, pid, tid } = scene.line;
  const arg = scene.line.ev === 'ioctl' ? scene.line.arg : '0x0';
  const head = { seq, ns, pid, tid, ev: 'ioctl', fd: target.fd, kind: target.kind } as const;
  const req = `0x${request.toString(16)}` as const;
  const empty: IoctlLine = { ...head, req, arg, in: '00'.repeat(layout.size) };
  const size = 'argsz' in layout.fields ? 'argsz' : 'size';
  return Object.entries({ [size]: layout.size, ...fields }).reduce<IoctlLine>(
    (line, [name, value]) => withField(line, layout, name, value),
    empty,
  );
}

/** A mock operation on the context's descriptor. */
export function mockOp(
  scene: Scene,
  fd: number,
  op: number,
  type: keyof typeof commandLayouts,
  fields: CommandFields,
): IoctlLine {
  return madeUp(scene, { fd, kind: 'iommufd' }, IOMMU_TEST_CMD, type, { ...fields, op });
}

/** A descriptor of the calling process for the context; undefined where it has none. */
export function descriptorOf(scene: Scene, context: Context): number | undefined {
  if (scene.file?.kind === 'iommufd' || scene.file?.kind === 'vfio-container') return scene.line.fd;
  for (const [fd, id] of scene.process?.fds ?? []) {
    const file = scene.before.files.get(id);
    if (file?.kind === 'iommufd' && file.contextId === context.id) return fd;
  }
  return undefined;
}
