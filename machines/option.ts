/** Deciders of IOMMU_OPTION, IOMMU_VFIO_IOAS, IOMMU_IOAS_CHANGE_PROCESS and IOMMU_IOAS_NOIOMMU_GET_PA. */
import type { Event } from '../events/event.ts';
import type { IoasChangeProcess, IoasNoiommuGetPa, Option, VfioIoas } from '../events/ioas-command.ts';
import { done, type Outcome, refuse, refuseAfter, undetermined } from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import { U64_MAX } from '../events/u64.ts';
import { canWrite } from './address-space.ts';
import { areaAt, areaCount, lowBits } from './area-tree.ts';
import { pagesAt } from './mapping.ts';
import { type Ioas, mustBe, objectOf } from './objects.ts';
import { pinnedCount } from './pages.ts';
import { accountOf } from './pinning.ts';
import { CAP_SYS_RAWIO, CAP_SYS_RESOURCE, canRespond, capable, type Site } from './site.ts';

const OPTION_RLIMIT_MODE = 0;
const OPTION_HUGE_PAGES = 1;
const OP_SET = 0;
const OP_GET = 1;
const VAL64_OFFSET = 16;

/** iommufd_option(). Only val64 is written back, and a SET has taken effect by then. */
export function decideOption(site: Site, command: Option): Outcome {
  if (command.reserved !== 0) return refuse('option/reserved');
  if (command.optionId === OPTION_RLIMIT_MODE) return rlimitMode(site, command);
  if (command.optionId === OPTION_HUGE_PAGES) return hugePages(site, command);
  return refuse('option/id');
}

function respond(site: Site, events: readonly Event[], val64: bigint): Outcome {
  if (canWrite(site.space, site.arg + VAL64_OFFSET, 8)) return done(events, { val64 });
  return events.length === 0 ? refuse('respond/fault') : refuseAfter('respond/fault', events);
}

/** iommufd_option_rlimit_mode(). */
function rlimitMode(site: Site, command: Option): Outcome {
  const { context } = site;
  if (command.objectId !== 0) return refuse('option/rlimit-object');
  if (command.op === OP_GET) return respond(site, [], context.accountMode === 'mm' ? 1n : 0n);
  if (command.op !== OP_SET) return refuse('option/op');
  if (!capable(site, CAP_SYS_RESOURCE)) return refuse('option/rlimit-capability');
  if (context.live > 0) return refuse('option/rlimit-objects');
  if (command.val64 > 1n) return refuse('option/value');
  const mode = command.val64 === 1n ? 'mm' : 'user';
  return respond(site, [{ type: 'AccountModeSet', context: context.id, mode }], command.val64);
}

/** iommufd_ioas_option(). */
function hugePages(site: Site, command: Option): Outcome {
  const ioas = objectOf(site.context, command.objectId, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  if (command.op === OP_GET) return respond(site, [], ioas.largePages ? 1n : 0n);
  if (command.op !== OP_SET) return refuse('option/op');
  if (command.val64 > 1n) return refuse('option/value');
  const enabled = command.val64 === 1n;
  const rule = enabled ? undefined : refusesSmallPages(ioas);
  if (rule !== undefined) return refuse(rule);
  const events: Event[] =
    ioas.largePages === enabled
      ? []
      : [{ type: 'LargePagesSet', context: site.context.id, id: ioas.id, enabled }];
  return respond(site, events, command.val64);
}

/** iopt_disable_large_pages(): why an IOAS cannot give up large pages now. */
export function refusesSmallPages(ioas: Ioas): RuleId | undefined {
  if (!ioas.largePages) return undefined;
  if (ioas.hwptIds.length > 0 && areaCount(ioas.areas) > 0) return 'option/huge-pages-in-use';
  return lowBits(ioas.areas) & 0xfff ? 'ioas/alignment' : undefined;
}

/** iommufd_vfio_ioas(): which IOAS the VFIO compat ioctls act on; no reference is taken. */
export function decideVfioIoas(site: Site, command: VfioIoas): Outcome {
  const { context } = site;
  if (command.reserved !== 0) return refuse('vfio-ioas/reserved');
  switch (command.op) {
    case 0:
      if (context.compatIoasId === 0) return refuse('compat/ioas');
      return canRespond(site) ? done([], { ioasId: context.compatIoasId }) : refuse('respond/fault');
    case 1:
      if (objectOf(context, command.ioasId, 'ioas') === undefined) return refuse('ioas/exists');
      return done([{ type: 'CompatIoasSet', context: context.id, id: command.ioasId }]);
    case 2:
      return done([{ type: 'CompatIoasSet', context: context.id, id: 0 }]);
    default:
      return refuse('vfio-ioas/op');
  }
}

/** iommufd_ioas_change_process(): all pages objects must be files; the caller takes over what is pinned. */
export function decideIoasChangeProcess(site: Site, command: IoasChangeProcess): Outcome {
  const { context, process } = site;
  if (command.reserved !== 0) return refuse('ioas-change-process/reserved');
  const extra = new Map<string, number>();
  for (const pages of context.pages.values()) {
    if (pages.areas === 0) continue;
    if (pages.kind !== 'file') return refuse('ioas-change-process/kind');
    const account = accountOf({ ...pages, uid: process.uid, ownerPid: process.pid });
    const changes =
      pages.account === 'user'
        ? pages.uid !== process.uid || pages.ownerPid !== process.pid
        : pages.ownerPid !== process.pid;
    if (account !== '' && changes) extra.set(account, (extra.get(account) ?? 0) + pinnedCount(pages));
  }
  const limit = Number(process.memlock >> 12n);
  for (const [account, count] of extra) {
    if ((site.world.charged.get(account) ?? 0) + count > limit) return refuse('ioas-change-process/memlock');
  }
  return done([{ type: 'ProcessChanged', context: context.id, pid: process.pid }]);
}

/** iommufd_ioas_noiommu_get_pa(). */
export function decideIoasNoiommuGetPa(site: Site, command: IoasNoiommuGetPa): Outcome {
  const { context } = site;
  if (!capable(site, CAP_SYS_RAWIO)) return refuse('noiommu-get-pa/capability');
  if (command.flags !== 0 || command.reserved !== 0) return refuse('noiommu-get-pa/flags');
  if (command.length === 0n) return refuse('noiommu-get-pa/length');
  if (command.iova === U64_MAX) return refuse('noiommu-get-pa/overflow');
  const ioas = objectOf(context, command.ioasId, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  const area = areaAt(ioas.areas, command.iova);
  if (area === undefined) return refuse('noiommu-get-pa/mapped');
  const pages = pagesAt(context, area.pagesId);
  if (pages.kind === 'dmabuf' && site.world.files.get(pages.ino)?.revoked)
    return refuse('noiommu-get-pa/revoked');
  const storage = ioas.hwptIds[0];
  if (storage === undefined || !mustBe(context, storage, 'hwpt-paging').domain.noIommu)
    return refuse('noiommu-get-pa/domain');
  return undetermined('the physical address of a pinned page');
}
