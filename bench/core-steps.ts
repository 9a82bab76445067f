/** A recording taken apart beforehand, so that deciding and folding can be measured without reading and decoding. */
import type { Command } from '../events/command.ts';
import type { Event } from '../events/event.ts';
import type { DescriptorFact } from '../machines/site.ts';
import type { Context } from '../machines/world.ts';
import { dispatchIommufd, dispatchVfioDevice } from '../traces/dispatch.ts';
import { EngineSite } from '../traces/engine-site.ts';
import { newDescriptor } from '../traces/new-descriptor.ts';
import { readTrace } from '../traces/read-trace.ts';
import type { IoctlLine, TraceLine } from '../traces/recording.ts';
import { openSession, type Session } from '../traces/replay-trace.ts';

/** A call that reaches its decider, and what its site is filled with. */
export type CallStep = Readonly<{
  pid: number;
  fd: number;
  arg: number;
  structLength: number;
  second: Uint8Array | undefined;
  descriptor: DescriptorFact | undefined;
  newFd: number;
  command: Command;
  /** What stands for the context on a device file that is not bound. */
  context: Context;
}>;

/** Events that the recording tells outright, then perhaps a call to decide. */
export type Step = Readonly<{ facts: readonly Event[]; call: CallStep | undefined }>;

export type Steps = Readonly<{ header: TraceLine; steps: readonly Step[]; calls: number; events: number }>;

/** Replays `path` once. Calls that the model and the kernel see alike become calls to decide, everything else facts. */
export async function recordSteps(path: string): Promise<Steps> {
  const steps: Step[] = [];
  let heard: Event[] = [];
  let events = 0;
  let header: TraceLine | undefined;
  let session: Session | undefined;
  let site: EngineSite | undefined;
  await readTrace(path, (line, lineNumber) => {
    if (line.ev === 'trace') {
      header = line;
      session = openSession(
        line,
        { file: path, line: lineNumber },
        { onEvent: (event) => heard.push(event) },
      );
      site = new EngineSite(session.engine.world, session.kernel, session.platform);
      return;
    }
    if (session === undefined || site === undefined) return;
    heard = [];
    const call = line.ev === 'ioctl' ? callStep(site, line) : undefined;
    const result = session.engine.feed(line);
    events += heard.length;
    if (call === undefined || result?.verdict !== 'conforming') steps.push({ facts: heard, call: undefined });
    else steps.push({ facts: heard.filter((event) => !result.outcome.events.includes(event)), call });
  });
  if (header === undefined) throw new Error(`invariant: ${path} has no header`);
  return { header, steps, calls: steps.filter(({ call }) => call !== undefined).length, events };
}

function callStep(site: EngineSite, line: IoctlLine): CallStep | undefined {
  const file = site.arrive(line.pid, line.fd);
  if (file === undefined || site.context.broken !== '') return undefined;
  site.load(line);
  const number = Number(line.req);
  const iommufd = file.kind === 'iommufd' || file.kind === 'vfio-container';
  if (!iommufd && file.kind !== 'vfio-dev') return undefined;
  const { entry, command } = iommufd ? dispatchIommufd(site, number) : dispatchVfioDevice(site, number);
  if (command === undefined) return undefined;
  const { pid, fd, file: described } = line;
  const descriptor = described && {
    open: described.errno === undefined,
    ino: described.ino ?? 0,
    size: BigInt(described.size ?? 0),
    type: described.type ?? '',
  };
  return {
    pid,
    fd,
    arg: site.arg,
    structLength: site.structLength,
    second: site.second && Uint8Array.from(site.second),
    descriptor,
    newFd: newDescriptor(entry, line, site.world, site),
    command,
    context: site.context,
  };
}
