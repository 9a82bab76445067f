/** Deciders of the mock's access descriptors: create, pin, unpin, read and write, move to another IOAS. */

import type { Event } from '../events/event.ts';
import { DONE, done, type Outcome, refuse, refuseAfter, UNKNOWABLE } from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import type {
  TestAccessPages,
  TestAccessReplaceIoas,
  TestAccessRw,
  TestCreateAccess,
  TestDestroyAccessPages,
} from '../events/test-command.ts';
import { U64_MAX } from '../events/u64.ts';
import { type PinnedRange, planPin, planReadWrite } from './access-pins.ts';
import { syzkallerIova } from './area.ts';
import { lowBits } from './area-tree.ts';
import { pagesAt } from './mapping.ts';
import { type Access, freeId, type Ioas, mustBe, objectOf } from './objects.ts';
import { canRespond, type Failure, failed, isFailure, type Site } from './site.ts';
import { refusesBuffer } from './user-data.ts';
import { currentPage, heldPage, samePage } from './user-page.ts';
import { type Context, openFileAt } from './world.ts';

const NEEDS_PIN = 1;
const WRITE = 1;
const SLOW_PATH = 4;
const SYZKALLER = 0x1_0000;
const LENGTH_MAX = 16n << 20n;

/** Why an access that wants whole pages cannot join an IOAS (iopt_add_access()). */
export function refusesPinAlignment(ioas: Ioas): RuleId | undefined {
  return lowBits(ioas.areas) & 0xfff ? 'ioas/alignment' : undefined;
}

