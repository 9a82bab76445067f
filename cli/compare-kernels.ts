/** `ioasis compare` of two kernel releases on the same recordings. */
import { kernelProfiles } from '../machines/kernel-profile.ts';
import { compareKernels } from '../traces/compare-kernels.ts';
import { comparisonText } from '../traces/compare-text.ts';
import { findTraces } from '../traces/read-trace.ts';
import { EXIT, UsageError } from './errors.ts';
import { flush, print } from './terminal.ts';

export type ReleaseOptions = Readonly<{ json?: boolean; all?: boolean; iommu?: string }>;

export function isRelease(name: string): boolean {
  return kernelProfiles.has(name);
}

/** The releases that there are, for a message. */
export function knownReleases(): string {
  return [...kernelProfiles.keys()].join(', ');
}

/** Prints where two releases first answer the same calls differently; exit status 1 if they do. */
export async function compareReleases(
  a: string,
  b: string,
  paths: readonly string[],
  options: ReleaseOptions,
): Promise<void> {
  if (paths.length === 0) throw new UsageError('expected a trace after the two releases, found none');
  const comparison = await compareKernels({ a, b }, paths.flatMap(findTraces), { iommu: options.iommu });
  print(options.json ? `${JSON.stringify(comparison)}\n` : comparisonText(comparison, options.all === true));
  flush();
  process.exitCode = comparison.differing === 0 ? EXIT.ok : EXIT.found;
}
