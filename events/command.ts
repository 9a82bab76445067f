import type { DeviceCommand } from './device-command.ts';
import type { FaultCommand } from './fault-command.ts';
import type { HwptCommand } from './hwpt-command.ts';
import type { IoasCommand } from './ioas-command.ts';
import type { TestCommand } from './test-command.ts';
import type { VfioStructCommand, VfioValueCommand } from './vfio-command.ts';
import type { ViommuCommand } from './viommu-command.ts';

/** What one ioctl asks, when its argument is the address of a struct. */
export type StructCommand =
  | DeviceCommand
  | FaultCommand
  | HwptCommand
  | IoasCommand
  | TestCommand
  | VfioStructCommand
  | ViommuCommand;

/** What one ioctl asks, in the header's field names turned into camelCase. u64 is bigint, all else number. */
export type Command = StructCommand | VfioValueCommand;

export type CommandType = Command['type'];

/** The command of one type: `CommandOf<'IoasMap'>` is `IoasMap`. */
export type CommandOf<Type extends CommandType> = Extract<Command, { type: Type }>;
