/** Syzkaller programs, and execution logs, which hold one program after another: calls without results. */
import { recordingOf } from '../jsonl-export.ts';
import { withoutResults } from '../strip-results.ts';
import { looksLikeSyz, readSyzPrograms } from '../syz-read.ts';
import { FACT } from '../syz-write.ts';
import { TraceFormatError } from '../trace-format-error.ts';
import { type CaptureReader, type CaptureReceiver, noEvents } from './capture-stream.ts';

/** A program begins in the log of syz-execprog, syz-manager or a console. */
const EXECUTING = /\bexecuting program\b/;
/** Characters of one program: syzkaller's own are far shorter. */
const LONGEST = 4 * 1024 * 1024;

/** Whether a text that begins with this line is a program or a log of programs. */
/** What we write into a program, which is not any comment that begins with our name. */
const OWN_FACT = new RegExp(`^${FACT} [a-z]+ [[{]`);

export function isSyz(line: string): boolean {
  return OWN_FACT.test(line) || EXECUTING.test(line) || looksLikeSyz(line);
}

export function syzReader(file: string, receiver: CaptureReceiver): CaptureReader {
  let lines: string[] = [];
  let size = 0;
  let first = 1;
  let stopped = false;
  let isLog = false;
  let calls = 0;

  const flush = (): void => {
    const text = `${'\n'.repeat(first - 1)}${lines.join('\n')}`;
    lines = [];
    size = 0;
    for (const { program } of readSyzPrograms(text, file)) {
      if (program.steps.length === 0) continue;
      for (const line of recordingOf(program)) {
        if (line.ev === 'ioctl') calls++;
        if (!stopped && receiver(withoutResults(line), first) === 'stop') stopped = true;
      }
    }
  };
  const keep = (text: string, lineNumber: number): void => {
    size += text.length + 1;
    if (size > LONGEST)
      throw new TraceFormatError(
        'TRC025-program-too-long',
        { file, line: lineNumber },
        `expected a program of at most ${LONGEST} characters, found a longer one`,
      );
    lines.push(text);
  };

  return {
    take: (text, lineNumber) => {
      if (EXECUTING.test(text)) {
        flush();
        isLog = true;
        first = lineNumber + 1;
        // What a log holds besides programs, such as the kernel's console, is passed over.
      } else if (!isLog || looksLikeSyz(text)) keep(text, lineNumber);
      return stopped ? 'stop' : undefined;
    },
    cutShort: () => flush(),
    end: () => {
      flush();
      if (calls === 0) throw noEvents(file, 'iommufd calls of a syzkaller program');
    },
  };
}
