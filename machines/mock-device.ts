/** Deciders of the mock operations that make devices and move them between page tables. */
import type { DeviceTraits } from '../events/device.ts';
import { DONE, done, type Outcome, refuse, refuseAfter, undetermined } from '../events/outcome.ts';
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
import { isCached, UNKNOWN_VALUE, whenNot } from './cached-value.ts';
import type { DeviceView } from './drivers/driver.ts';
import { MOCK_HUGE_IOVA, MOCK_NO_DIRTY, MOCK_PASID } from './drivers/mock.ts';
import { type Device, freeId, mustBe, objectAt, objectOf } from './objects.ts';
import { newPlan, type Plan } from './plan.ts';
import { canRespond, type Failure, failed, isFailure, type Site } from './site.ts';

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
  const cached = hwpt.iotlb[command.index];
  if (cached === undefined) return refuse('md-check-iotlb/value');
  const same = isCached(cached, command.iotlb);
  if (same !== undefined) return same ? DONE : refuse('md-check-iotlb/value');
  const event = { type: 'IotlbLearned', context: site.context.id, id: hwpt.id, slot: command.index } as const;
  if (site.trusting) return done([{ ...event, value: command.iotlb }]);
  if (site.supposing === 'denied')
    return refuseAfter('md-check-iotlb/value', [{ ...event, value: whenNot(cached, command.iotlb) }]);
  return undetermined(
    cached === UNKNOWN_VALUE
      ? 'the data that the nested HWPT was allocated with'
      : 'the entries of an earlier invalidation',
  );
}

/** IOMMU_TEST_OP_DEV_CHECK_CACHE. */
export function decideTestDevCheckCache(site: Site, command: TestDevCheckCache): Outcome {
  const device = objectOf(site.context, command.id, 'device');
  if (device === undefined) return refuse('device/exists');
  const cached = device.cache[command.index];
  if (cached === undefined) return refuse('dev-check-cache/value');
  const same = isCached(cached, command.cache);
  if (same !== undefined) return same ? DONE : refuse('dev-check-cache/value');
  const event = {
    type: 'CacheLearned',
    context: site.context.id,
    id: device.id,
    slot: command.index,
  } as const;
  if (site.trusting) return done([{ ...event, value: command.cache }]);
  if (site.supposing === 'denied')
    return refuseAfter('dev-check-cache/value', [{ ...event, value: whenNot(cached, command.cache) }]);
  return undetermined('the entries of an earlier invalidation');
}
