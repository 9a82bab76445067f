/** Machines for the full model: the IOMMU drivers with nesting and PASIDs, and the devices of a setup behind them. */

import type { DeviceTraits as Traits } from '../../events/device.ts';
import type { Domain } from '../../events/hwpt.ts';
import type { RuleId } from '../../events/rules.ts';
import { NO_EFFECT } from '../../machines/cached-value.ts';
import {
  type Driver,
  type Invalidation,
  type InvalidationRequest,
  type Nested,
  type NestedRequest,
  type PagingRequest,
  vdeviceOf,
} from '../../machines/drivers/driver.ts';
import { amdDriver, smmuv3Driver, vtdDriver } from '../../machines/drivers/pci-iommu.ts';
import { HWPT_NEST_PARENT, HWPT_PASID } from '../../machines/hwpt-flags.ts';
import type { Hwpt, Viommu } from '../../machines/objects.ts';
import type { Platform as Machine } from '../../machines/platform.ts';
import { type Failure, isFailure, type Site } from '../../machines/site.ts';
import { readSecond, word } from '../../machines/user-data.ts';
import { type DeviceTraits, type Ground, traitsOf } from '../setup.ts';
import { CFGI_CD_ALL } from './payloads.ts';

/** Scalable mode, first and second stage, nesting, snoop control. */
const VTD_ECAP = (1n << 43n) | (1n << 47n) | (1n << 26n) | (1n << 7n);
const VTD_CAP = 0xd2_0086_22f0_0000n;
const AMD_FEATURES = 0x25bf_7320_0002_20n;
const NARROW_LAST = (1n << 39n) - 1n;
const WIDTH = 20;

/** Data types of nested HWPTs, and of invalidations: VT-d, Arm, AMD. */
export const DATA_TYPE = { intel: 1, arm: 2, amd: 4 } as const;
export const INVALIDATION_TYPE = { intel: 0, arm: 1, amd: 0 } as const;
export const VIOMMU_TYPE = { arm: 2, amd: 3 } as const;
/** A stream table entry that is valid and has a table for stage 1. */
const ENTRY = '0b00000000000000';

/** Every device of a setup, in the order of their numbers. */
export function deviceName(device: number): string {
  return `0000:00:0${device}.0`;
}

export function devicePath(device: number): string {
  return `/dev/vfio/devices/${deviceName(device)}`;
}

function numberOf({ name }: Traits): number {
  return Number(name.at(-3));
}

/** What a driver adds to the driver of the model. */
type Kind = Readonly<{
  driver: Driver;
  /** Formats for HWPTs that are made for PASIDs, where they differ from plain ones. */
  pasidFormat: string | undefined;
  nests: 'hwpt' | 'viommu';
  needsVdevice: boolean;
}>;

function kindOf({ platform }: Ground): Kind {
  switch (platform) {
    case 'intel':
      return {
        driver: vtdDriver(VTD_CAP, VTD_ECAP, 48),
        pasidFormat: undefined,
        nests: 'hwpt',
        needsVdevice: false,
      };
    case 'arm':
      return { driver: smmuv3Driver(44), pasidFormat: undefined, nests: 'viommu', needsVdevice: true };
    case 'amd':
      return { driver: amdDriver(AMD_FEATURES), pasidFormat: 'v2', nests: 'viommu', needsVdevice: false };
  }
}

/** The domain for one device: no wider than it, and not enforcing what its IOMMU cannot. */
function allocPaging(
  ground: Ground,
  { driver, pasidFormat }: Kind,
  site: Site,
  request: PagingRequest,
): Domain | Failure {
  const { flags, traits } = request;
  const own = traitsOf(ground, numberOf(traits));
  if (flags & HWPT_PASID && !own.iommuPasid) return { rule: 'driver/paging-flags' };
  const second = pasidFormat !== undefined && (flags === HWPT_PASID || flags === HWPT_NEST_PARENT);
  const domain = driver.allocPaging(site, second ? { ...request, flags: 0 } : request);
  if (isFailure(domain)) return domain;
  const last = own.narrow && domain.aperture.last > NARROW_LAST ? NARROW_LAST : domain.aperture.last;
  return {
    ...domain,
    format: flags === HWPT_PASID && pasidFormat !== undefined ? pasidFormat : domain.format,
    aperture: { start: domain.aperture.start, last },
    cacheCoherent: domain.cacheCoherent && own.forceSnoop,
  };
}

/** The register has one rule for a domain that a driver does not take: that of another driver. */
function refusesDomain({ forceSnoop, narrow }: DeviceTraits, hwpt: Hwpt): RuleId | undefined {
  if (hwpt.kind !== 'hwpt-paging') return undefined;
  const wide = hwpt.domain.aperture.last > NARROW_LAST;
  return (narrow && wide) || (hwpt.domain.cacheCoherent && !forceSnoop) ? 'core/driver' : undefined;
}

