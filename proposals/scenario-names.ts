/** Events and slots in the names of a scenario. */
import type { DesignEvent } from './design-event.ts';
import type { DesignState } from './design-state.ts';
import { nameIn, type Scenario } from './scenario.ts';
import type { Ground } from './setup.ts';
import type { Param } from './verb.ts';

/** What the numbers in the fields of events are. */
const FIELDS: Readonly<Record<string, Param>> = {
  rid: 'device',
  device: 'device',
  by: 'device',
  blamed: 'device',
  space: 'space',
  parent: 'space',
  context: 'context',
  pasid: 'wire',
  wire: 'wire',
  page: 'page',
};

/** Events whose PASID is the number as its user says it; in others it is the one on the bus. */
const OF_THE_USER: ReadonlySet<DesignEvent['type']> = new Set([
  'PasidAttached',
  'PasidDetached',
  'CpuMapSet',
  'CpuMapCleared',
]);

/** `SlotRouted rid=nic space=gpa`. */
export function eventText(scenario: Scenario, event: DesignEvent): string {
  const fields = Object.entries(event).flatMap(([key, value]) => {
    if (key === 'type' || value === undefined || value === false) return [];
    const param = key === 'pasid' && OF_THE_USER.has(event.type) ? 'pasid' : FIELDS[key];
    if (param === undefined || typeof value !== 'number') return [value === true ? key : `${key}=${value}`];
    return [`${key}=${nameIn(scenario, param, value)}`];
  });
  return [event.type, ...fields].join(' ');
}

/** What each slot of the hardware holds: a RID, and each PASID that it has an entry for. */
export function slotsOf(scenario: Scenario, ground: Ground, state: DesignState): string[] {
  return ground.devices
    .filter((device) => ground.traits[device]?.rid === device)
    .flatMap((rid) => {
      const name = nameIn(scenario, 'device', rid);
      const entries = ground.pasids.flatMap((pasid) => {
        const space = state.pasidRoute.get(rid, pasid);
        const own = space === undefined ? [] : [spaceText(scenario, state, space)];
        const guest = state.guestEntry.has(rid, pasid) ? ['an entry of the guest'] : [];
        return [...own, ...guest].map((holds) => `${name}, ${nameIn(scenario, 'wire', pasid)}: ${holds}`);
      });
      return [`${name}: ${routeText(scenario, state, rid)}`, ...entries];
    });
}

function routeText(scenario: Scenario, state: DesignState, rid: number): string {
  if (state.onDefault.has(rid)) return 'default domain';
  const space = state.route.get(rid);
  if (space === undefined) return 'blocked';
  const whose = state.delegated.has(rid) ? ', its PASID table is the guest’s' : '';
  return `${spaceText(scenario, state, space)}${whose}`;
}

/** `giova (user) over gpa (kernel)`. */
function spaceText(scenario: Scenario, state: DesignState, space: number): string {
  const own = `${nameIn(scenario, 'space', space)} (${state.space.get(space)})`;
  const parent = state.parent.get(space);
  return parent === undefined ? own : `${own} over ${spaceText(scenario, state, parent)}`;
}
