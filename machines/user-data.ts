/** Reading the second buffer that a struct points to, as copy_from_user() would. */

import type { RuleId } from '../events/rules.ts';
import { canRead, firstFault, maybeHeap, vmaAt } from './address-space.ts';
import { HEAP_UNKNOWN } from './pinning.ts';
import { type Failure, type Site, supposition } from './site.ts';

/** `length` bytes at byte `at` of the second buffer, whose user address is `address`; `fault` is the rule of an EFAULT. */
export function readSecond(
  site: Site,
  address: number,
  at: number,
  length: number,
  fault: RuleId,
): Uint8Array | Failure {
  const { second } = site;
  if (second !== undefined && at + length <= second.length) return second.subarray(at, at + length);
  if (site.secondLacking || (site.space?.known === true && canRead(site.space, address + at, length))) {
    return { missing: `bytes ${at} to ${at + length - 1} of the second buffer` };
  }
  return { rule: fault };
}

/** Whether bytes of the second buffer that are not known may be readable. */
export function mayRead({ secondLacking, space }: Site, address: number, length: number): boolean {
  return secondLacking === true || canRead(space, address, length);
}

/** Whether bytes of the second buffer that are not known may be unreadable. */
export function mayFault({ secondLacking, space }: Site, address: number, length: number): boolean {
  return secondLacking === true || space?.known !== true || !canRead(space, address, length);
}

/** The `index`-th little-endian 32-bit word; bytes past the end read as zero. */
export function word(bytes: Uint8Array, index: number): number {
  const at = index * 4;
  return (
    ((bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24)) >>>
    0
  );
}

/** Why a copy to (`write`) or from a buffer of the caller fails; undefined where it succeeds. */
export function refusesBuffer(
  site: Site,
  address: number,
  length: number,
  write: boolean,
  fault: RuleId,
): Failure | undefined {
  const at = firstFault(site.space, address, length, write);
  if (at < 0 || site.space === undefined) return undefined;
  const grown = vmaAt(site.space, at) === undefined && maybeHeap(site.space, at);
  const supposing = grown ? supposition(site, HEAP_UNKNOWN) : 'refused';
  if (supposing === undefined || (grown && !site.checking)) return { missing: HEAP_UNKNOWN };
  return supposing === 'refused' || supposing === 'denied' ? { rule: fault } : undefined;
}
