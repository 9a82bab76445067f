/** IOMMU drivers of real hardware behind vfio-pci: what they accept, as far as recordings and sources tell. */
import type { DeviceTraits } from '../../events/device.ts';
import type { Domain } from '../../events/hwpt.ts';
import type { RuleId } from '../../events/rules.ts';
import { U64_MAX } from '../../events/u64.ts';
import { ridOf } from '../hardware.ts';
import { type Hwpt, mustBe } from '../objects.ts';
import type { Plan } from '../plan.ts';
import type { Failure, Site } from '../site.ts';
import type { DeviceView, Driver, HwInfo, PagingRequest } from './driver.ts';
import {
  allocVtdNested,
  invalidateVtdNested,
  refusesVtdStage1,
  type VtdStage1,
  vtdStage1,
} from './vtd-nested.ts';

/** Page sizes of a table with 4 KiB, 2 MiB and 1 GiB leaves. */
const CPU_PAGE_SIZES = 0x4020_1000n;

/** Byte of the VT-d data that holds bits 40 to 47 of ecap. */
const ECAP_PASID_BYTE = 21;

export type PciIommu = Readonly<{
  name: string;
  /** Driver-view of the flag sets that HWPT_ALLOC accepts, each with the format it gives. */
  formats: ReadonlyMap<number, Readonly<{ format: string; apertureLast: bigint }>>;
  /** Page sizes and cache coherency of its domains. */
  pageSizes: bigint;
  cacheCoherent: boolean;
  /** Domains of this format can sit on a PASID. */
  pasidFormats: readonly string[];
  hwInfo: HwInfo;
  nestedOnPaging: boolean;
  /** Tables of guests that it can walk as first stage; undefined where it has no nested translation. */
  stage1: VtdStage1 | undefined;
  userPasidTable: boolean;
  viommuType: ((traits: DeviceTraits, kind: number) => boolean) | undefined;
  /** Attaching a HWPT with a fault queue to a device without PRI. */
  faultRule: RuleId;
  /** The attach of a RID blocks it before anything can be refused. */
  blocksFirst: boolean;
}>;

function allocPaging(iommu: PciIommu, { traits, flags, data }: PagingRequest): Domain | Failure {
  const format = iommu.formats.get(flags);
  if (data.length !== 0 || format === undefined) return { rule: 'driver/paging-flags' };
  return {
    driver: iommu.name,
    instance: traits.instance,
    format: format.format,
    granule: 4096,
    pageSizes: iommu.pageSizes,
    aperture: { start: 0n, last: format.apertureLast },
    cacheCoherent: iommu.cacheCoherent,
    noIommu: false,
  };
}

/** The devices of the iommu group, in the order in which the core asks the driver. Members that are not bound are like `device`. */
function groupOf(site: Site, { traits }: DeviceView): readonly DeviceTraits[] {
  const bound = new Map<string, DeviceTraits>();
  for (const id of site.context.groups.get(traits.groupKey)?.deviceIds ?? []) {
    const one = mustBe(site.context, id, 'device').traits;
    bound.set(ridOf(one), one);
  }
  const told = traits.members.map((rid) => bound.get(rid) ?? { ...traits, name: rid });
  return [...told, ...[...bound].filter(([rid]) => !traits.members.includes(rid)).map(([, one]) => one)];
}

function refuses(iommu: PciIommu, traits: DeviceTraits, hwpt: Hwpt): RuleId | undefined {
  if (hwpt.kind === 'hwpt-paging' && hwpt.domain.driver !== iommu.name) return 'core/driver';
  if (hwpt.faultId !== 0 && !traits.pri) return iommu.faultRule;
  return iommu.stage1 === undefined ? undefined : refusesVtdStage1(iommu.stage1, hwpt);
}

/**
 * __iommu_group_set_domain_internal(): device by device up to the first refusal. Those before that one go back to what
 * they had, and so does that one, unless its driver has blocked it by then (intel_iommu_attach_device()).
 */
function attach(
  iommu: PciIommu,
  site: Site,
  plan: Plan,
  device: DeviceView,
  hwpt: Hwpt,
  pasid: number,
  replaces: boolean,
): RuleId | undefined {
  for (const traits of groupOf(site, device)) {
    if (pasid !== 0 && traits.maxPasids === 0) continue;
    const rule = refuses(iommu, traits, hwpt);
    if (rule === undefined) continue;
    if (iommu.blocksFirst && replaces && pasid === 0) {
      const { groupKey } = traits;
      plan.residue.push({ type: 'RidLeftBlocked', context: site.context.id, groupKey, rid: ridOf(traits) });
    }
    return rule;
  }
  return undefined;
}

function nestedAlloc({ nestedOnPaging, stage1 }: PciIommu): Driver['allocNested'] {
  if (stage1 !== undefined) return allocVtdNested;
  return nestedOnPaging ? () => ({ rule: 'driver/nested' }) : undefined;
}

