// One command for each operation of IOMMU_TEST_CMD, which drives the kernel's mock IOMMU.

/** What all operations share; what `id` names depends on the operation. */
type TestOp<Type extends string, Fields = unknown> = Readonly<
  { type: Type; size: number; op: number; id: number } & Fields
>;

/** `id`: the IOAS. */
export type TestAddReserved = TestOp<'TestAddReserved', { start: bigint; length: bigint }>;

/** `id`: an IOAS or an HWPT. */
export type TestMockDomain = TestOp<
  'TestMockDomain',
  { outStdevId: number; outHwptId: number; outIdevId: number }
>;

/** `id`: a paging HWPT. */
export type TestMdCheckMap = TestOp<'TestMdCheckMap', { iova: bigint; length: bigint; uptr: bigint }>;

/** `id` is unused. */
export type TestMdCheckRefs = TestOp<'TestMdCheckRefs', { length: bigint; uptr: bigint; refs: number }>;

/** `id`: the IOAS. */
export type TestCreateAccess = TestOp<'TestCreateAccess', { outAccessFd: number; flags: number }>;

/** `id`: an access descriptor. */
export type TestDestroyAccessPages = TestOp<'TestDestroyAccessPages', { accessPagesId: number }>;

/** `id`: an access descriptor. */
export type TestAccessPages = TestOp<
  'TestAccessPages',
  { flags: number; outAccessPagesId: number; iova: bigint; length: bigint; uptr: bigint }
>;

/** `id`: an access descriptor. */
export type TestAccessRw = TestOp<
  'TestAccessRw',
  { iova: bigint; length: bigint; uptr: bigint; flags: number }
>;

/** `id` is unused. `limit`: bytes. */
export type TestSetTempMemoryLimit = TestOp<'TestSetTempMemoryLimit', { limit: number }>;

/** `id`: a selftest device. `ptId` in: an IOAS or an HWPT; out: the resulting HWPT. */
export type TestMockDomainReplace = TestOp<'TestMockDomainReplace', { ptId: number }>;

/** `id`: an access descriptor. */
export type TestAccessReplaceIoas = TestOp<'TestAccessReplaceIoas', { ioasId: number }>;

/** `id`: an IOAS or an HWPT. */
export type TestMockDomainFlags = TestOp<
  'TestMockDomainFlags',
  { outStdevId: number; outHwptId: number; outIdevId: number; devFlags: number }
>;

/** `id`: a paging HWPT. */
export type TestDirty = TestOp<
  'TestDirty',
  { flags: number; iova: bigint; length: bigint; pageSize: bigint; uptr: bigint; outNrDirty: bigint }
>;

/** `id`: a nested HWPT. `index`: the header's second `id`, a slot of its IOTLB. */
export type TestMdCheckIotlb = TestOp<'TestMdCheckIotlb', { index: number; iotlb: number }>;

/** `id` is unused. */
export type TestTriggerIopf = TestOp<
  'TestTriggerIopf',
  { devId: number; pasid: number; grpid: number; perm: number; addr: bigint }
>;

/** `id`: a device. `index`: the header's second `id`, a slot of its cache. */
export type TestDevCheckCache = TestOp<'TestDevCheckCache', { index: number; cache: number }>;

/** `id` is unused. */
export type TestTriggerVevent = TestOp<'TestTriggerVevent', { devId: number }>;

/** `id`: a selftest device. `ptId` in: an IOAS or an HWPT; out: the resulting HWPT. */
export type TestPasidAttach = TestOp<'TestPasidAttach', { pasid: number; ptId: number }>;

/** `id`: a selftest device. `ptId` in: an IOAS or an HWPT; out: the resulting HWPT. */
export type TestPasidReplace = TestOp<'TestPasidReplace', { pasid: number; ptId: number }>;

/** `id`: a selftest device. */
export type TestPasidDetach = TestOp<'TestPasidDetach', { pasid: number }>;

/** `id`: a selftest device. */
export type TestPasidCheckHwpt = TestOp<'TestPasidCheckHwpt', { pasid: number; hwptId: number }>;

/** `id` is unused. `length`: bytes, here only 32 bits wide. */
export type TestDmabufGet = TestOp<'TestDmabufGet', { length: number; openFlags: number }>;

/** `id` is unused. `dmabufFd` is signed. */
export type TestDmabufRevoke = TestOp<'TestDmabufRevoke', { dmabufFd: number; revoked: number }>;

/** An `op` that the kernel does not know. */
export type TestUnknownOp = TestOp<'TestUnknownOp'>;

export type TestCommand =
  | TestAddReserved
  | TestMockDomain
  | TestMdCheckMap
  | TestMdCheckRefs
  | TestCreateAccess
  | TestDestroyAccessPages
  | TestAccessPages
  | TestAccessRw
  | TestSetTempMemoryLimit
  | TestMockDomainReplace
  | TestAccessReplaceIoas
  | TestMockDomainFlags
  | TestDirty
  | TestMdCheckIotlb
  | TestTriggerIopf
  | TestDevCheckCache
  | TestTriggerVevent
  | TestPasidAttach
  | TestPasidReplace
  | TestPasidDetach
  | TestPasidCheckHwpt
  | TestDmabufGet
  | TestDmabufRevoke
  | TestUnknownOp;
