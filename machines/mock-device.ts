/** Deciders of the mock operations that make devices and move them between page tables. */
import type { DeviceTraits } from '../events/device.ts';
import type { Event } from '../events/event.ts';
import { DONE, done, type Outcome, refuse, refuseAfter, undetermined } from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import type {
  TestDevCheckCache,
  TestMdCheckIotlb,
  TestMockDomain,
  TestMockDomainFlags,
  TestMockDomainReplace,
  TestPasidAttach,
  TestPasidCheckHwpt,
  TestPasidDetach,
  TestPasidReplace,
} from '../events/test-command.ts';
import { type PtResult, planAttach, planDetach, planReplace } from './attachment.ts';
import { type CacheDoubt, isCached, UNKNOWN_VALUE } from './cached-value.ts';
import type { DeviceView } from './drivers/driver.ts';
import { MOCK_HUGE_IOVA, MOCK_NO_DIRTY, MOCK_PASID } from './drivers/mock.ts';
import { type Device, freeId, mustBe, objectAt, objectOf } from './objects.ts';
import { newPlan, type Plan } from './plan.ts';
import { canRespond, type Failure, failed, isFailure, type Site, supposition } from './site.ts';

/** A mock device without the PASID flag still takes part in PASID checks, with one PASID: none above 0. */
const NO_PASIDS = 1;
const PASIDS = 1 << 20;

function mockTraits(context: number, selftestId: number, flags: number): DeviceTraits {
  return {
    driver: 'mock',
    instance: 'mock',
    groupKey: `mock:${context}/${selftestId}`,
    name: flags & MOCK_HUGE_IOVA ? 'huge' : 'mock',
    maxPasids: flags & MOCK_PASID ? PASIDS : NO_PASIDS,
    dirty: !(flags & MOCK_NO_DIRTY),
    pri: true,
    noIommu: false,
    reserved: [],
    members: [],
  };
}

/** IOMMU_TEST_OP_MOCK_DOMAIN: the flags word is neither read nor checked. */
export function decideTestMockDomain(site: Site, command: TestMockDomain): Outcome {
  return mockDomain(site, command.id, 0);
}

/** IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS. */
export function decideTestMockDomainFlags(site: Site, command: TestMockDomainFlags): Outcome {
  const known = site.kernel.has.has('pasid') ? MOCK_NO_DIRTY | MOCK_PASID : MOCK_NO_DIRTY | MOCK_HUGE_IOVA;
  if (command.devFlags & ~known) return refuse('mock-domain/flags');
  return mockDomain(site, command.id, command.devFlags);
}

/** iommufd_test_mock_domain(): SELFTEST and DEVICE take their ids first, an automatic HWPT after them. */
function mockDomain(site: Site, ptId: number, flags: number): Outcome {
  const { context } = site;
  const selftestId = freeId(context);
  const deviceId = freeId(context, [selftestId]);
  const plan = newPlan();
  plan.taken.push(selftestId, deviceId);
  const traits = mockTraits(context.id, selftestId, flags);
  plan.events.push(
    { type: 'DeviceBound', context: context.id, id: deviceId, traits, file: 0 },
    { type: 'SelftestCreated', context: context.id, id: selftestId, deviceId },
  );
  const device: DeviceView = { id: deviceId, traits, viommuId: 0, fails1024: false };
  const result = planAttach(site, plan, device, 0, ptId);
  if (isFailure(result)) return failed(result, plan.residue);
  if (!canRespond(site)) return refuse('respond/fault');
  return done(plan.events, { outStdevId: selftestId, outHwptId: result.hwptId, outIdevId: deviceId });
}

function deviceOf(site: Site, selftestId: number): Device | undefined {
  const selftest = objectOf(site.context, selftestId, 'selftest');
  return selftest === undefined ? undefined : mustBe(site.context, selftest.deviceId, 'device');
}

type Move = (site: Site, plan: Plan, device: DeviceView, pasid: number, ptId: number) => PtResult;

/** A move whose failed write-back leaves it in place. */
function move(site: Site, id: number, pasid: number, ptId: number, how: Move): Outcome {
  const device = deviceOf(site, id);
  if (device === undefined) return refuse('selftest/exists');
  const plan = newPlan();
  const result = how(site, plan, device, pasid, ptId);
  if (isFailure(result)) return failed(result, plan.residue);
  const events = [...plan.residue, ...plan.events];
  return canRespond(site) ? done(events, { ptId: result.hwptId }) : refuseAfter('respond/fault', events);
}

/** IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE. */
export function decideTestMockDomainReplace(site: Site, command: TestMockDomainReplace): Outcome {
  return move(site, command.id, 0, command.ptId, planReplace);
}

