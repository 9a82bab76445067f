/** Properties of what devices and IOMMUs can do, and of what is told of them: P50 to P57. */
import type { Look, PropertySpec } from '../property.ts';
import { matesOf, traitsOf } from '../setup.ts';
import {
  everyDevice,
  everySpace,
  hasPasids,
  isBound,
  isBoundPdev,
  isKernelManaged,
  someDevice,
  someSpace,
} from './look.ts';

export const capabilityProperties: readonly PropertySpec[] = [
  {
    id: 'P50',
    kind: 'state',
    says: 'attach fails just where the address width or snooping of a device does not go with the space',
    source: 'V1; V2; R20-14',
    standing: 'asserted',
    outcome: 'holds: an IOAS gets another HWPT, and only mappings out of reach are in the way (EADDRINUSE)',
    setups: ['capabilities'],
    needs: [['attach']],
    arises: (look) => someAttachable(look, (device, space) => !isCompatible(look, device, space)),
    holds: (look) =>
      !someAttachable(look, (device, space) => {
        const accepted = look.accepts('attach', { device, space });
        return accepted ? !isCompatible(look, device, space) : canDoAll(look, device);
      }),
  },
  {
    id: 'P51',
    kind: 'state',
    says: 'what all attached devices reach can be mapped, and nothing else',
    source: 'R20-14; V2T <YMrXaWfAyLBEI3eh@yekko>',
    standing: 'asserted',
    outcome: 'holds: IOVA_RANGES is what all HWPTs of the IOAS reach',
    setups: ['capabilities'],
    needs: [['attach'], ['map']],
    arises: (look) => someSpace(look, (space) => isOpenForMap(look, space)),
    holds: (look) =>
      everySpace(
        look,
        (space) =>
          !isOpenForMap(look, space) ||
          look.ground.pages.every(
            (page) =>
              look.state.mapped.has(space, page) ||
              look.accepts('map', { space, page }) === isReached(look, space, page),
          ),
      ),
  },
  {
    id: 'P52',
    kind: 'state',
    says: 'PASIDs are told of a device only where both it and its IOMMU have them enabled',
    source: 'P25 <20250321171940.7213-1-yi.l.liu@intel.com>; Yi Liu, March 2025',
    standing: 'asserted',
    outcome: 'holds: out_max_pasid_log2 is that of the device behind this IOMMU',
    setups: ['reports'],
    needs: [['bind', 'bind-mdev']],
    arises: (look) =>
      someDevice(look, (device) => look.report(device) !== undefined && !hasPasids(look, device)) &&
      someDevice(look, (device) => look.report(device)?.pasid === true),
    holds: (look) =>
      everyDevice(look, (device) => look.report(device)?.pasid !== true || hasPasids(look, device)),
  },
  {
    id: 'P53',
    kind: 'state',
    says: 'what is told of the IOMMU is the same for all devices behind it, what is told of a device may differ',
    source: '<Z92wIQGa8RcJb2T/@Asurada-Nvidia>; <20250321184205.GB206770@nvidia.com>',
    standing: 'questioned',
    outcome:
      'holds: the PASID width and the EXEC, PRIV and ATS bits are of the device, the driver’s data of the IOMMU',
    setups: ['reports'],
    needs: [['bind', 'bind-mdev']],
    arises: (look) =>
      somePair(look, (one, other) => {
        const [told, toldToo] = [look.report(one), look.report(other)];
        return told?.iommuPasid !== undefined && toldToo !== undefined && told.pasid !== toldToo.pasid;
      }),
    holds: (look) =>
      !somePair(look, (one, other) => {
        const [told, toldToo] = [look.report(one), look.report(other)];
        return told !== undefined && toldToo !== undefined && told.iommuPasid !== toldToo.iommuPasid;
      }),
  },
  {
    id: 'P54',
    kind: 'state',
    says: 'a vIOMMU made from what is told of its first device suits every later device',
    source: '<Z92wIQGa8RcJb2T/@Asurada-Nvidia>',
    standing: 'questioned',
    outcome: 'violated: a later device may have PASIDs where the first has none, or the reverse',
    setups: ['reports'],
    needs: [['freeze-viommu']],
    arises: (look) =>
      look.state.frozen.get() !== 'no' && someDevice(look, (device) => look.report(device) !== undefined),
    holds: (look) => {
      const frozen = look.state.frozen.get();
      return frozen === 'no' || everyDevice(look, (device) => suits(look, device, frozen === 'with-pasid'));
    },
  },
  {
    id: 'P55',
    kind: 'state',
    says: 'a device without PASIDs does not keep the other members of its group from using them',
    source: 'iommu_attach_device_pasid(), Linux 7.3; NV-Kernels pull request 238',
    standing: 'mainline',
    outcome: 'holds: members without PASIDs are passed over',
    setups: ['mixed-group'],
    needs: [['attach-pasid']],
    arises: (look) => someDevice(look, (device) => someFreePasid(look, device, () => true)),
    holds: (look) =>
      !someDevice(look, (device) =>
        someFreePasid(
          look,
          device,
          (space, pasid) => !look.accepts('attach-pasid', { device, space, pasid }),
        ),
      ),
  },
  {
    id: 'P56',
    kind: 'state',
    says: 'where PASIDs are attached, the space on the RID and all on PASIDs were made for PASIDs',
    source: 'iommufd_hwpt_pasid_compat(), Linux 7.3',
    standing: 'mainline',
    outcome: 'holds: EINVAL in both orders',
    setups: ['mixed-group'],
    needs: [['attach'], ['attach-pasid'], ['alloc-automatic']],
    arises: (look) =>
      look.state.untagged.size() > 0 && someDevice(look, (device) => isOnRidAndPasid(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => !isOnRidAndPasid(look, device) || !meetsUntagged(look, device)),
  },
  {
    id: 'P57',
    kind: 'state',
    says: 'DMA of every device that is attached to a space which enforces snooping does snoop',
    source: 'V2 1.5; R20-14',
    standing: 'asserted',
    outcome: 'not asked for: each HWPT enforces it where its devices can, and keeps to it',
    setups: ['capabilities'],
    needs: [['attach'], ['alloc-enforced', 'alloc']],
    arises: (look) => someDevice(look, (device) => isOnEnforced(look, device)),
    holds: (look) =>
      everyDevice(look, (device) => !isOnEnforced(look, device) || traitsOf(look.ground, device).forceSnoop),
  },
];

function someAttachable(look: Look, holds: (device: number, space: number) => boolean): boolean {
  return someDevice(
    look,
    (device) =>
      isBoundPdev(look, device) &&
      look.state.attached.get(device) === undefined &&
      someSpace(
        look,
        (space) =>
          isKernelManaged(look, space) &&
          look.state.home.get(space) === look.state.boundTo.get(device) &&
          holds(device, space),
      ),
  );
}

/** Neither a promise of the space nor a page of it is beyond the device. */
function isCompatible({ state, ground }: Look, device: number, space: number): boolean {
  const { forceSnoop, narrow } = traitsOf(ground, device);
  if (state.enforced.has(space) && !forceSnoop) return false;
  return !narrow || !state.mapped.has(space, ground.pages.length - 1);
}

function canDoAll({ ground }: Look, device: number): boolean {
  const { forceSnoop, narrow } = traitsOf(ground, device);
  return forceSnoop && !narrow;
}

/** Some device is attached, so that what can be mapped is known. */
function isOpenForMap(look: Look, space: number): boolean {
  return (
    isKernelManaged(look, space) && someDevice(look, (device) => look.state.attached.get(device) === space)
  );
}

function isReached({ state, ground }: Look, space: number, page: number): boolean {
  if (page !== ground.pages.length - 1) return true;
  return !ground.devices.some(
    (device) => state.attached.get(device) === space && traitsOf(ground, device).narrow,
  );
}

/** Two devices behind one IOMMU. */
function somePair({ ground }: Look, holds: (one: number, other: number) => boolean): boolean {
  const { devices } = ground;
  return devices.some((one) =>
    devices.some(
      (other) =>
        one < other && traitsOf(ground, one).iommu === traitsOf(ground, other).iommu && holds(one, other),
    ),
  );
}

function suits(look: Look, device: number, withPasid: boolean): boolean {
  const told = look.report(device);
  return told === undefined || told.pasid === withPasid;
}

/** A PASID that no member of a mixed group uses, and a space that it could lead to, where the RID has nothing. */
function someFreePasid(
  look: Look,
  device: number,
  holds: (space: number, pasid: number) => boolean,
): boolean {
  const { state, ground } = look;
  const mates = matesOf(ground, device);
  const mixed = hasPasids(look, device) && mates.some((mate) => !hasPasids(look, mate));
  if (!mixed || !isBound(look, device) || mates.some((mate) => state.attached.get(mate) !== undefined))
    return false;
  return ground.pasids.some(
    (pasid) =>
      mates.every((mate) => state.attachedAt.get(mate, pasid) === undefined) &&
      someSpace(look, (space) => isTakenAlone(look, device, space, pasid) && holds(space, pasid)),
  );
}

/** A device that is alone in its group, and otherwise alike, could be attached there just so. */
function isTakenAlone(look: Look, device: number, space: number, pasid: number): boolean {
  const { state, ground } = look;
  return ground.devices.some(
    (other) =>
      matesOf(ground, other).length === 1 &&
      hasPasids(look, other) &&
      state.boundTo.get(other) === state.boundTo.get(device) &&
      state.attached.get(other) === undefined &&
      look.accepts('attach-pasid', { device: other, space, pasid }),
  );
}

function spacesAtPasids({ state, ground }: Look, device: number): number[] {
  return matesOf(ground, device).flatMap((mate) =>
    ground.pasids.flatMap((pasid) => state.attachedAt.get(mate, pasid) ?? []),
  );
}

function isOnRidAndPasid(look: Look, device: number): boolean {
  return look.state.attached.get(device) !== undefined && spacesAtPasids(look, device).length > 0;
}

function meetsUntagged(look: Look, device: number): boolean {
  const onRid = look.state.attached.get(device);
  return [...spacesAtPasids(look, device), ...(onRid === undefined ? [] : [onRid])].some((space) =>
    look.state.untagged.has(space),
  );
}

function isOnEnforced({ state, ground }: Look, device: number): boolean {
  const space = state.attached.get(device);
  if (space !== undefined && state.enforced.has(space)) return true;
  return ground.pasids.some((pasid) => {
    const at = state.attachedAt.get(device, pasid);
    return at !== undefined && state.enforced.has(at);
  });
}
