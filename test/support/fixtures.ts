/** The worlds that the numbered vectors start from. */

import type { Platform } from '../../machines/platform.ts';
import { bind, faultQueueAlloc, hwptAlloc, ioasAlloc, viommuAlloc } from './commands.ts';
import { type Given, type GivenOptions, given } from './given.ts';
import { words } from './memory.ts';
import { mockDomain, mockDomainFlags, mockReplace } from './mock-commands.ts';
import { devicePath, vtdMachine } from './platforms.ts';

/** IOAS 1, mock 2 with device 3 on the automatic HWPT 4. */
export const M = (options: GivenOptions = {}): Given => given(options).after(ioasAlloc(), mockDomain());

/** The same with PASIDs. */
export const MP = (): Given => given().after(ioasAlloc(), mockDomainFlags({ devFlags: 4 }));

/** M with the nesting parent 5 and the vIOMMU 6. */
export const MV = (): Given => M().after(hwptAlloc({ flags: 1 }), viommuAlloc());

/** M on HWPT 6, which has the fault queue 5 on descriptor 4; the automatic HWPT is gone. */
export const MF = (): Given =>
  M().after(faultQueueAlloc(), hwptAlloc({ flags: 4, faultId: 5 }), mockReplace({ ptId: 6 }));

/** A nested HWPT with this cached value on `ptId`. */
export const nested = (ptId: number, value = 0) =>
  [
    hwptAlloc({ ptId, dataType: 0xdead, dataLen: 8, dataUptr: 0x1000_0000n }),
    { second: words(value, 0) },
  ] as const;

/** M with the nesting parent 5 and the nested HWPT 6. */
export const MN = (value = 0): Given => M().after(hwptAlloc({ flags: 1 }), nested(5, value));

/** Descriptor of the device `A` in P. */
export const C = { fd: 4 };

/** An iommufd (3) and the unbound device `A` (4) behind VT-d. */
export function P(platform: Platform = vtdMachine()): Given {
  const world = given({ platform });
  world.open(devicePath('A'));
  return world;
}

/** P with A bound as device 1 and the IOAS 2. */
export const bound = (platform?: Platform): Given => P(platform).after([bind(), C], ioasAlloc());

/** Devices A (4, id 1) and B (5, id 2) bound, and the IOAS 3. */
export function pair(platform: Platform): Given {
  const world = P(platform);
  world.open(devicePath('B'));
  return world.after([bind(), C], [bind(), { fd: 5 }], ioasAlloc());
}