/** IOMMU_TEST_OP_PASID_REPLACE. */
export function decideTestPasidReplace(site: Site, command: TestPasidReplace): Outcome {
  return move(site, command.id, command.pasid, command.ptId, planReplace);
}

/** IOMMU_TEST_OP_PASID_ATTACH. A failed write-back detaches again. */
export function decideTestPasidAttach(site: Site, command: TestPasidAttach): Outcome {
  const device = deviceOf(site, command.id);
  if (device === undefined) return refuse('selftest/exists');
  const plan = newPlan();
  const result = planAttach(site, plan, device, command.pasid, command.ptId);
  if (isFailure(result)) return failed(result, plan.residue);
  if (!canRespond(site)) return refuseAfter('respond/fault', plan.residue);
  return done([...plan.residue, ...plan.events], { ptId: result.hwptId });
}

/** IOMMU_TEST_OP_PASID_DETACH. Also 0 when nothing is attached. */
export function decideTestPasidDetach(site: Site, command: TestPasidDetach): Outcome {
  const device = deviceOf(site, command.id);
  if (device === undefined) return refuse('selftest/exists');
  const plan = newPlan();
  planDetach(site, plan, device, command.pasid);
  return plan.events.length === 0 ? DONE : done(plan.events);
}

/** IOMMU_TEST_OP_PASID_CHECK_HWPT. */
export function decideTestPasidCheckHwpt(site: Site, command: TestPasidCheckHwpt): Outcome {
  const device = deviceOf(site, command.id);
  if (device === undefined) return refuse('selftest/exists');
  const failure = refusesCheck(site, device, command);
  return failure === undefined ? DONE : failed(failure);
}

function refusesCheck(
  site: Site,
  device: Device,
  { pasid, hwptId }: TestPasidCheckHwpt,
): Failure | undefined {
  const attached = site.context.groups.get(device.traits.groupKey)?.slots.get(pasid)?.hwptId;
  if (hwptId === 0) return attached === undefined ? undefined : { rule: 'pasid-check/attached' };
  const hwpt = objectAt(site.context, hwptId);
  if (hwpt === undefined) return { rule: 'pasid-check/exists' };
  return attached === hwptId ? undefined : { rule: 'pasid-check/other' };
}

/** IOMMU_TEST_OP_MD_CHECK_IOTLB. */
export function decideTestMdCheckIotlb(site: Site, command: TestMdCheckIotlb): Outcome {
  const hwpt = objectOf(site.context, command.id, 'hwpt-nested');
  if (hwpt === undefined) return refuse('md-check-iotlb/exists');
  const { index: slot, iotlb: value } = command;
  const same = holds(hwpt.iotlb, hwpt.doubt, slot, value);
  return checked(site, 'md-check-iotlb/value', same, hwpt.doubt, (told) => ({
    type: 'IotlbLearned',
    context: site.context.id,
    id: hwpt.id,
    slot,
    value,
    same: told,
  }));
}

/** IOMMU_TEST_OP_DEV_CHECK_CACHE. */
export function decideTestDevCheckCache(site: Site, command: TestDevCheckCache): Outcome {
  const device = objectOf(site.context, command.id, 'device');
  if (device === undefined) return refuse('device/exists');
  const { index: slot, cache: value } = command;
  const same = holds(device.cache, device.doubt, slot, value);
  return checked(site, 'dev-check-cache/value', same, device.doubt, (told) => ({
    type: 'CacheLearned',
    context: site.context.id,
    id: device.id,
    slot,
    value,
    same: told,
  }));
}

/** Whether this slot holds this value; undefined where nobody knows. */
function holds(
  values: readonly number[],
  doubt: CacheDoubt | undefined,
  slot: number,
  value: number,
): boolean | undefined {
  const cached = values[slot];
  return cached === UNKNOWN_VALUE && doubt !== undefined ? isCached(doubt, slot, value) : cached === value;
}

/** The answer of a check, and what it tells where `same` is open. */
function checked(
  site: Site,
  rule: RuleId,
  same: boolean | undefined,
  doubt: CacheDoubt | undefined,
  learned: (same: boolean) => Event,
): Outcome {
  if (same !== undefined) return same ? DONE : refuse(rule);
  if (site.trusting) return done([learned(true)]);
  const missing =
    doubt?.value === UNKNOWN_VALUE
      ? 'the data that the nested HWPT was allocated with'
      : 'the entries of an earlier invalidation';
  switch (supposition(site, missing)) {
    case 'denied':
      return refuseAfter(rule, [learned(false)]);
    case 'refused':
      return refuse(rule);
    case undefined:
      return undetermined(missing);
    default:
      return DONE;
  }
}
