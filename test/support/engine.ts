/** The replay engine fed with lines of our own: for what is judged by bytes, before any command is known. */
import { USER_TOP } from '../../machines/address-space.ts';
import { kernelProfiles } from '../../machines/kernel-profile.ts';
import type { Platform } from '../../machines/platform.ts';
import { emptyWorld } from '../../machines/world.ts';
import { type CallResult, ReplayEngine } from '../../traces/engine.ts';
import { errnoOfOutcome } from '../../traces/prediction.ts';
import type { HexNumber, IoctlLine, RecordedLine, Vma, VmaKind } from '../../traces/recording.ts';
import { MAPPINGS, STRUCT } from './memory.ts';
import { MOCK } from './platforms.ts';

const who = { seq: 1, ns: 1, pid: 1, tid: 1 };

const hexNumber = (value: number | bigint): HexNumber => `0x${value.toString(16)}`;

const VMAS: readonly Vma[] = MAPPINGS.map(({ start, end, read, write, shared, kind, ino, offset }) => [
  hexNumber(start),
  hexNumber(end),
  `${read ? 'r' : '-'}${write ? 'w' : '-'}-${shared ? 's' : 'p'}`,
  kind as VmaKind,
  ino,
  hexNumber(offset),
]);

export type IoctlOptions = Partial<Pick<IoctlLine, 'fd' | 'kind' | 'ptr' | 'ptrIn' | 'file'>> &
  Readonly<{ arg?: number | bigint }>;

export class Bench {
  readonly engine: ReplayEngine;

  constructor(release: '7.3.4' | '6.12.117', platform: Platform) {
    const kernel = kernelProfiles.get(release);
    if (kernel === undefined) throw new Error('no such release');
    this.engine = new ReplayEngine(emptyWorld(USER_TOP['x86_64'] ?? 0), { kernel, platform });
    this.engine.feed({ ...who, ev: 'cred', uid: 0, memlock: '0x800000', capEff: '0x1ffffffffff' });
    this.engine.feed({ ...who, ev: 'vmas', vmas: VMAS });
    this.open('/dev/iommu', 3);
  }

  open(path: string, fd: number): this {
    this.engine.feed({ ...who, ev: 'open', path, fd });
    return this;
  }

  feed(line: RecordedLine): CallResult | undefined {
    return this.engine.feed(line);
  }

  /** Predicts an ioctl: errno, or the struct afterwards. */
  ioctl(number: number, bytes: Uint8Array | string, options: IoctlOptions = {}): CallResult {
    const { arg = STRUCT, fd = 3, kind = 'iommufd', ...rest } = options;
    const line: IoctlLine = {
      ...who,
      ev: 'ioctl',
      fd,
      kind,
      req: hexNumber(number),
      arg: hexNumber(arg),
      in: typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('hex'),
      ...rest,
    };
    return this.engine.feed(line) as CallResult;
  }

  /** The rule that refused and its errno, or what was missing, or the struct afterwards; `ok` where it is unchanged. */
  says(number: number, bytes: Uint8Array | string, options: IoctlOptions = {}): string {
    return saidOf(this.ioctl(number, bytes, options));
  }
}

export function saidOf({ outcome, out }: CallResult): string {
  if (outcome.missing !== undefined) return `missing ${outcome.missing}`;
  if (outcome.rule !== undefined) return `${errnoOfOutcome(outcome)} ${outcome.rule}`;
  return out ?? (outcome.ret === 0 ? 'ok' : String(outcome.ret));
}

export function bench(release: '7.3.4' | '6.12.117' = '7.3.4', platform: Platform = MOCK): Bench {
  return new Bench(release, platform);
}
