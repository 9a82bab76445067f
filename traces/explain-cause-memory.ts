/** Why memory did not do: the address and what is mapped there, or who pays for pinned pages and how much is left. */
import type { RuleId } from '../events/rules.ts';
import { type AddressSpace, type Vma, vmaAt } from '../machines/address-space.ts';
import { forEachArea } from '../machines/area-tree.ts';
import type { World } from '../machines/world.ts';
import { fieldName, hex } from './describe-command.ts';
import { bigField, type Cause, distinctSteps, numberField, type Scene } from './explain-scene.ts';
import { areaStep } from './provenance.ts';

const PAGE = 4096;

/** Field that holds the user address which a rule found unreadable or unwritable; `arg` is the struct itself. */
const ADDRESS: Partial<Record<RuleId, string>> = {
  'dispatch/size-fault': 'arg',
  'dispatch/copy-fault': 'arg',
  'dispatch/tail-fault': 'arg',
  'respond/fault': 'arg',
  'compat/fault': 'arg',
  'vfio/fault': 'arg',
  'mock/data-fault': 'dataUptr',
  'mock/invalidate-fault': 'dataUptr',
  'hw-info/data': 'dataUptr',
  'ioas-iova-ranges/array': 'allowedIovas',
  'ioas-allow-iovas/array': 'allowedIovas',
  'user-page/fault': 'uptr',
  'access-rw/buffer': 'uptr',
  'vfio-bind/token-fault': 'tokenUuidPtr',
};

/** undefined where the rule is not about memory. */
export function memoryCause(scene: Scene, rule: RuleId): Cause | undefined {
  if (rule === 'pin/memlock' || rule === 'ioas-change-process/memlock')
    return { text: accounts(scene), steps: [] };
  if (rule === 'pin/user-memory' || rule === 'pin/owner-gone') return pinned(scene);
  const field = ADDRESS[rule];
  if (field === undefined) return undefined;
  const address =
    field === 'arg'
      ? scene.line.ev === 'ioctl'
        ? BigInt(scene.line.arg)
        : undefined
      : bigField(scene.call, field);
  if (address === undefined) return undefined;
  const size =
    field === 'arg'
      ? (scene.call.layout?.size ?? PAGE)
      : Number(bigField(scene.call, 'length') ?? BigInt(PAGE));
  return {
    text: [
      `${field === 'arg' ? 'the struct is' : `${fieldName(scene.call, field)} points`} at ${placeText(scene.space, Number(address), size)}`,
    ],
    steps: [],
  };
}

/** `0x7f12 in a mapping [0x7f00, 0x7fff] rw-p anon`. */
function placeText(space: AddressSpace | undefined, address: number, length: number): string {
  if (space === undefined || !space.known)
    return `${hex(BigInt(address))}; the recording does not tell the mappings`;
  if (address + length > space.top)
    return `${hex(BigInt(address))}, and with ${length} bytes from there user space ends before at ${hex(BigInt(space.top))}`;
  const vma = vmaAt(space, address);
  if (vma === undefined) return `${hex(BigInt(address))}, where nothing is mapped`;
  const short = address + length > vma.end ? `, which ends after ${vma.end - address} bytes` : '';
  return `${hex(BigInt(address))} in ${vmaText(vma)}${short}`;
}

function vmaText(vma: Vma): string {
  const rights = `${vma.read ? 'r' : '-'}${vma.write ? 'w' : '-'}${vma.shared ? 's' : 'p'}`;
  return `the mapping [${hex(BigInt(vma.start))}, ${hex(BigInt(vma.end - 1))}] ${rights} ${vma.kind}`;
}

