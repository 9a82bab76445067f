/** A small model whose numbers of states and transitions other search engines agree on: spaces, their slots, and devices. */
import { type Command, declareState, type Model } from '../explore/model.ts';
import { interchangeable, reference, setOf } from '../explore/model-fields.ts';

export type SmallSizes = Readonly<{ spaces: number; slots: number; devices: number }>;

/** 3 spaces of 4 slots, 3 devices: 283,265 states, 4,942,515 transitions; 1,485 states up to renaming. */
export const PEER_SIZES: SmallSizes = { spaces: 3, slots: 4, devices: 3 };

/** The file that errors name. */
const FILE = 'bench/search-model.ts';

function declare({ spaces, slots, devices }: SmallSizes) {
  return declareState(
    FILE,
    { space: interchangeable(spaces), slot: interchangeable(slots), device: interchangeable(devices) },
    {
      alive: setOf('space'),
      mapped: setOf('slot').per('space'),
      attached: reference('space').per('device'),
    },
  );
}

type Small = ReturnType<typeof declare>;

export function smallModel(sizes: SmallSizes = PEER_SIZES): Model {
  const state = declare(sizes);
  const devices = state.members('device');
  return state.model({
    name: 'small',
    commands: [...spaceCommands(state), ...slotCommands(state), ...deviceCommands(state)],
    properties: [
      state.always('attached to live', (now) =>
        devices.every((device) => {
          const space = now.attached.get(device);
          return space === undefined || now.alive.has(space);
        }),
      ),
    ],
  });
}

function spaceCommands(state: Small): Command[] {
  return [
    state.command(
      'alloc',
      { space: 'space' },
      {
        lane: 'space',
        guard: (now, { space }) => !now.alive.has(space),
        effect: (now, { space }) => now.alive.add(space),
      },
    ),
    state.command(
      'free',
      { space: 'space' },
      {
        lane: 'space',
        guard: (now, { space }) => now.alive.has(space) && !now.attached.includes(space),
        effect: (now, { space }) => {
          now.alive.delete(space);
          now.mapped.clear(space);
        },
      },
    ),
  ];
}

function slotCommands(state: Small): Command[] {
  return [
    state.command(
      'map',
      { space: 'space', slot: 'slot' },
      {
        lane: 'space',
        guard: (now, { space, slot }) => now.alive.has(space) && !now.mapped.has(space, slot),
        effect: (now, { space, slot }) => now.mapped.add(space, slot),
      },
    ),
    state.command(
      'unmap',
      { space: 'space', slot: 'slot' },
      {
        lane: 'space',
        guard: (now, { space, slot }) => now.alive.has(space) && now.mapped.has(space, slot),
        effect: (now, { space, slot }) => now.mapped.delete(space, slot),
      },
    ),
  ];
}

function deviceCommands(state: Small): Command[] {
  return [
    state.command(
      'attach',
      { device: 'device', space: 'space' },
      {
        lane: 'device',
        guard: (now, { device, space }) => now.alive.has(space) && now.attached.get(device) === undefined,
        effect: (now, { device, space }) => now.attached.set(device, space),
      },
    ),
    state.command(
      'detach',
      { device: 'device' },
      {
        lane: 'device',
        guard: (now, { device }) => now.attached.get(device) !== undefined,
        effect: (now, { device }) => now.attached.set(device, undefined),
      },
    ),
  ];
}
