/** Recordings in forms to look at, or for other tools to read: what happened in them, and the state that they leave. */
import { shownDot } from '../traces/dot.ts';
import { shownMermaid } from '../traces/mermaid.ts';
import { findTraces } from '../traces/read-trace.ts';
import { type ReplayReceiver, replayTrace, type SourceOptions } from '../traces/replay-trace.ts';
import { showTrace } from '../traces/show-trace.ts';
import { ItfWriter, SequenceWriter } from '../traces/state-trace.ts';
import { Timeline } from '../traces/timeline.ts';
import { UsageError } from './errors.ts';
import { flush, onInterrupt, print } from './terminal.ts';

export const SHOWN_FORMATS = ['perfetto', 'itf', 'dot', 'mermaid', 'sequence'] as const;
export type ShownFormat = (typeof SHOWN_FORMATS)[number];

type Options = SourceOptions & Readonly<{ until?: number }>;

/** Calls of one sequence diagram: what draws them gives up at many more. */
const CALLS_MAX = 1000;

export function isShownFormat(format: string): format is ShownFormat {
  return SHOWN_FORMATS.some((one) => one === format);
}

/** Prints one recording. Throws UsageError where there are several, or where it is too long for a diagram. */
export async function convertShown(
  paths: readonly string[],
  format: ShownFormat,
  options: Options,
): Promise<void> {
  const files = paths.flatMap(findTraces);
  const [path] = files;
  if (path === undefined || files.length > 1)
    throw new UsageError(`expected one trace for --to ${format}, found ${files.length}`);
  switch (format) {
    case 'perfetto':
      return timeline(path, options);
    case 'itf':
      return itf(path, options);
    case 'sequence':
      return sequence(path, options);
    case 'dot':
    case 'mermaid':
      return graph(path, format, options);
  }
}

async function replay(
  path: string,
  options: Options,
  receiver: Partial<ReplayReceiver>,
  onEvent?: Timeline['onEvent'],
): Promise<void> {
  try {
    await replayTrace(path, { ...options, onEvent }, { onCall: () => undefined, ...receiver });
  } finally {
    flush();
  }
}

async function timeline(path: string, options: Options): Promise<void> {
  let writer: Timeline | undefined;
  onInterrupt(() => writer?.end(path));
  try {
    await replay(
      path,
      options,
      {
        onSession: (session) => {
          writer ??= new Timeline(print);
          writer.begin(session);
        },
        onFed: (line, result) => writer?.fed(line, result),
        onCall: (result) => writer?.verdict(result),
      },
      (event) => writer?.onEvent(event),
    );
  } finally {
    writer?.end(path);
    flush();
  }
}

async function itf(path: string, options: Options): Promise<void> {
  let writer: ItfWriter | undefined;
  onInterrupt(() => writer?.end());
  try {
    await replay(path, options, {
      onSession: () => {
        writer ??= new ItfWriter(path, print);
      },
      onFed: (_line, result, session) => {
        if (result !== undefined) writer?.call(result, session);
      },
    });
  } finally {
    writer?.end();
    flush();
  }
}

async function sequence(path: string, options: Options): Promise<void> {
  const writer = new SequenceWriter();
  onInterrupt(() => print(writer.diagram()));
  await replay(path, options, {
    onFed: (_line, result, session) => {
      if (result === undefined) return;
      if (writer.length === CALLS_MAX)
        throw new UsageError(`expected at most ${CALLS_MAX} calls in a diagram, found more: give --until`);
      writer.call(result, session);
    },
  });
  print(writer.diagram());
  flush();
}

async function graph(path: string, format: 'dot' | 'mermaid', options: Options): Promise<void> {
  const shown = await showTrace(path, options);
  print(format === 'dot' ? shownDot(shown) : shownMermaid(shown));
  flush();
}
