/** The first line of a recording, written for a capture that has none. */
import { kernelProfiles } from '../../machines/kernel-profile.ts';
import type { TraceLine } from '../recording.ts';

/** The newest release that the model knows. */
const NEWEST = '7.3.4';

/** The release itself, or the nearest older one that the model knows, or its oldest. */
function nearestRelease(kernel: string): string {
  if (kernelProfiles.has(kernel)) return kernel;
  const order = (release: string): number => {
    const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
    return major * 1000 + minor;
  };
  const known = [...kernelProfiles.keys()].sort((one, other) => order(other) - order(one));
  return known.find((release) => order(release) <= order(kernel)) ?? known.at(-1) ?? NEWEST;
}

/** Bytes of a page, where nothing else is told. */
const PAGE_SIZE = 4096;

/** A header for the release that is nearest to `kernel`; `assumed` says where that is not the release itself. */
export function captureHeader(
  kernel: string | undefined,
  facts: Pick<TraceLine, 'arch' | 'program' | 'iommu' | 'assumed'> &
    Partial<Pick<TraceLine, 'pageSize' | 'machine'>>,
): TraceLine {
  const release = kernel === undefined ? NEWEST : nearestRelease(kernel);
  const assumed = [...(kernel === release ? [] : ['kernel']), ...(facts.assumed ?? [])];
  return {
    ev: 'trace',
    format: 'iommufd-rec',
    version: 2,
    kernel: release,
    pageSize: PAGE_SIZE,
    ...facts,
    assumed,
  };
}
