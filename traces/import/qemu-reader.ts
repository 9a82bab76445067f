/** QEMU's trace events as its log backend writes them, among whatever else a log holds. */
import { HeaderStage } from './assumed-header.ts';
import { type CaptureReader, type CaptureReceiver, noEvents } from './capture-stream.ts';
import { errnoOfMessage } from './error-message.ts';
import { QemuCalls } from './qemu-calls.ts';
import { isQemuEvent, QEMU_SILENT, qemuFields } from './qemu-formats.ts';

/** `pid@seconds.microseconds:` before the event, or libvirt's time stamp. */
const PREFIX =
  /^(?:(\d+)@(\d+)\.(\d{1,6}):|\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?:? )?(?:\d+:)?\s*(.*)$/s;
const EVENT = /^([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?:\s(.*))?$/s;
/** Text that only an event of ours has: its name was damaged. */
const OURS = /\biommufd=\d|\bioas=\d|output devid=/;
const FAILED =
  /^(?:[^:]*: )?(?:IOMMU_\w+ failed|vfio_container_dma_(?:un)?map\(.*\) = -\d+|.*error (?:attach|bind|detach))/;
const NS = 1_000_000_000;

/** Whether a text that begins with this line may be a log of QEMU. */
export function isQemuText(line: string): boolean {
  const rest = PREFIX.exec(line)?.[4] ?? '';
  return EVENT.test(rest) || /^qemu-(system|kvm)/.test(rest) || isError(rest);
}

function isError(text: string): boolean {
  return FAILED.test(text);
}

export function qemuReader(file: string, receiver: CaptureReceiver): CaptureReader {
  let stopped = false;
  let lineNumber = 0;
  let events = 0;
  const stage = new HeaderStage({ program: 'QEMU' }, (line) => {
    if (!stopped && receiver(line, lineNumber) === 'stop') stopped = true;
  });
  const calls = new QemuCalls((line) => stage.take(line));
  const finish = (): void => {
    calls.finish();
    stage.finish();
  };
  return {
    take: (text, number) => {
      lineNumber = number;
      if (takeLine(calls, text, number)) events++;
      return stopped ? 'stop' : undefined;
    },
    cutShort: finish,
    end: () => {
      finish();
      if (events === 0) throw noEvents(file, 'a recording or iommufd events of QEMU');
    },
  };
}

/** Whether the line was an event of ours. */
function takeLine(calls: QemuCalls, text: string, lineNumber: number): boolean {
  const prefix = PREFIX.exec(text);
  const rest = prefix?.[4] ?? text;
  if (prefix?.[1] !== undefined) {
    calls.pid = Number(prefix[1]);
    calls.ns = Number(prefix[2]) * NS + Number((prefix[3] ?? '').padEnd(6, '0')) * 1000;
  }
  const found = EVENT.exec(rest);
  const event = found?.[1] ?? '';
  if (isQemuEvent(event)) {
    const fields = qemuFields(event, found?.[2] ?? '');
    if (fields === undefined) calls.lost(`line ${lineNumber}, which is damaged`);
    else calls.take(event, fields);
    return true;
  }
  if (QEMU_SILENT.has(event)) return true;
  if (isError(rest)) {
    const errno = errnoOfMessage(rest);
    if (errno !== undefined) calls.explain(errno);
    return false;
  }
  if (OURS.test(rest) || event.startsWith('iommufd_')) calls.lost(`line ${lineNumber}, which is damaged`);
  return false;
}
