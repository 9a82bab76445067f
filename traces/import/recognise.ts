/** Which format a text is, by its first line that is not empty. */
import { type CaptureReader, type CaptureReceiver, kernelTextReader } from './capture-stream.ts';
import { isQemuText, qemuReader } from './qemu-reader.ts';
import { isStrace, straceReader } from './strace-reader.ts';
import { isSyz, syzReader } from './syz-reader.ts';
import { parseTextEvent, type TextEvent } from './text-event.ts';

/** The reader for a text that begins with `line`; undefined for the recorder's own format and for what nobody knows. */
export function captureReaderFor(
  line: string,
  file: string,
  receiver: CaptureReceiver,
): CaptureReader | undefined {
  if (isKernelText(line)) return kernelTextReader(file, receiver);
  if (isStrace(line)) return straceReader(file, receiver);
  if (isSyz(line)) return syzReader(file, receiver);
  return isQemuText(line) ? qemuReader(file, receiver) : undefined;
}

/** The formats of texts, by the names that `--format` takes; `recorder` is the project's own. */
export const TEXT_FORMATS = ['recorder', 'ftrace', 'qemu', 'strace', 'syzkaller'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** The reader for a text that is said to be of this format; undefined for the recorder's own. */
export function captureReaderOf(
  format: TextFormat,
  file: string,
  receiver: CaptureReceiver,
): CaptureReader | undefined {
  switch (format) {
    case 'recorder':
      return undefined;
    case 'ftrace':
      return kernelTextReader(file, receiver);
    case 'qemu':
      return qemuReader(file, receiver);
    case 'strace':
      return straceReader(file, receiver);
    case 'syzkaller':
      return syzReader(file, receiver);
  }
}

const scratch: TextEvent = { comm: '', tid: 0, tgid: undefined, cpu: 0, ns: 0, rest: '' };

function isKernelText(line: string): boolean {
  if (/^(# tracer: \S+|cpus=\d+|Attaching \d+ probes?\.\.\.)$/.test(line)) return true;
  if (/^\s*CPU:\d+ \[(LOST )?\d* ?EVENTS/.test(line)) return true;
  return parseTextEvent(line, scratch);
}