/** iommufd_test_create_access(): the hidden object takes an id before the IOAS is looked up. */
export function decideTestCreateAccess(site: Site, command: TestCreateAccess): Outcome {
  const { context } = site;
  if (command.flags & ~NEEDS_PIN) return refuse('create-access/flags');
  const id = freeId(context);
  const ioas = objectOf(context, command.id, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  const needsPin = (command.flags & NEEDS_PIN) !== 0;
  const rule = needsPin ? refusesPinAlignment(ioas) : undefined;
  if (rule !== undefined) return refuse(rule);
  if (!canRespond(site)) return refuse('respond/fault');
  return done(
    [
      { type: 'AccessCreated', context: context.id, id, ioasId: ioas.id, needsPin, internal: false },
      {
        type: 'DescriptorIssued',
        pid: site.process.pid,
        fd: site.newFd,
        kind: 'access',
        context: context.id,
        id,
        length: 0n,
      },
    ],
    { outAccessFd: UNKNOWABLE },
  );
}

type OpenAccess = Readonly<{ context: Context; access: Access }>;

/** iommufd_access_get(): by descriptor of the caller, whatever context it belongs to. */
function accessOf(site: Site, fd: number): OpenAccess | undefined {
  const file = openFileAt(site.world, site.process, fd | 0);
  if (file === undefined || file.kind !== 'access') return undefined;
  const context = site.world.contexts.get(file.contextId);
  if (context === undefined) throw new Error(`invariant: access file ${file.id} without its context`);
  return { context, access: mustBe(context, file.objectId, 'access') };
}

/** iommufd_test_access_item_destroy(). */
export function decideTestDestroyAccessPages(site: Site, command: TestDestroyAccessPages): Outcome {
  const open = accessOf(site, command.id);
  if (open === undefined) return refuse('access/descriptor');
  const item = open.access.items.find(({ id }) => id === command.accessPagesId);
  if (item === undefined) return refuse('access/item');
  return done([{ type: 'AccessUnpinned', context: open.context.id, id: open.access.id, item: item.id }]);
}

function ioasOf({ context, access }: OpenAccess): Ioas | undefined {
  return access.ioasId === 0 ? undefined : mustBe(context, access.ioasId, 'ioas');
}

/** iommufd_test_access_pages(). */
export function decideTestAccessPages(site: Site, command: TestAccessPages): Outcome {
  const { flags, length, uptr } = command;
  if (length > LENGTH_MAX) return refuse('access-pages/length');
  if (flags & ~(WRITE | SYZKALLER)) return refuse('access-pages/flags');
  const open = accessOf(site, command.id);
  if (open === undefined) return refuse('access/descriptor');
  if (!open.access.needsPin) return refuse('access-pages/needs-pin');
  const ioas = ioasOf(open);
  const iova = flags & SYZKALLER ? syzkallerIova(ioas, command.iova) : command.iova;
  if (ioas === undefined) return refuse('access/attached');
  const pinned = planPin(site, open.context, ioas.id, iova, length, (flags & WRITE) !== 0);
  if (isFailure(pinned)) return failed(pinned);
  const mismatch = uptr === 0n ? undefined : compare(site, open.context, pinned, iova, uptr);
  if (mismatch !== undefined) return failed(mismatch);
  const context = open.context.id;
  const { id } = open.access;
  if (!canRespond(site)) return refuseAfter('respond/fault', [{ type: 'AccessItemSkipped', context, id }]);
  const item = open.access.nextItem;
  return done(
    [
      {
        type: 'AccessPinned',
        context,
        id,
        item,
        iova,
        last: iova + length - 1n,
        parts: pinned.parts,
        captures: pinned.tally.captures,
        lock: false,
      },
    ],
    { outAccessPagesId: item },
  );
}

/** iommufd_test_check_pages(): page by page, the pinned pages must be those behind `uptr`. */
function compare(
  site: Site,
  context: Context,
  pinned: PinnedRange,
  iova: bigint,
  uptr: bigint,
): Failure | undefined {
  let address = (uptr - (iova & 0xfffn)) & U64_MAX;
  for (const part of pinned.parts) {
    const source = pagesAt(context, part.pagesId);
    for (let index = part.first; index <= part.last; index++, address += 4096n) {
      const current = currentPage(site, address);
      if (isFailure(current)) return current;
      const held = heldPage(source, index, pinned.tally);
      if (held === undefined || !samePage(current, held)) return { rule: 'access-pages/mismatch' };
    }
  }
  return undefined;
}

/** iommufd_test_access_rw(). */
export function decideTestAccessRw(site: Site, command: TestAccessRw): Outcome {
  const { flags, length } = command;
  if (length > LENGTH_MAX) return refuse('access-rw/length');
  if (flags & ~(WRITE | SLOW_PATH | SYZKALLER)) return refuse('access-rw/flags');
  const open = accessOf(site, command.id);
  if (open === undefined) return refuse('access/descriptor');
  const write = (flags & WRITE) !== 0;
  const uptr = Number(command.uptr);
  const source = write ? refusesBuffer(site, uptr, Number(length), false, 'access-rw/buffer') : undefined;
  if (source !== undefined) return failed(source);
  const ioas = ioasOf(open);
  const iova = flags & SYZKALLER ? syzkallerIova(ioas, command.iova) : command.iova;
  const failure =
    ioas === undefined
      ? ({ rule: length === 0n ? 'access/length' : 'access/attached' } as const)
      : planReadWrite(site, open.context, ioas.id, iova, length, { write, slow: (flags & SLOW_PATH) !== 0 });
  if (failure !== undefined) return failed(failure);
  const target = write ? undefined : refusesBuffer(site, uptr, Number(length), true, 'access-rw/buffer');
  return target === undefined ? DONE : failed(target);
}

/** iommufd_test_access_replace_ioas(): all items are let go unless the IOAS stays the same. */
export function decideTestAccessReplaceIoas(site: Site, command: TestAccessReplaceIoas): Outcome {
  const open = accessOf(site, command.id);
  if (open === undefined) return refuse('access/descriptor');
  const { context, access } = open;
  const ioas = objectOf(context, command.ioasId, 'ioas');
  if (ioas === undefined) return refuse('ioas/exists');
  if (ioas.id === access.ioasId) return DONE;
  const rule = access.needsPin ? refusesPinAlignment(ioas) : undefined;
  if (rule !== undefined) return refuse(rule);
  const events: Event[] = access.items.map(({ id }) => ({
    type: 'AccessUnpinned',
    context: context.id,
    id: access.id,
    item: id,
  }));
  events.push({ type: 'AccessMoved', context: context.id, id: access.id, ioasId: ioas.id });
  return done(events);
}