/** The driver object for one described IOMMU. */
function pciIommuDriver(iommu: PciIommu): Driver {
  return {
    name: iommu.name,
    userPasidTable: iommu.userPasidTable,
    allocPaging: (_site, request) => allocPaging(iommu, request),
    allocNested: nestedAlloc(iommu),
    allocNestedOnViommu: undefined,
    attach: (...call) => attach(iommu, ...call),
    canSetPasid: (hwpt) =>
      hwpt.kind === 'hwpt-paging'
        ? iommu.pasidFormats.includes(hwpt.domain.format)
        : iommu.stage1 !== undefined,
    detached: () => undefined,
    hwInfo: (_traits, type) => (type === 0 || type === iommu.hwInfo.type ? iommu.hwInfo : undefined),
    capabilities: (traits) => (traits.dirty ? 1n : 0n),
    viommuType: iommu.viommuType,
    initViommu: () => ({ windowLength: 0n, reply: undefined }),
    initVdevice: () => undefined,
    invalidateNested: iommu.stage1 === undefined ? undefined : invalidateVtdNested,
    invalidateViommu: undefined,
    hwQueue: undefined,
    hwQueueType: () => false,
  };
}

function registers(length: number, fill: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  fill(view);
  return new Uint8Array(view.buffer);
}

/** Intel VT-d. `cap` and `ecap` are the registers; first-stage support (FLTS) is preferred where there is any. */
export function vtdDriver(cap: bigint, ecap: bigint, addressWidth: number): Driver {
  const last = (1n << BigInt(addressWidth)) - 1n;
  const scalable = ((ecap >> 43n) & 1n) === 1n;
  const firstStage = scalable && ((ecap >> 47n) & 1n) === 1n;
  const plain = firstStage
    ? { format: 'first-stage', apertureLast: last >> 1n }
    : { format: 'second-stage', apertureLast: last };
  const formats = new Map([
    [0, plain],
    [8, plain],
  ]);
  const stage1 = vtdStage1(cap, ecap);
  if (stage1 !== undefined) formats.set(1, { format: 'second-stage', apertureLast: last });
  return pciIommuDriver({
    name: 'intel-vtd',
    formats,
    pageSizes: CPU_PAGE_SIZES,
    cacheCoherent: ((ecap >> 7n) & 1n) === 1n,
    pasidFormats: ['first-stage', 'second-stage'],
    hwInfo: {
      type: 1,
      bytes: registers(24, (view) => {
        view.setUint32(0, 1, true);
        view.setBigUint64(8, cap, true);
        view.setBigUint64(16, ecap, true);
      }),
      // Bit 40 of ecap, PASID: a recorded machine description and the register of the same machine differ there.
      unknowable: { at: ECAP_PASID_BYTE, length: 1 },
    },
    nestedOnPaging: true,
    stage1,
    userPasidTable: false,
    viommuType: undefined,
    faultRule: 'vtd/fault-without-pri',
    blocksFirst: true,
  });
}

/** AMD-Vi without PASID support: one table format, the whole address space, any vIOMMU type by name. */
export function amdDriver(features: bigint): Driver {
  return pciIommuDriver({
    name: 'amd',
    formats: new Map([[0, { format: 'v1', apertureLast: U64_MAX }]]),
    pageSizes: 0xffff_ffff_ffff_f000n,
    cacheCoherent: true,
    pasidFormats: [],
    hwInfo: { type: 4, bytes: registers(16, (view) => view.setBigUint64(0, features, true)) },
    nestedOnPaging: false,
    stage1: undefined,
    userPasidTable: false,
    viommuType: () => true,
    faultRule: 'driver/fault-queue',
    blocksFirst: false,
  });
}

/** Arm SMMUv3 with both stages; `outputBits` is the output address size. */
export function smmuv3Driver(outputBits: number): Driver {
  const stage1 = { format: 'stage-1', apertureLast: 0xffff_ffff_ffffn };
  const stage2 = { format: 'stage-2', apertureLast: (1n << BigInt(outputBits)) - 1n };
  return pciIommuDriver({
    name: 'arm-smmu-v3',
    formats: new Map([
      [0, stage1],
      [8, stage1],
      [1, stage2],
    ]),
    pageSizes: CPU_PAGE_SIZES,
    cacheCoherent: true,
    pasidFormats: ['stage-1'],
    // The ID registers are hardware: the recording does not hold them.
    hwInfo: { type: 2, bytes: new Uint8Array(40), unknowable: { at: 8, length: 32 } },
    nestedOnPaging: false,
    stage1: undefined,
    userPasidTable: true,
    viommuType: () => false,
    faultRule: 'driver/fault-queue',
    blocksFirst: false,
  });
}