/** First page of [first, last] (page numbers of the address space) that cannot be pinned, and why. */
export function unpinnable(
  space: AddressSpace,
  first: number,
  last: number,
  writable: boolean,
): { address: number; why: string } | undefined {
  for (let page = first; page <= last; ) {
    const address = page * PAGE;
    const vma = vmaAt(space, address);
    if (address >= space.top)
      return { address, why: `is beyond user space, which ends at ${hex(BigInt(space.top))}` };
    if (vma === undefined) return { address, why: 'is not mapped' };
    if (vma.kind === 'device')
      return {
        address,
        why: `lies in ${vmaText(vma)}: device memory (a PCI BAR, say) has no pages to pin; export it as a dma-buf and use IOMMU_IOAS_MAP_FILE`,
      };
    if (!vma.read) return { address, why: `lies in ${vmaText(vma)}, which is not readable` };
    if (writable && !vma.write)
      return { address, why: `lies in ${vmaText(vma)}, which is not writable, but WRITEABLE is asked for` };
    page = Math.ceil(vma.end / PAGE);
  }
  return undefined;
}

function pinned(scene: Scene): Cause {
  const va = bigField(scene.call, 'userVa') ?? bigField(scene.call, 'vaddr');
  const length = bigField(scene.call, 'length');
  if (va !== undefined && length !== undefined && scene.space !== undefined) {
    const flags = numberField(scene.call, 'flags') ?? 0;
    const found = unpinnable(
      scene.space,
      Number(va / 4096n),
      Number((va + length - 1n) / 4096n),
      (flags & 2) !== 0,
    );
    return { text: found === undefined ? [] : [`${hex(BigInt(found.address))} ${found.why}`], steps: [] };
  }
  return pinnedAreas(scene);
}

/** A command that pins areas mapped before: which of them has memory that cannot be pinned any more. */
function pinnedAreas(scene: Scene): Cause {
  const { context } = scene;
  for (const object of context?.objects ?? []) {
    if (object?.kind !== 'ioas' || context === undefined) continue;
    const found: Cause[] = [];
    forEachArea(object.areas, (area) => {
      const pages = context.pages.get(area.pagesId);
      const space = pages?.kind === 'user' ? scene.before.spaces.get(pages.spaceId) : undefined;
      if (pages === undefined || space === undefined) return true;
      const step = areaStep(scene.steps, context.id, object.id, area.iova);
      const first = Number(pages.basePage) + Number(area.startByte >> 12n);
      const last = Number(pages.basePage) + Number((area.startByte + area.last - area.iova) >> 12n);
      const why = space.gone
        ? { why: `belongs to process ${pages.ownerPid}, which has exited`, address: first * PAGE }
        : unpinnable(space, first, last, pages.writable);
      if (why === undefined) return true;
      const where = `the area at ${hex(area.iova)} of IOAS ${object.id}`;
      found.push({
        text: [`${where} needs ${hex(BigInt(why.address))}, which ${why.why}`],
        steps: distinctSteps([step]),
      });
      return false;
    });
    if (found[0] !== undefined) return found[0];
  }
  return { text: [], steps: [] };
}

/** Who pays, how many pages, how many may be: one line an account. */
function accounts(scene: Scene): string[] {
  const { process, before, context } = scene;
  if (process === undefined) return [];
  const limit = Number(process.memlock >> 12n);
  const mode = context?.accountMode === 'mm' ? 'mm' : 'user';
  const account = mode === 'mm' ? `mm:${process.pid}` : `uid:${process.uid}`;
  const charged = before.charged.get(account) ?? 0;
  const length = bigField(scene.call, 'length');
  const lines = [
    `RLIMIT_MEMLOCK of process ${process.pid} is ${process.memlock} bytes: ${limit} pages`,
    `${account} (${mode === 'mm' ? 'this process' : `user ${process.uid}`}) has ${charged} pages pinned${length === undefined ? '' : `; this call is about ${Number((length + 4095n) / 4096n)} more`}`,
  ];
  lines.push(...payers(before, account));
  return lines;
}

/** Which contexts the charged pages of an account are in. */
function payers(world: World, account: string): string[] {
  const lines: string[] = [];
  for (const context of world.contexts.values()) {
    let count = 0;
    for (const pages of context.pages.values()) {
      const own = pages.account === 'mm' ? `mm:${pages.ownerPid}` : `uid:${pages.uid}`;
      if (pages.account === 'none' || own !== account) continue;
      for (const piece of pages.pinned) count += piece.last - piece.first + 1;
    }
    if (count > 0) lines.push(`  ${count} of them through context ${context.id}`);
  }
  return lines;
}
