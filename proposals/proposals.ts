/** The proposals that come with the project, oldest first. */
import { allocPerKind } from './alloc-per-kind/proposal.ts';
import { ioasidRfcV1 } from './ioasid-rfc-v1/proposal.ts';
import { ioasidSet } from './ioasid-set/proposal.ts';
import { iommuRfcV2 } from './iommu-rfc-v2/proposal.ts';
import { iommufdMainline } from './iommufd-mainline/proposal.ts';
import { iommufdRfc } from './iommufd-rfc-2021-09/proposal.ts';
import { kernelPickedPasid } from './kernel-picked-pasid/proposal.ts';
import type { Proposal } from './proposal.ts';

export const PROPOSALS: readonly Proposal[] = [
  ioasidSet,
  ioasidRfcV1,
  allocPerKind,
  iommuRfcV2,
  iommufdRfc,
  kernelPickedPasid,
  iommufdMainline,
];
