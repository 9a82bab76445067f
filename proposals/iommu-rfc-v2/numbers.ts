/** Which number of the bus stands for a vPASID: V2 1.4.1, 1.4.2. */
import type { DesignEvent } from '../design-event.ts';
import type { DesignState } from '../design-state.ts';
import { type Ground, siblingsOf, traitsOf } from '../setup.ts';
import { isWireFree } from '../slots.ts';

function usesNumber(state: DesignState, ground: Ground, device: number, wire: number): boolean {
  return (
    state.defPasid.get(device) === wire ||
    ground.pasids.some((pasid) => state.wire.get(device, pasid) === wire)
  );
}

/** Free in the pool that the device draws from: that of its RID, or with DMWr the global one. */
export function isNumberFree(state: DesignState, ground: Ground, device: number, wire: number): boolean {
  const { rid, enqcmd } = traitsOf(ground, device);
  if (!isWireFree(state, ground, rid, wire)) return false;
  return !enqcmd || !ground.devices.some((other) => usesNumber(state, ground, other, wire));
}

/**
 * The number that a vPASID has in this VM already, because another device with DMWr was attached with it: the CPU has one table
 * for the VM. Undefined where the number is still open, and for devices without DMWr.
 */
export function numberInVm(
  state: DesignState,
  ground: Ground,
  device: number,
  pasid: number,
): number | undefined {
  if (!traitsOf(ground, device).enqcmd) return undefined;
  return ground.devices
    .filter((other) => {
      const traits = traitsOf(ground, other);
      return (
        traits.kind === 'mdev' && traits.enqcmd && state.boundTo.get(other) === state.boundTo.get(device)
      );
    })
    .map((other) => state.wire.get(other, pasid))
    .find((wire) => wire !== undefined);
}

/** What ends when a device leaves a vPASID. V2 does not say when the number may be used again: it is free at once [D]. */
export function detachPasidEvents(
  state: DesignState,
  ground: Ground,
  device: number,
  pasid: number,
): DesignEvent[] {
  const wire = state.wire.get(device, pasid);
  if (wire === undefined) return [];
  const { rid } = traitsOf(ground, device);
  const shared = siblingsOf(ground, device).some((other) => usesNumber(state, ground, other, wire));
  return [
    { type: 'PasidDetached', device, pasid },
    ...(shared ? [] : [{ type: 'SlotBlocked', rid, pasid: wire } as const]),
  ];
}
