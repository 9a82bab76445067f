/** Operations of the mock for examples, valid after an IOAS (1) and a mock device (2, 3, automatic HWPT 4). */
import { maker } from './commands.ts';
import { RW } from './memory.ts';

/** The first IOVA that a mock domain maps. */
export const APERTURE = 0x100_0000n;

export const addReserved = maker('TestAddReserved', { id: 1, start: 0x4000n, length: 0x1000n });
export const mockDomain = maker('TestMockDomain', { id: 1 });
export const mockDomainFlags = maker('TestMockDomainFlags', { id: 1 });
export const mdCheckMap = maker('TestMdCheckMap', {
  id: 4,
  iova: APERTURE,
  length: 0x1000n,
  uptr: BigInt(RW),
});
export const mdCheckRefs = maker('TestMdCheckRefs', { length: 0x1000n, uptr: BigInt(RW), refs: 1 });
export const createAccess = maker('TestCreateAccess', { id: 1, flags: 1 });
export const destroyAccessPages = maker('TestDestroyAccessPages', { id: 4 });
export const accessPages = maker('TestAccessPages', { id: 4, iova: APERTURE, length: 0x1000n });
export const accessRw = maker('TestAccessRw', {
  id: 4,
  iova: APERTURE,
  length: 0x10n,
  uptr: BigInt(RW),
});
export const memoryLimit = maker('TestSetTempMemoryLimit', { limit: 65_536 });
export const mockReplace = maker('TestMockDomainReplace', { id: 2, ptId: 1 });
export const accessReplaceIoas = maker('TestAccessReplaceIoas', { id: 4, ioasId: 1 });
export const mockDirty = maker('TestDirty', {
  id: 5,
  iova: APERTURE,
  length: 0x4000n,
  pageSize: 0x1000n,
  uptr: BigInt(RW),
});
export const checkIotlb = maker('TestMdCheckIotlb', { id: 6 });
export const triggerIopf = maker('TestTriggerIopf', { devId: 3, grpid: 7, perm: 1, addr: 0x1000n });
export const checkCache = maker('TestDevCheckCache', { id: 3, cache: 0xbaddad });
export const triggerVevent = maker('TestTriggerVevent', { devId: 3 });
export const pasidAttach = maker('TestPasidAttach', { id: 2, pasid: 100, ptId: 5 });
export const pasidReplace = maker('TestPasidReplace', { id: 2, pasid: 100, ptId: 5 });
export const pasidDetach = maker('TestPasidDetach', { id: 2, pasid: 100 });
export const pasidCheck = maker('TestPasidCheckHwpt', { id: 2, pasid: 100, hwptId: 5 });
export const dmabufGet = maker('TestDmabufGet', { length: 0x4000 });
export const dmabufRevoke = maker('TestDmabufRevoke', { dmabufFd: 4, revoked: 1 });
export const unknownOp = maker('TestUnknownOp', { op: 99 });
