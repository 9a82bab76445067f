/** Decider of IOMMU_HW_QUEUE_ALLOC: guest memory pinned through a hidden access, then the driver's own rules. */
import { done, type Outcome, refuse } from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import { U64_MAX } from '../events/u64.ts';
import type { HwQueueAlloc } from '../events/viommu-command.ts';
import { refusesPinAlignment } from './access.ts';
import { type PinnedRange, planPin } from './access-pins.ts';
import { pagesAt } from './mapping.ts';
import { freeId, mustBe, objectOf, type Viommu } from './objects.ts';
import { canRespond, type Failure, failed, isFailure, type Site, unless } from './site.ts';
import { heldPage } from './user-page.ts';

const PAGE = 4096n;

/** iommufd_hw_queue_alloc_ioctl(): two ids, the queue's own and the hidden access's. */
export function decideHwQueueAlloc(site: Site, command: HwQueueAlloc): Outcome {
  const { context, platform } = site;
  const { nestingParentIova: iova, length, hwQueueType: kind } = command;
  if (command.flags !== 0 || kind === 0) return refuse('hw-queue-alloc/flags');
  if (length === 0n) return refuse('hw-queue-alloc/length');
  if (iova + length - 1n > U64_MAX) return refuse('hw-queue-alloc/overflow');
  const viommu = objectOf(context, command.viommuId, 'viommu');
  if (viommu === undefined) return refuse('viommu/exists');
  const { driver } = platform;
  if (driver.hwQueue === undefined || !driver.hwQueueType(kind)) return refuse('hw-queue-alloc/type');
  const id = freeId(context);
  const accessId = freeId(context, [id]);
  const pinned = pinQueue(site, viommu, iova, length);
  if (isFailure(pinned)) return failed(pinned);
  const slot = driver.hwQueue(site, viommu, kind, command.index);
  if (typeof slot === 'string') return refuse(slot);
  if (!canRespond(site)) return refuse('respond/fault');
  const { ioasId } = mustBe(context, viommu.hwptId, 'hwpt-paging');
  const start = iova & ~(PAGE - 1n);
  return done(
    [
      { type: 'AccessCreated', context: context.id, id: accessId, ioasId, needsPin: true, internal: true },
      {
        type: 'AccessPinned',
        context: context.id,
        id: accessId,
        item: 0,
        iova: start,
        last: pinned.last,
        parts: pinned.range.parts,
        captures: pinned.range.tally.captures,
        lock: true,
      },
      {
        type: 'HwQueueAllocated',
        context: context.id,
        id,
        viommuId: viommu.id,
        accessId,
        slot: command.index,
        ...slot,
      },
    ],
    { outHwQueueId: id },
  );
}

/** iommufd_hw_queue_alloc_phys(): whole pages around the queue, readable, consecutive in memory. */
function pinQueue(
  site: Site,
  viommu: Viommu,
  iova: bigint,
  length: bigint,
): { range: PinnedRange; last: bigint } | Failure {
  const { context } = site;
  const offset = iova & (PAGE - 1n);
  if (length + offset + PAGE - 1n > U64_MAX) return { rule: 'hw-queue-alloc/pages-overflow' };
  const pageLength = (length + offset + PAGE - 1n) & ~(PAGE - 1n);
  const { ioasId } = mustBe(context, viommu.hwptId, 'hwpt-paging');
  const rule: RuleId | undefined = refusesPinAlignment(mustBe(context, ioasId, 'ioas'));
  if (rule !== undefined) return { rule };
  const start = iova - offset;
  const range = planPin(site, context, ioasId, start, pageLength, false);
  if (isFailure(range)) return range;
  return contiguity(site, range) ?? { range, last: start + pageLength - 1n };
}

const CONTIGUITY = 'the physical contiguity of the pinned pages';

/** Physical contiguity is not recorded: one page always is, huge pages are within themselves. */
function contiguity(site: Site, range: PinnedRange): Failure | undefined {
  let previous: { key: string; page: number; compound: boolean } | undefined;
  for (const part of range.parts) {
    const source = pagesAt(site.context, part.pagesId);
    for (let index = part.first; index <= part.last; index++) {
      const page = heldPage(source, index, range.tally);
      if (page === undefined)
        throw new Error(`invariant: page ${index} of pages object ${part.pagesId} was just pinned`);
      if (previous !== undefined) {
        const follows = page.key === previous.key && page.page === previous.page + 1;
        if (!(follows && page.compound)) return unless(site, CONTIGUITY, 'hw-queue-alloc/contiguity');
      }
      previous = page;
    }
  }
  return undefined;
}
