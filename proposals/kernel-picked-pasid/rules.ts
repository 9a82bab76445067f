/** What attaching with a number of the kernel's choice refuses. The mails name no errno. */
import { type Refusal, refusalsWithoutErrno } from '../proposal.ts';

const refusal = refusalsWithoutErrno('kernel-picked-pasid');
const rule = (name: string, says: string): Refusal => refusal(name, says, 'S0 thread, 23 Sep 2021 [D]');

export const NOT_BOUND = rule('device-bound', 'the device is not bound');
export const NO_PASIDS = rule('pasid-capable', 'the device, or the IOMMU behind it, has no PASIDs');
export const NO_SPACE = rule('ioasid-exists', 'no such IOASID in the iommufd of the device');
export const BEYOND_WIDTH = rule('pasid-width', 'the kernel picks no number that the device has no bits for');
export const NO_NUMBER = rule('pasid-free', 'this number of the device is in use');
export const NOT_ATTACHED = rule('pasid-attached', 'nothing is attached at this number');
