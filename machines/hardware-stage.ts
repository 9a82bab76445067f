/** Which stage a paging HWPT is to its IOMMU, by the driver's own name of its format. */
import type { HwptPaging } from './objects.ts';

export type StageFormat = Readonly<{
  stage: 1 | 2;
  /** The format cannot forbid reading. */
  readable: boolean;
}>;

const FORMATS: Readonly<Record<string, StageFormat>> = {
  'first-stage': { stage: 1, readable: true },
  'second-stage': { stage: 2, readable: false },
  'stage-1': { stage: 1, readable: true },
  'stage-2': { stage: 2, readable: false },
  v1: { stage: 2, readable: false },
  v2: { stage: 1, readable: true },
};

/** Formats of the mock are those of AMD's version 1 table: a second stage. */
const SECOND: StageFormat = { stage: 2, readable: false };

export function stageFormat(hwpt: HwptPaging): StageFormat {
  return FORMATS[hwpt.domain.format] ?? SECOND;
}
