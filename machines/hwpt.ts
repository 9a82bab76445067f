/** Deciders of hardware page tables: allocation and invalidation (hw_pagetable.c). */

import type { Event } from '../events/event.ts';
import type { HwptAlloc, HwptInvalidate } from '../events/hwpt-command.ts';
import { done, type Outcome, refuse, refuseAfter } from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import { joinIoas } from './attachment.ts';
import type { Invalidation, UserData } from './drivers/driver.ts';
import { HWPT_DIRTY_TRACKING, HWPT_FAULT_ID_VALID, HWPT_NEST_PARENT, HWPT_PASID } from './hwpt-flags.ts';
import { allocDomain } from './no-iommu.ts';
import {
  type Device,
  freeId,
  type HwptPaging,
  type Ioas,
  mustBe,
  objectAt,
  objectOf,
  type Viommu,
} from './objects.ts';
import { newPlan } from './plan.ts';
import { canRespond, type Failure, failed, isFailure, type Site } from './site.ts';
import { decideUnseenEntries } from './unseen-entries.ts';

const PAGE_SIZE = 4096;
const ENTRIES_MAX = 1 << 19;

type Draft = Readonly<{ event: (id: number, faultId: number) => Event }>;

/** iommufd_hwpt_alloc(). */
export function decideHwptAlloc(site: Site, command: HwptAlloc): Outcome {
  const { context } = site;
  if (command.reserved !== 0) return refuse('hwpt-alloc/reserved');
  if ((command.dataType === 0) !== (command.dataLen === 0)) return refuse('hwpt-alloc/data-pair');
  const device = objectOf(context, command.devId, 'device');
  if (device === undefined) return refuse('device/exists');
  const pt = objectAt(context, command.ptId);
  if (pt === undefined) return refuse('hwpt-alloc/pt-exists');
  const draft = draftOf(site, command, device, pt);
  if (isFailure(draft)) return failed(draft);
  let faultId = 0;
  if (command.flags & HWPT_FAULT_ID_VALID) {
    const fault = objectOf(context, command.faultId, 'fault');
    if (fault === undefined) return refuse('hwpt-alloc/fault-exists');
    faultId = fault.id;
  }
  if (!canRespond(site)) return refuse('respond/fault');
  const id = freeId(context);
  return done([draft.event(id, faultId)], { outHwptId: id });
}

function draftOf(
  site: Site,
  command: HwptAlloc,
  device: Device,
  pt: ReturnType<typeof objectAt>,
): Draft | Failure {
  switch (pt?.kind) {
    case 'ioas':
      return draftPaging(site, command, device, pt);
    case 'hwpt-paging':
      return draftNested(site, command, device, pt);
    case 'viommu':
      return draftOnViommu(site, command, device, pt);
    default:
      return { rule: 'hwpt-alloc/pt-kind' };
  }
}

function userData(command: HwptAlloc): UserData {
  return { type: command.dataType, length: command.dataLen, address: Number(command.dataUptr) };
}

/** iommufd_hwpt_paging_alloc() for user space. */
function draftPaging(site: Site, command: HwptAlloc, device: Device, ioas: Ioas): Draft | Failure {
  const { flags } = command;
  const { traits } = device;
  const known = site.kernel.has.has('pasid') ? 0xf : 3;
  if (flags & ~known) return { rule: 'hwpt-alloc/flags' };
  if (traits.noIommu && (flags & ~HWPT_FAULT_ID_VALID || command.dataLen !== 0))
    return { rule: 'hwpt-alloc/no-iommu' };
  if (flags & HWPT_DIRTY_TRACKING && !traits.dirty) return { rule: 'hwpt-alloc/dirty-capability' };
  if (flags & HWPT_FAULT_ID_VALID && flags & HWPT_NEST_PARENT)
    return { rule: 'hwpt-alloc/fault-nest-parent' };
  const domain = allocDomain(site, {
    traits,
    flags: flags & ~HWPT_FAULT_ID_VALID,
    data: userData(command),
  });
  if (isFailure(domain)) return domain;
  const plan = newPlan();
  const failure = joinIoas(site, plan, ioas, domain);
  if (failure !== undefined) return failure;
  return {
    event: (id, faultId) => ({
      type: 'HwptPagingAllocated',
      context: site.context.id,
      id,
      ioasId: ioas.id,
      auto: false,
      nestParent: (flags & HWPT_NEST_PARENT) !== 0,
      pasidCompat: (flags & HWPT_PASID) !== 0,
      dirtyOps: (flags & HWPT_DIRTY_TRACKING) !== 0,
      faultId,
      domain,
      captures: plan.tally.captures,
    }),
  };
}

