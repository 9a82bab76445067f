/** Captures in other formats than the recorder's, recognised by their first bytes, as lines of a recording. */
import type { RecordedLine } from '../recording.ts';
import { TraceFormatError } from '../trace-format-error.ts';
import { type CaptureFacts, HeaderStage } from './assumed-header.ts';
import { CaptureNotes } from './capture-notes.ts';
import { KernelCalls } from './kernel-calls.ts';
import { type CaptureSink, KernelTextReader } from './text-reader.ts';

/** Receives a line, and the line of the capture that completed it; `stop` ends the reading. */
// biome-ignore lint/suspicious/noConfusingVoidType: a receiver that never stops returns nothing
export type CaptureReceiver = (line: RecordedLine, lineNumber: number) => void | 'stop';

/** Takes the lines of a capture. */
export type CaptureReader = Readonly<{
  take: (text: string, lineNumber: number) => 'stop' | undefined;
  /** Throws TraceFormatError: TRC024-no-events. */
  end: () => void;
  /** Hands on what was held back, when the rest cannot be read. */
  cutShort: () => void;
}>;

/** The calls of one capture after another, each behind a header of its own. */
export class CaptureLines implements CaptureSink {
  private readonly receiver: CaptureReceiver;
  private readonly facts: CaptureFacts;
  private stage: HeaderStage;
  private current: KernelCalls;
  private notes = new CaptureNotes();
  lineNumber = 0;
  stopped = false;

  constructor(facts: CaptureFacts, receiver: CaptureReceiver) {
    this.facts = facts;
    this.receiver = receiver;
    this.stage = this.newStage();
    this.current = this.newCalls();
  }

  readonly calls = (): KernelCalls => this.current;

  readonly restart = (): void => {
    this.finish();
    this.notes = new CaptureNotes();
    this.stage = this.newStage();
    this.current = this.newCalls();
  };

  readonly note = (text: string): void => {
    this.notes.take(text, (pid) => this.current.tasks.process(pid).memory);
  };

  finish(): void {
    this.current.finish();
    this.stage.finish();
  }

  private newStage(): HeaderStage {
    return new HeaderStage(this.facts, (line) => {
      if (!this.stopped && this.receiver(line, this.lineNumber) === 'stop') this.stopped = true;
    });
  }

  private newCalls(): KernelCalls {
    const { stage, notes } = this;
    return new KernelCalls((line) => {
      if (!stage.decided) {
        const header = notes.header(this.facts.program);
        if (header !== undefined) stage.told(header, notes.credentials());
      }
      stage.take(line);
    });
  }
}

/** The error for a text that has nothing of what it seemed to be. */
export function noEvents(file: string, expected: string): TraceFormatError {
  return new TraceFormatError('TRC024-no-events', { file, line: 0 }, `expected ${expected}, found none`);
}

/** The reader of kernel trace text. */
export function kernelTextReader(file: string, receiver: CaptureReceiver): CaptureReader {
  const lines = new CaptureLines({ program: 'a kernel trace' }, receiver);
  const reader = new KernelTextReader(lines);
  return {
    take: (text, lineNumber) => {
      lines.lineNumber = lineNumber;
      reader.take(text, lineNumber);
      return lines.stopped ? 'stop' : undefined;
    },
    cutShort: () => lines.finish(),
    end: () => {
      lines.finish();
      if (reader.events === 0) throw noEvents(file, 'events of a kernel trace');
    },
  };
}
