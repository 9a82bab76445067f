/** Runs a random program in a world of examples, which checks itself after every step. */
import type { Command } from '../../events/command.ts';
import { closed, openDescriptors } from '../../traces/facts.ts';
import { commandOf, type Step, secondOf } from './arbitraries.ts';
import {
  faultQueueAlloc,
  hwptAlloc,
  ioasAlloc,
  ioasMap,
  setDirty,
  vdeviceAlloc,
  veventqAlloc,
  vfioIoas,
  viommuAlloc,
} from './commands.ts';
import { type Given, type GivenOptions, given } from './given.ts';
import { RO, words } from './memory.ts';
import { createAccess, mockDomain, mockDomainFlags, mockReplace } from './mock-commands.ts';

/** What a program met: how often each errno, and how often success. */
export type Tally = Map<string, number>;

const RARE = 29;

/** Takes one step: mostly a command, now and then a read, an answer, a close, another process. */
export function take(world: Given, step: Step, tally: Tally, fd = 3): void {
  const [first = 0, second = 0] = step.picks;
  if (step.kind % RARE === 0 && aside(world, first, second)) return;
  const command = commandOf(world, step);
  const bytes = secondOf(command, step);
  const by = {
    fd,
    ...(bytes === undefined ? {} : { second: bytes }),
    ...(first % 23 === 0 ? { arg: RO } : {}),
  };
  const answer = world.when(command, by);
  const met = String(answer['errno'] ?? ('missing' in answer ? 'missing' : 'success'));
  tally.set(met, (tally.get(met) ?? 0) + 1);
  tally.set(`${command.type} ${met}`, (tally.get(`${command.type} ${met}`) ?? 0) + 1);
}

/** Something that is no ioctl; false where there is nothing to do it with. */
function aside(world: Given, first: number, second: number): boolean {
  const fds = [...(world.world.processes.get(1)?.fds.entries() ?? [])].filter(([fd]) => fd !== 3);
  const [fd, fileId] = fds[first % Math.max(1, fds.length)] ?? [-1, 0];
  const kind = world.world.files.get(fileId)?.kind;
  switch (second % 5) {
    case 0:
      if (fd >= 0) world.close(fd);
      return fd >= 0;
    case 1:
      if (kind === 'fault' || kind === 'eventq') world.read(fd, kind === 'fault' ? 80 : 64);
      return kind === 'fault' || kind === 'eventq';
    case 2:
      if (kind === 'fault') world.write(fd, words(first % 3, second % 2));
      return kind === 'fault';
    case 3:
      world.told({ type: 'FileTruncated', ino: 77, size: first % 2 === 0 ? 0n : 0x40_0000n });
      return true;
    default:
      if (world.world.processes.has(2)) world.exit(2);
      else world.fork(2);
      return true;
  }
}

/** Commands that programs begin with, so that they come to the deep ends of the uAPI. */
const preludes: readonly (readonly Command[])[] = [
  [],
  [ioasAlloc(), mockDomain(), ioasMap()],
  [ioasAlloc(), mockDomainFlags({ devFlags: 4 }), hwptAlloc({ flags: 8 }), mockReplace({ ptId: 5 })],
  [ioasAlloc(), mockDomain(), hwptAlloc({ flags: 1 }), viommuAlloc(), vdeviceAlloc(), veventqAlloc()],
  [
    ioasAlloc(),
    mockDomain(),
    faultQueueAlloc(),
    hwptAlloc({ flags: 4, faultId: 5 }),
    mockReplace({ ptId: 6 }),
  ],
  [ioasAlloc(), mockDomain(), hwptAlloc({ flags: 2 }), ioasMap({ length: 0x4000n }), setDirty()],
  [ioasAlloc(), createAccess(), ioasMap(), vfioIoas(), ioasAlloc()],
];

/** A whole program from a fresh world. */
export function run(program: readonly Step[], options: GivenOptions = {}, tally: Tally = new Map()): Given {
  const world = given(options);
  for (const command of preludes[(program[0]?.kind ?? 0) % preludes.length] ?? []) world.when(command);
  for (const step of program) {
    if (world.context().broken !== '') break;
    take(world, step, tally);
  }
  return world;
}

/** Ends every process. */
export function finish(world: Given): void {
  for (const pid of [...world.world.processes.keys()]) {
    for (const fd of openDescriptors(world.world, pid))
      world.told(...closed(world.site({ pid, fd }), world.world, pid, fd));
    world.told({ type: 'ProcessExited', pid });
  }
}