function nestedFlags(site: Site): number {
  return site.kernel.has.has('pasid') ? HWPT_FAULT_ID_VALID | HWPT_PASID : HWPT_FAULT_ID_VALID;
}

/** iommufd_hwpt_nested_alloc(). */
function draftNested(site: Site, command: HwptAlloc, device: Device, parent: HwptPaging): Draft | Failure {
  const { flags } = command;
  const { driver } = site.platform;
  const { traits } = device;
  if (
    flags & ~nestedFlags(site) ||
    command.dataLen === 0 ||
    driver.allocNested === undefined ||
    traits.noIommu
  ) {
    return { rule: 'hwpt-alloc/nested-flags' };
  }
  if (parent.auto || !parent.nestParent || parent.domain.driver !== traits.driver)
    return { rule: 'hwpt-alloc/parent' };
  const nested = driver.allocNested(site, {
    traits,
    flags,
    data: userData(command),
    parent,
    viommu: undefined,
  });
  if (isFailure(nested)) return nested;
  return {
    event: (id, faultId) => ({
      type: 'HwptNestedAllocated',
      context: site.context.id,
      id,
      parentId: parent.id,
      viommuId: 0,
      pasidCompat: (flags & HWPT_PASID) !== 0,
      faultId,
      instance: traits.instance,
      ...nested,
    }),
  };
}

/** iommufd_viommu_alloc_hwpt_nested(). */
function draftOnViommu(site: Site, command: HwptAlloc, device: Device, viommu: Viommu): Draft | Failure {
  const { flags } = command;
  const { driver } = site.platform;
  const { traits } = device;
  if (traits.noIommu || traits.instance !== viommu.instance) return { rule: 'hwpt-alloc/viommu-instance' };
  if (flags & ~nestedFlags(site)) return { rule: 'hwpt-alloc/viommu-flags' };
  if (command.dataLen === 0) return { rule: 'hwpt-alloc/viommu-data' };
  if (driver.allocNestedOnViommu === undefined) return { rule: 'hwpt-alloc/viommu-op' };
  const parent = mustBe(site.context, viommu.hwptId, 'hwpt-paging');
  const nested = driver.allocNestedOnViommu(site, { traits, flags, data: userData(command), parent, viommu });
  if (isFailure(nested)) return nested;
  return {
    event: (id, faultId) => ({
      type: 'HwptNestedAllocated',
      context: site.context.id,
      id,
      parentId: 0,
      viommuId: viommu.id,
      pasidCompat: (flags & HWPT_PASID) !== 0,
      faultId,
      instance: traits.instance,
      ...nested,
    }),
  };
}

/** iommufd_hwpt_invalidate(): the number of handled entries is written back whatever happens. */
export function decideHwptInvalidate(site: Site, command: HwptInvalidate): Outcome {
  const invalidation = invalidate(site, command);
  const { handled, events, failure } =
    'rule' in invalidation ? { handled: 0, events: [], failure: invalidation } : invalidation;
  if (failure !== undefined && 'missing' in failure)
    return decideUnseenEntries(site, command, failure, events);
  if (!canRespond(site)) return refuseAfter('respond/fault', events);
  const reply = { entryNum: handled };
  return failure === undefined ? done(events, reply) : refuseAfter(failure.rule, events, reply);
}

function invalidate(site: Site, command: HwptInvalidate): Invalidation | Readonly<{ rule: RuleId }> {
  const rule = refusesArray(command);
  if (rule !== undefined) return { rule };
  const target = objectAt(site.context, command.hwptId);
  const onlyNested = !site.kernel.has.has('viommu');
  if (target === undefined || (onlyNested && target.kind !== 'hwpt-nested'))
    return { rule: 'hwpt-invalidate/exists' };
  const { driver } = site.platform;
  const request = {
    type: command.dataType,
    entryLength: command.entryLen,
    entries: command.entryNum,
    address: Number(command.dataUptr),
  };
  if (target.kind === 'hwpt-nested') {
    return driver.invalidateNested?.(site, target, request) ?? { rule: 'hwpt-invalidate/op' };
  }
  if (target.kind === 'viommu') {
    return driver.invalidateViommu?.(site, target, request) ?? { rule: 'hwpt-invalidate/op' };
  }
  return { rule: 'hwpt-invalidate/kind' };
}

function refusesArray(command: HwptInvalidate): RuleId | undefined {
  if (command.reserved !== 0) return 'hwpt-invalidate/reserved';
  const { entryNum, entryLen } = command;
  const bad = command.dataUptr === 0n || entryLen === 0 || entryLen > PAGE_SIZE || entryNum > ENTRIES_MAX;
  return entryNum !== 0 && bad ? 'hwpt-invalidate/array' : undefined;
}
