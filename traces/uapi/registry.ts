import type { CommandOf, StructCommand } from '../../events/command.ts';
import { type Decode, decodersOf, type LayoutsOf, type StructLayout } from '../decode-struct.ts';
import { deviceLayouts, hwInfoLayouts } from './device.ts';
import { faultDataLayouts, faultLayouts } from './fault.ts';
import { hwptDataLayouts, hwptLayouts, invalidationLayouts } from './hwpt.ts';
import { ioasLayouts, iovaRange } from './ioas.ts';
import { testLayouts } from './test-cmd.ts';
import { vfioDataLayouts, vfioLayouts } from './vfio.ts';
import { viommuDataLayouts, viommuLayouts } from './viommu.ts';

/** The struct of every command, by command type. */
export const commandLayouts = {
  ...ioasLayouts,
  ...hwptLayouts,
  ...deviceLayouts,
  ...viommuLayouts,
  ...faultLayouts,
  ...vfioLayouts,
  ...testLayouts,
} as const satisfies LayoutsOf<StructCommand>;

/** The structs that commands point to, and the records of reads and writes, by a name of ours. */
const dataLayouts = {
  iovaRange,
  ...hwptDataLayouts,
  ...invalidationLayouts,
  ...hwInfoLayouts,
  ...viommuDataLayouts,
  ...faultDataLayouts,
  ...vfioDataLayouts,
} as const satisfies Readonly<Record<string, StructLayout>>;

/** Every struct that the project knows. */
export const allLayouts: Readonly<Record<string, StructLayout>> = { ...commandLayouts, ...dataLayouts };

/** The decoder of every command, built once. What it needs of its view: see `decoder()`. */
export const commandDecoders = decodersOf(commandLayouts) satisfies {
  [Type in StructCommand['type']]: Decode<CommandOf<Type>>;
};
