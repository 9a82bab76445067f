/** What every design has to keep, whoever proposed it: PASIDs of devices and the slots that they stand for. */
import type { DesignEvent } from '../design-event.ts';
import type { Look, PropertySpec } from '../property.ts';
import { fitsPasid, traitsOf } from '../setup.ts';
import { general } from './any-design.ts';
import { everyDevice, hasPasids, isBoundMdev, someDevice } from './look.ts';

export const numberProperties: readonly PropertySpec[] = [
  general({
    id: 'G18',
    says: 'what a device is attached to with a PASID is where its slot leads, unless the guest has the table',
    setups: ['pasids', 'mediated'],
    needs: [['attach-pasid', 'attach-vpasid']],
    arises: (look) => someDevice(look, (device) => hasPasidAttached(look, device)),
    holds: (look) => everyDevice(look, (device) => isRouted(look, device)),
  }),
  general({
    id: 'G19',
    says: 'the PASID table of a RID is the guest’s as long as the device is attached to a space that stands for it',
    setups: ['pasids'],
    needs: [['alloc-table', 'bind-pasid-table']],
    arises: ({ state, ground }) => ground.devices.some((device) => state.delegated.has(device)),
    holds: (look) =>
      everyDevice(look, (device) => look.state.delegated.has(device) === isOnTable(look, device)),
  }),
  {
    ...general({
      id: 'G20',
      says: 'no number is put on a device that has no PASIDs, or too few bits for it',
      setups: ['widths'],
      needs: [['attach-pasid', 'bind-process']],
      arises: ({ state, ground }) =>
        ground.devices.some((device) => state.device.get(device) === 'bound' || state.process.has(device)),
      holds: (look) =>
        everyDevice(look, (device) =>
          look.ground.pasids.every((pasid) => mayHave(look, device, pasid) || !isAt(look, device, pasid)),
        ),
    }),
    outcome:
      'violated: a group without PASIDs takes any number, to no effect in the hardware (iommu_attach_device_pasid())',
  },
  general({
    id: 'G23',
    says: 'the own number of a mediated device leads where the device is attached, and nowhere while it is not',
    setups: ['mediated'],
    needs: [['bind-mdev']],
    arises: (look) => someDevice(look, (device) => isBoundMdev(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => !isBoundMdev(look, device) || isOwnSlotRight(look, device)),
  }),
  {
    ...general({
      id: 'G24',
      says: 'a number of a device that is in use is refused a second address space',
      setups: ['pasids', 'mediated'],
      needs: [['attach-pasid', 'attach-vpasid']],
      arises: (look) => someDevice(look, (device) => hasPasidAttached(look, device)),
      holds: (look) => everyDevice(look, (device) => !takesUsedNumber(look, device)),
    }),
    source: 'V1 and V2: one attach for each (v)PASID; X4',
    standing: 'questioned',
    outcome: 'given up: a second attach at a PASID replaces the first',
  },
  general({
    id: 'G25',
    says: 'KVM maps a vPASID once, and unmaps what it mapped',
    setups: ['cpu', 'enqcmd'],
    needs: [['cpu-map']],
    arises: ({ state, ground }) => ground.pasids.some((pasid) => state.cpuMap.get(pasid) !== undefined),
    holds: (look) => look.ground.pasids.every((pasid) => isMappedOnce(look, pasid)),
  }),
  general({
    id: 'G26',
    says: 'a number is allocated once; a process is unbound from where it was bound',
    setups: ['processes', 'widths'],
    needs: [['alloc-pasid', 'alloc-global-pasid', 'bind-process']],
    arises: ({ state, ground }) => ground.pasids.some((pasid) => state.allocated.has(pasid)),
    holds: (look) =>
      look.ground.pasids.every((wire) => isAllocatedOnce(look, wire)) &&
      everyDevice(
        look,
        (device) => look.state.process.has(device) === look.decides('unbind-process', { device }).length > 0,
      ),
  }),
  general({
    id: 'G27',
    says: 'what destroys, allocates or invalidates does it to what it names',
    setups: ['nesting', 'kinds'],
    needs: [['destroy', 'invalidate']],
    arises: (look) => look.ground.spaces.some((space) => look.state.space.get(space) !== 'free'),
    holds: (look) =>
      look.ground.spaces.every(
        (space) =>
          names(look.decides('destroy', { space }), 'SpaceFreed', space) &&
          names(look.decides('invalidate', { space }), 'SpaceInvalidated', space),
      ) &&
      everyDevice(look, (device) => {
        const events = look.decides('invalidate-device', { device });
        return (
          events.length === 0 ||
          events.some((event) => event.type === 'DeviceInvalidated' && event.device === device)
        );
      }),
  }),
];

/** Nothing, or among the rest this event about the space. */
function names(
  events: readonly DesignEvent[],
  type: 'SpaceFreed' | 'SpaceInvalidated',
  space: number,
): boolean {
  return events.length === 0 || events.some((event) => event.type === type && event.space === space);
}

function isOwnSlotRight({ state, ground }: Look, device: number): boolean {
  const wire = state.defPasid.get(device);
  if (wire === undefined) return false;
  return state.pasidRoute.get(traitsOf(ground, device).rid, wire) === state.attached.get(device);
}

function takesUsedNumber(look: Look, device: number): boolean {
  const { state, ground } = look;
  return ground.pasids.some((pasid) => {
    const held = state.attachedAt.get(device, pasid);
    return (
      held !== undefined &&
      ground.spaces.some(
        (space) =>
          look.decides('attach-pasid', { device, space, pasid }).length > 0 ||
          ground.pasids.some((wire) => look.accepts('attach-vpasid', { device, space, pasid, wire })),
      )
    );
  });
}

function isMappedOnce(look: Look, pasid: number): boolean {
  const { state, ground } = look;
  const isMapped = state.cpuMap.get(pasid) !== undefined;
  const cleared = look.decides('cpu-unmap', { pasid });
  const maps = ground.spaces.some((space) =>
    ground.devices.some((device) => look.accepts('cpu-map', { pasid, space, device })),
  );
  return isMapped
    ? !maps && cleared.some((event) => event.type === 'CpuMapCleared' && event.pasid === pasid)
    : cleared.length === 0;
}

function isAllocatedOnce(look: Look, wire: number): boolean {
  const words = ['alloc-pasid', 'alloc-global-pasid'] as const;
  return words.every((word) => {
    const events = look.decides(word, { wire });
    const made = events.some((event) => event.type === 'PasidAllocated' && event.pasid === wire);
    return events.length === 0 || (made && !look.state.allocated.has(wire));
  });
}

/** The device has PASIDs, and enough bits for this one. */
function mayHave(look: Look, device: number, pasid: number): boolean {
  return hasPasids(look, device) && fitsPasid(look.ground, device, pasid);
}

/** The number stands for an address space of the device, or of a process on it. */
function isAt({ state }: Look, device: number, pasid: number): boolean {
  const process = state.process.has(device) && state.msr.get() === pasid;
  return process || state.attachedAt.get(device, pasid) !== undefined;
}

function hasPasidAttached({ state, ground }: Look, device: number): boolean {
  return ground.pasids.some((pasid) => state.attachedAt.get(device, pasid) !== undefined);
}

function isRouted({ state, ground }: Look, device: number): boolean {
  const { rid } = traitsOf(ground, device);
  return ground.pasids.every((pasid) => {
    const space = state.attachedAt.get(device, pasid);
    const wire = state.wire.get(device, pasid);
    if (space === undefined || wire === undefined) return space === wire;
    return state.delegated.has(rid) || state.pasidRoute.get(rid, wire) === space;
  });
}

function isOnTable({ state }: Look, device: number): boolean {
  const space = state.attached.get(device);
  return space !== undefined && state.space.get(space) === 'table';
}
