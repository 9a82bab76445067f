/** What became of one `dma` line: the predicted outcome, how it fits what the line tells, and both as plain data. */
import { hex } from '../events/hex.ts';
import type { DmaOutcome, DmaPiece } from '../machines/dma.ts';
import { dmaAccess } from './dma-line.ts';
import type { DmaLine } from './recording.ts';

export type DmaDifference = Readonly<{
  field: 'fault' | 'transferred';
  recorded: string;
  predicted: string;
}>;

export type DmaResult = Readonly<{
  line: DmaLine;
  outcome: DmaOutcome;
  verdict: 'conforming' | 'diverging' | 'undetermined' | 'predicted';
  difference: DmaDifference | undefined;
}>;

/** `doubt` is a fact about the calls before that nobody recorded, and that the outcome depends on. */
export function dmaResult(line: DmaLine, predicted: DmaOutcome, doubt: string | undefined): DmaResult {
  const outcome = doubt === undefined ? predicted : { ...predicted, missing: doubt };
  if (outcome.missing !== undefined) return { line, outcome, verdict: 'undetermined', difference: undefined };
  const difference = compareDma(line, outcome);
  const recorded = line.transferred !== undefined || line.fault !== undefined;
  const agreed = recorded ? 'conforming' : 'predicted';
  return { line, outcome, verdict: difference === undefined ? agreed : 'diverging', difference };
}

function compareDma({ transferred, fault }: DmaLine, outcome: DmaOutcome): DmaDifference | undefined {
  const kind = outcome.fault?.kind ?? 'none';
  if (fault !== undefined && fault !== kind) return { field: 'fault', recorded: fault, predicted: kind };
  if (transferred === undefined || BigInt(transferred) === outcome.transferred) return undefined;
  return { field: 'transferred', recorded: `${transferred}`, predicted: `${outcome.transferred}` };
}

/** Whether all that is told of two outcomes is the same. */
export function sameDma(one: DmaOutcome, other: DmaOutcome): boolean {
  return JSON.stringify(outcomeJson(one)) === JSON.stringify(outcomeJson(other));
}

function pieceJson({ iova, last, target }: DmaPiece): Record<string, unknown> {
  const range = { iova: hex(iova), last: hex(last) };
  if (typeof target === 'string') return { ...range, to: { kind: target } };
  if (target.kind !== 'process') return { ...range, to: { ...target, offset: hex(target.offset) } };
  const { pid, address, page, stillThere } = target;
  return {
    ...range,
    to: { kind: 'process', pid, address: hex(address), page, stillThere: stillThere ?? null },
  };
}

function outcomeJson({ pieces, transferred, fault, request, stale }: DmaOutcome): Record<string, unknown> {
  return {
    transferred: Number(transferred),
    pieces: pieces.map(pieceJson),
    fault: fault === undefined ? null : { ...fault, iova: hex(fault.iova) },
    pageRequest:
      request === undefined
        ? null
        : {
            queue: request.faultId,
            flags: request.record.flags,
            devId: request.record.deviceId,
            pasid: request.record.pasid,
            grpid: request.record.grpid,
            perm: request.record.perm,
            addr: hex(request.record.addr),
          },
    stale: stale.length,
  };
}

/** The line of `ioasis predict`, and the entry of `ioasis replay --json`. */
export function dmaJson(trace: string, { line, outcome }: DmaResult): Record<string, unknown> {
  const { rid, pasid, iova, length, write } = dmaAccess(line);
  const asked = {
    trace,
    seq: line.seq,
    call: 'dma',
    rid,
    pasid,
    iova: hex(iova),
    length: Number(length),
    write,
  };
  return { ...asked, ...outcomeJson(outcome), undetermined: outcome.missing ?? null };
}
