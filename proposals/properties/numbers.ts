/** What every design has to keep, whoever proposed it: PASIDs of devices and the slots that they stand for. */
import type { Look, PropertySpec } from '../property.ts';
import { fitsPasid, traitsOf } from '../setup.ts';
import { general } from './any-design.ts';
import { everyDevice, someDevice } from './look.ts';

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
  general({
    id: 'G20',
    says: 'no number is put on a device that has too few bits for it',
    setups: ['widths'],
    needs: [['attach-pasid', 'bind-process']],
    arises: ({ state, ground }) =>
      ground.devices.some((device) => state.device.get(device) === 'bound' || state.process.has(device)),
    holds: (look) =>
      everyDevice(look, (device) =>
        look.ground.pasids.every(
          (pasid) => fitsPasid(look.ground, device, pasid) || !isAt(look, device, pasid),
        ),
      ),
  }),
];

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
