/** The recordings that are measured. */
import { statSync } from 'node:fs';
import { findTraces } from '../traces/read-trace.ts';

const CORPUS = 'traces/corpus';
export const SELFTEST = `${CORPUS}/kernel-7.3.4/selftest`;

/** The recorder file of the corpus that is largest on the disk. */
export function largestRecording(): string {
  const [largest = ''] = findTraces(CORPUS).sort((one, other) => statSync(other).size - statSync(one).size);
  return largest;
}
