/** What DMA would meet at one moment of a recording: the answer, the walk, and what caches may still hold there. */
import { hex } from '../events/hex.ts';
import { ridOf } from '../machines/hardware.ts';
import { type Answer, type Target, type Translation, translate } from '../machines/translate.ts';
import type { Session, SourceOptions } from './replay-trace.ts';
import { sessionAt } from './session-at.ts';

export type TranslateQuestion = SourceOptions &
  Readonly<{
    rid: string;
    pasid: number;
    iova: bigint;
    at?: number | undefined;
  }>;

export type TranslateAnswer = Readonly<{
  trace: string;
  seq: number;
  translation: Translation;
  /** Stale translations that some cache may answer with instead. */
  stale: number;
}>;

/** The asked RID is not one of this machine. */
export class UnknownRid extends Error {
  override readonly name = 'UnknownRid';
}

/** RIDs that can be asked for: bound ones first, then what else the machine has. */
function knownRids({ engine, platform }: Session): string[] {
  const rids = [...engine.world.hardware.rids.keys()];
  for (const { traits } of platform.devices.values()) {
    const rid = ridOf(traits);
    if (!rids.includes(rid)) rids.push(rid);
  }
  return rids;
}

/** Throws TraceFormatError as sessionAt() does; UnknownRid. */
export async function translateTrace(path: string, question: TranslateQuestion): Promise<TranslateAnswer> {
  const { at, kernel, iommu, format, rid, pasid, iova } = question;
  const { session, seq } = await sessionAt(path, { at, kernel, iommu, format });
  const known = knownRids(session);
  if (!known.includes(rid)) {
    const listed = known.length === 0 ? 'there is none bound' : `one of ${known.join(', ')}`;
    throw new UnknownRid(
      `expected --rid to name a device after seq ${seq} (${listed}), found ${JSON.stringify(rid)}`,
    );
  }
  const { world } = session.engine;
  const translation = translate(world, rid, pasid, iova);
  const stale = world.hardware.stale.filter((one) => one.rid === rid && one.pasid === pasid).length;
  return { trace: path, seq, translation, stale };
}

function targetJson(target: Target): Record<string, unknown> {
  if (target.kind === 'process') {
    const { pid, address, page, stillThere } = target;
    return { kind: 'process', pid, address: hex(address), page, stillThere: stillThere ?? null };
  }
  return { ...target, offset: hex(target.offset) };
}

function answerJson(answer: Answer): Record<string, unknown> {
  switch (answer.kind) {
    case 'memory':
      return { ...answer, target: targetJson(answer.target), last: hex(answer.last) };
    case 'interrupt':
      return { kind: answer.kind, last: hex(answer.last) };
    case 'untranslated':
    case 'fault':
    case 'unknown':
      return { ...answer };
  }
}

/** One JSON object, `ioasis.translate/1`. */
export function translationJson({
  trace,
  seq,
  translation,
  stale,
}: TranslateAnswer): Record<string, unknown> {
  const { rid, pasid, iova, steps, answer } = translation;
  return {
    schema: 'ioasis.translate/1',
    trace,
    seq,
    rid,
    pasid,
    iova: hex(iova),
    answer: answerJson(answer),
    steps,
    stale,
  };
}

function targetText(target: Target): string {
  if (target.kind === 'file')
    return `byte ${hex(target.offset)} of the file with inode ${target.ino} (page ${target.page})`;
  if (target.kind === 'dmabuf') return `byte ${hex(target.offset)} of dma-buf ${target.file}`;
  const moved =
    target.stillThere === false
      ? '; the process has other memory there by now, DMA still reaches the old page'
      : '';
  return `address ${hex(target.address)} of process ${target.pid} (page ${target.page})${moved}`;
}

function answerText(answer: Answer): string {
  switch (answer.kind) {
    case 'memory': {
      const rights = [answer.read ? 'read' : '', answer.write ? 'write' : ''].filter((one) => one !== '');
      return `${targetText(answer.target)}, ${rights.length === 0 ? 'no access' : rights.join(' and ')}, up to ${hex(answer.last)}`;
    }
    case 'untranslated':
      return 'the same physical address: nothing translates';
    case 'interrupt':
      return `a message interrupt, not memory, up to ${hex(answer.last)}`;
    case 'fault':
      return `a fault (${answer.fault}): ${answer.why}`;
    case 'unknown':
      return `not known: it depends on ${answer.missing}`;
  }
}

/** The answer and the walk, for people. */
export function translationText({ seq, translation, stale }: TranslateAnswer): string {
  const { rid, pasid, iova, steps, answer } = translation;
  const who = pasid === 0 ? `RID ${rid}` : `PASID ${pasid} of RID ${rid}`;
  const lines = [`${hex(iova)} by ${who} after seq ${seq} is ${answerText(answer)}`];
  for (const { level, finds } of steps) lines.push(`  ${level}: ${finds}`);
  if (stale > 0)
    lines.push(`  caches may still hold ${stale} stale translations: an invalidation is missing`);
  return `${lines.join('\n')}\n`;
}