/** Whether each member has the vDEVICE that a table of the guest needs (arm_smmu_attach_prepare_vmaster()). */
function refusesVdevices(site: Site, groupKey: string, members: number, hwpt: Hwpt): RuleId | undefined {
  if (hwpt.kind !== 'hwpt-nested') return undefined;
  const bound = site.context.groups.get(groupKey)?.deviceIds ?? [];
  const equipped = bound.filter((id) => vdeviceOf(site, hwpt.viommuId, id) !== undefined);
  return equipped.length === members ? undefined : 'mock/attach-vdevice';
}

/** The entry of the guest's stream or device table, which the driver of the model does not read. */
function allocNestedOnViommu(_site: Site, { data }: NestedRequest): Nested | Failure {
  return data.type === DATA_TYPE.arm || data.type === DATA_TYPE.amd
    ? { iotlb: 0, data: ENTRY }
    : { rule: 'driver/nested' };
}

/** Arm: one command of the queue; all devices of the vIOMMU, or the one with this virtual stream id. */
function invalidateViommu(
  site: Site,
  viommu: Viommu,
  { address, entries }: InvalidationRequest,
): Invalidation {
  const bytes = readSecond(site, address, 0, 16, 'mock/invalidate-fault');
  if (isFailure(bytes)) return { handled: 0, events: [], failure: unseen(site, viommu, bytes) };
  const virtId = word(bytes, 0) === CFGI_CD_ALL ? BigInt(word(bytes, 1)) : undefined;
  const events = site.context.objects.flatMap((object) => {
    if (object?.kind !== 'vdevice' || object.viommuId !== viommu.id) return [];
    if (virtId !== undefined && object.virtId !== virtId) return [];
    return [
      { type: 'CacheInvalidated', context: site.context.id, deviceId: object.deviceId, slots: [] } as const,
    ];
  });
  return { handled: entries, events, failure: undefined };
}

/** A command that is not known: it changes nothing that a later answer depends on. */
function unseen(site: Site, viommu: Viommu, failure: Failure): Invalidation['failure'] {
  if ('rule' in failure) return failure;
  return {
    missing: failure.missing,
    from: 0,
    forgotten: () => ({
      type: 'CachesForgotten',
      context: site.context.id,
      viommuId: viommu.id,
      effects: NO_EFFECT,
    }),
    canSucceed: true,
    refusals: () => ['mock/invalidate-fault'],
  };
}

function driverOf(ground: Ground): Driver {
  const kind = kindOf(ground);
  const { driver, nests, pasidFormat } = kind;
  return {
    ...driver,
    allocPaging: (site, request) => allocPaging(ground, kind, site, request),
    allocNestedOnViommu: nests === 'viommu' ? allocNestedOnViommu : undefined,
    attach: (site, plan, device, hwpt, pasid, replaces) => {
      const { groupKey, members } = device.traits;
      const unfit = members.map((name) => refusesDomain(traitsOf(ground, Number(name.at(-3))), hwpt));
      const vdevices =
        kind.needsVdevice && pasid === 0 ? refusesVdevices(site, groupKey, members.length, hwpt) : undefined;
      return (
        unfit.find((rule) => rule !== undefined) ??
        driver.attach(site, plan, device, hwpt, pasid, replaces) ??
        vdevices
      );
    },
    canSetPasid: (hwpt) =>
      driver.canSetPasid(hwpt) || (hwpt.kind === 'hwpt-paging' && hwpt.domain.format === pasidFormat),
    viommuType: nests === 'hwpt' ? undefined : () => true,
    invalidateViommu: ground.platform === 'arm' ? invalidateViommu : undefined,
  };
}

/** The machine of a setup: its devices behind vfio-pci, by path. */
export function machineOf(ground: Ground): Machine {
  const driver = driverOf(ground);
  const devices = ground.devices.flatMap((device) => {
    const own = traitsOf(ground, device);
    if (own.kind !== 'pdev') return [];
    const traits: Traits = {
      driver: driver.name,
      instance: `${driver.name}${own.iommu}`,
      groupKey: `group:${own.group}`,
      name: deviceName(device),
      maxPasids: own.pasid && own.iommuPasid ? (own.fewPasids ? ground.pasids.length : 2 ** WIDTH) : 0,
      dirty: false,
      pri: own.pri,
      noIommu: false,
      reserved: [],
      members: (ground.mates[device] ?? [device]).map(deviceName),
    };
    return [[devicePath(device), { traits, pasidOps: true, isolatedMsi: true }] as const];
  });
  return { driver, devices: new Map(devices), allowUnsafeInterrupts: false };
}
