/** Where a command is issued: by whom, on which descriptor, with which memory, under which kernel and IOMMU. */

import type { Event } from '../events/event.ts';
import { type Outcome, refuse, refuseAfter, refuseAny, undetermined } from '../events/outcome.ts';
import type { RuleId } from '../events/rules.ts';
import { type AddressSpace, canWriteBack } from './address-space.ts';
import type { KernelProfile } from './kernel-profile.ts';
import type { Platform } from './platform.ts';
import type { Context, OpenFile, Process, World } from './world.ts';

/** What the recording says of the descriptor that a MAP_FILE names. */
export type DescriptorFact = Readonly<{ open: boolean; ino: number; size: bigint; type: string }>;

/**
 * How a missing fact may be: as the call needs it, in a second way that lets the call succeed, or against it. Where the recording
 * does not tell, each way is decided. `denied`: the recording tells that the call was refused.
 */
export type Supposition = 'granted' | 'otherwise' | 'refused' | 'denied';

/** Filled anew for each call; deciders only read it. */
export interface Site {
  world: World;
  kernel: KernelProfile;
  platform: Platform;
  process: Process;
  space: AddressSpace | undefined;
  /** The context behind the descriptor; undefined on a VFIO device file that is not bound. */
  context: Context;
  file: OpenFile;
  /** User address of the struct, and how many bytes of it the kernel may write back. */
  arg: number;
  structLength: number;
  /** Bytes of the second buffer before the call as far as they are known, and its address. */
  second: Uint8Array | undefined;
  /** The second buffer was not captured: its bytes are missing, not unreadable. */
  secondLacking?: boolean;
  descriptor: DescriptorFact | undefined;
  /** The descriptor number that the process would get, -1 where the recording does not tell. */
  newFd: number;
  /** The call is known to have succeeded: memory that looks unpinnable is taken to be fine. */
  trusting: boolean;
  /** With a missing fact: what to take for it instead of answering that it is missing. */
  supposing?: Supposition | undefined;
  /** With `supposing`: takes the names of the facts that were supposed. */
  supposed?: Set<string> | undefined;
  /** With `supposing`: the outcomes are held against a recorded result, and lead nowhere. */
  checking?: boolean;
  /** Whether the lines to come hand this descriptor number out again without a close before. */
  reissued: (fd: number) => boolean;
  /** Without results: whether the next call asks this vIOMMU for another event queue. */
  remade?: (viommuId: number) => boolean;
  /** With `trusting`: the IOVA that the kernel chose. */
  adoptedIova: bigint | undefined;
  /** With `denied`: the entries that the kernel handled before it refused; with `trusting`: the pages that it marked. */
  handled?: number | undefined;
}

export const CAP_IPC_LOCK = 14n;
export const CAP_SYS_RAWIO = 17n;
export const CAP_SYS_RESOURCE = 24n;

export function capable(site: Site, capability: bigint): boolean {
  return ((site.process.capabilities >> capability) & 1n) === 1n;
}

/** What to take for a missing fact; undefined where it stays missing. */
export function supposition(site: Site, fact: string): Supposition | undefined {
  if (site.supposing !== undefined) site.supposed?.add(fact);
  return site.supposing;
}

/** Whether the missing fact is to be taken to be against the call. */
export function refuses(site: Site, fact: string): boolean {
  const supposing = supposition(site, fact);
  return supposing === 'refused' || supposing === 'denied';
}

/** Whether the response struct can be written back: copy_to_user() of min(size, struct size) bytes. */
export function canRespond(site: Site): boolean {
  return canWriteBack(site.space, site.arg, site.structLength);
}

/** Why something could not be done: a rule, or one of several, nobody knows which; or a fact that is missing. */
export type Failure = Readonly<{ rule: RuleId; others?: readonly RuleId[] } | { missing: string }>;

/** What becomes of a call that `rule` refuses where the fact is against it; undefined where it goes on. */
export function unless(site: Site, fact: string, rule: RuleId): Failure | undefined {
  if (site.trusting) return undefined;
  switch (supposition(site, fact)) {
    case 'refused':
    case 'denied':
      return { rule };
    case undefined:
      return { missing: fact };
    default:
      return undefined;
  }
}

/** The outcome of a failure that leaves nothing behind but `events`. */
export function failed(failure: Failure, events: readonly Event[] = []): Outcome {
  if ('missing' in failure) return undetermined(failure.missing);
  if (failure.others !== undefined) return refuseAny([failure.rule, ...failure.others], events);
  return events.length === 0 ? refuse(failure.rule) : refuseAfter(failure.rule, events);
}

export function isFailure(value: object): value is Failure {
  const { rule, missing }: { rule?: unknown; missing?: unknown } = value;
  return rule !== undefined || missing !== undefined;
}
