/** A `dma` line: the access that it stands for, and its outcome in words. */
import type { DmaAccess } from '../events/dma.ts';
import { hex } from '../events/hex.ts';
import type { DmaOutcome, DmaPiece } from '../machines/dma.ts';
import type { DmaLine } from './recording.ts';

export function dmaAccess(line: DmaLine): DmaAccess {
  return {
    rid: line.rid,
    pasid: line.pasid ?? 0,
    iova: BigInt(line.iova),
    length: BigInt(line.length),
    write: line.write,
    grpid: line.grpid ?? 0,
  };
}

function describePiece({ iova, last, target }: DmaPiece): string {
  const range = `${hex(iova)}..${hex(last)}`;
  if (target === 'untranslated') return `${range} goes to that physical address`;
  if (target === 'interrupt') return `${range} is an interrupt`;
  if (target.kind === 'process') return `${range} reaches process ${target.pid} at ${hex(target.address)}`;
  if (target.kind === 'file')
    return `${range} reaches the file with inode ${target.ino} at byte ${hex(target.offset)}`;
  return `${range} reaches dma-buf ${target.file} at byte ${hex(target.offset)}`;
}

/** The outcome, one clause a line. */
export function describeDma(outcome: DmaOutcome): string[] {
  const lines = outcome.pieces.map(describePiece);
  const { fault, request, missing } = outcome;
  if (fault !== undefined) lines.push(`${hex(fault.iova)} faults (${fault.kind}): ${fault.why}`);
  if (request !== undefined)
    lines.push(`fault queue ${request.faultId} gets a page request for ${hex(request.record.addr)}`);
  if (missing !== undefined) lines.push(`what follows depends on ${missing}`);
  if (outcome.stale.length > 0)
    lines.push(`a cache may still answer: ${outcome.stale.length} stale translations`);
  return lines;
}
