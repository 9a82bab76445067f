/**
 * Excerpts of recordings in documents: blocks that begin with ```recording FILE, one line of the recording a line, as
 * `SEQ EVENT field=value … => verdict`. `field~text` asks that the field, as JSON, contains the text; a value that ends in
 * … is a beginning; `header` stands for the first line; the verdict is that of the replay.
 */
import { join } from 'node:path';
import { type RecordReceiver, readTrace } from '../../traces/read-trace.ts';
import type { RecordedLine } from '../../traces/recording.ts';
import { replayTrace } from '../../traces/replay-trace.ts';
import { type Document, ROOT } from './documents.ts';

export type Excerpt = Readonly<{ document: string; file: string; lines: readonly ExcerptLine[] }>;
type ExcerptLine = Readonly<{
  text: string;
  seq: number;
  event: string;
  fields: readonly Readonly<{ name: string; contains: boolean; value: string }>[];
  verdict: string | undefined;
}>;

const HEADER = -1;

function parseLine(text: string): ExcerptLine {
  const [asked = '', verdict] = text.split(' => ');
  const [seq, event = '', ...fields] = asked.trim().split(/\s+/);
  return {
    text,
    seq: seq === 'header' ? HEADER : Number(seq),
    event,
    fields: fields.map((field) => {
      const [, name = '', sign, value = ''] = /^(\w+)([=~])(.*)$/.exec(field) ?? [];
      return { name, contains: sign === '~', value };
    }),
    verdict: verdict?.trim(),
  };
}

export function excerptsOf({ path, text }: Document): Excerpt[] {
  return [...text.matchAll(/^```recording (\S+)\n([\s\S]*?)^```$/gm)].map(([, file = '', body = '']) => ({
    document: path,
    file: join(ROOT, 'traces/corpus', file),
    lines: body.trim().split('\n').map(parseLine),
  }));
}

function fits(line: RecordedLine, { name, contains, value }: ExcerptLine['fields'][number]): boolean {
  const found: unknown = line[name as keyof RecordedLine];
  if (contains) return (JSON.stringify(found) ?? '').includes(value);
  const text = String(found);
  return value.endsWith('…') ? text.startsWith(value.slice(0, -1)) : text === value;
}

/** What an excerpt says that the recording or the replay does not. */
export async function untruths({ file, lines }: Excerpt): Promise<string[]> {
  const wanted = new Map(lines.map((line) => [line.seq, line]));
  const last = Math.max(...wanted.keys());
  const wrong: string[] = [];
  const receive: RecordReceiver = (line) => {
    const seq = line.ev === 'trace' ? HEADER : line.seq;
    const asked = wanted.get(seq);
    if (asked !== undefined) {
      wanted.delete(seq);
      const unfit = asked.fields.filter((field) => !fits(line, field));
      if (line.ev !== asked.event) wrong.push(`${asked.text}: is ${line.ev}`);
      for (const { name } of unfit)
        wrong.push(`${asked.text}: ${name} is ${JSON.stringify(line[name as 'ev'])}`);
    }
    return seq >= last ? 'stop' : undefined;
  };
  await readTrace(file, receive);
  for (const { text } of wanted.values()) wrong.push(`${text}: not in the recording`);
  const claimed = new Map(lines.flatMap((line) => (line.verdict === undefined ? [] : [[line.seq, line]])));
  if (claimed.size === 0) return wrong;
  await replayTrace(
    file,
    { until: last },
    {
      onCall: ({ line, verdict }) => {
        const asked = claimed.get(line.seq);
        if (asked !== undefined && asked.verdict !== verdict) wrong.push(`${asked.text}: ${verdict}`);
      },
    },
  );
  return wrong;
}
