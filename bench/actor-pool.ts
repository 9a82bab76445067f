/** The textbook way to hold lifecycles: a running xstate actor for every object of every context. */
import { type AnyActorRef, createActor } from 'xstate';
import type { Event } from '../events/event.ts';
import { machines } from '../machines/lifecycles.ts';
import { objectAt } from '../machines/objects.ts';
import type { World } from '../machines/world.ts';

export class ActorPool {
  private readonly actors = new Map<string, AnyActorRef>();

  /** Starts the actor of an object that `event` made, or sends `event` to the one it is about. */
  tell(world: World, event: Event): void {
    if (!('context' in event) || !('id' in event)) return;
    const key = `${event.context}/${event.id}`;
    const actor = this.actors.get(key);
    if (actor !== undefined) actor.send(event);
    const context = world.contexts.get(event.context);
    const object = context === undefined ? undefined : objectAt(context, event.id);
    if (object === undefined) this.stop(key);
    else if (actor === undefined) this.actors.set(key, createActor(machines[object.kind]).start());
  }

  private stop(key: string): void {
    this.actors.get(key)?.stop();
    this.actors.delete(key);
  }
}
