/** What a thread of a fuzzing pool runs: one chunk of a campaign, answered by what it found. */
import { type ChunkResult, type FuzzOptions, fuzzChunk } from '../traces/fuzz.ts';

export type FuzzTask = Readonly<{ options: FuzzOptions; first: number; count: number }>;

export function work({ options, first, count }: FuzzTask): ChunkResult {
  return fuzzChunk(options, first, count);
}
