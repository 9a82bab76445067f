/** How contexts end: with their descriptor, or with the last device of one whose descriptor was closed before. */
import type { DesignEvent } from './design-event.ts';
import type { DesignState } from './design-state.ts';
import type { Ground } from './setup.ts';

/** What happens when a space goes with its context. */
type Freeing = (space: number) => readonly DesignEvent[];

/** Whether a device is bound to a context, be it one of several. */
export function isBoundTo(state: DesignState, device: number, context: number): boolean {
  return state.boundTo.get(device) === context || state.alsoBoundTo.has(device, context);
}

function freeAll(state: DesignState, ground: Ground, context: number, free: Freeing): DesignEvent[] {
  return ground.spaces.filter((space) => state.home.get(space) === context).flatMap(free);
}

/** The descriptor of a context is closed; what it holds lives on as long as devices are bound to it. */
export function closeContext(
  state: DesignState,
  ground: Ground,
  context: number,
  free: Freeing,
): DesignEvent[] {
  const lingers = ground.devices.some((device) => isBoundTo(state, device, context));
  return [
    ...(lingers ? [] : freeAll(state, ground, context, free)),
    { type: 'ContextClosed', context, lingers },
  ];
}

/** A device is unbound: contexts whose descriptors were closed, and that nothing else is bound to, end. */
export function endContexts(
  state: DesignState,
  ground: Ground,
  device: number,
  free: Freeing,
): DesignEvent[] {
  const ended = ground.contexts.filter(
    (context) =>
      state.contextGone.has(context) &&
      isBoundTo(state, device, context) &&
      !ground.devices.some((other) => other !== device && isBoundTo(state, other, context)),
  );
  return ended.flatMap((context): DesignEvent[] => [
    ...freeAll(state, ground, context, free),
    { type: 'ContextEnded', context },
  ]);
}
