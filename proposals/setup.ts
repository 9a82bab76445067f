/** What a proposal is tried on: the platform's IOMMU, the devices behind it, and how many of each thing there are. */
import { upTo } from '../explore/model-layout.ts';
import type { Verb } from './verb.ts';

export type Platform = 'intel' | 'arm' | 'amd';
export const PLATFORMS: readonly Platform[] = ['intel', 'arm', 'amd'];

/**
 * `pdev` has a RID of its own; `mdev` is one of several behind the RID of a `parent`, told apart by PASID; a `swmdev` is isolated
 * by its driver alone, nothing of it is in the IOMMU.
 */
export type DeviceKind = 'pdev' | 'parent' | 'mdev' | 'swmdev';

export type DeviceTraits = Readonly<{
  kind: DeviceKind;
  /** The device whose RID it uses: its own number, or that of its parent. */
  rid: number;
  /** Number of the isolation group, which is that of its first member. */
  group: number;
  /** Number of the IOMMU in front of it. */
  iommu: number;
  /** The device has the PASID capability, enabled. */
  pasid: boolean;
  /** The IOMMU behind it has PASIDs enabled. */
  iommuPasid: boolean;
  /** Fewer PASID bits than others have: the last number is beyond it. */
  fewPasids: boolean;
  /** PCI deferrable memory writes: a guest may submit with ENQCMD. */
  enqcmd: boolean;
  /** ATS and PRI: the device can take a page fault. */
  pri: boolean;
  /** The IOMMU can make its DMA snoop. */
  forceSnoop: boolean;
  /** A smaller address width: the last page cannot be reached. */
  narrow: boolean;
  /** The host's own driver has it at first, and does DMA. */
  hostDriver: boolean;
}>;

/** One word with its arguments in order. */
export type SetupStep = readonly [verb: Verb, ...args: number[]];

/** What comes before a search: a step, or the first of several that a proposal accepts. */
export type PreludeStep = SetupStep | Readonly<{ anyOf: readonly SetupStep[] }>;

/** A small world in which some properties matter, and the words that may be said in it. */
export type Setup = Readonly<{
  id: string;
  says: string;
  devices: readonly DeviceTraits[];
  contexts: number;
  spaces: number;
  pasids: number;
  pages: number;
  verbs: readonly Verb[];
  /** Words that get their turn in the end, each with all its arguments (weak fairness); for promises. */
  fair?: readonly Verb[];
  /** Steps that were taken before the search begins. A step that a proposal has no word for is left out. */
  prelude: readonly PreludeStep[];
}>;

export type SetupDraft = Omit<Setup, 'id'>;

/** What is fixed while a search goes on. */
export type Ground = Readonly<{
  platform: Platform;
  setup: Setup;
  traits: readonly DeviceTraits[];
  devices: readonly number[];
  contexts: readonly number[];
  spaces: readonly number[];
  pasids: readonly number[];
  pages: readonly number[];
  /** Members of the group of each device, itself included. Mediated devices are groups of their own. */
  mates: readonly (readonly number[])[];
}>;

const PDEV: DeviceTraits = {
  kind: 'pdev',
  rid: 0,
  group: 0,
  iommu: 0,
  pasid: true,
  iommuPasid: true,
  fewPasids: false,
  enqcmd: false,
  pri: true,
  forceSnoop: true,
  narrow: false,
  hostDriver: false,
};

/** A device with a RID and a group of its own; `changes` says what is otherwise. */
export function pdev(number: number, changes: Partial<DeviceTraits> = {}): DeviceTraits {
  return { ...PDEV, rid: number, group: number, ...changes };
}

/** The physical function that mediated devices share. The host keeps it. */
export function parentOf(number: number): DeviceTraits {
  return pdev(number, { kind: 'parent', hostDriver: true });
}

/** A mediated device behind the RID of `parent`. */
export function mdev(number: number, parent: number, changes: Partial<DeviceTraits> = {}): DeviceTraits {
  return { ...PDEV, kind: 'mdev', rid: parent, group: number, ...changes };
}

/** A device that its driver isolates by software, with the help of `parent`, whose RID it never uses by itself. */
export function swmdev(number: number, parent: number): DeviceTraits {
  return { ...PDEV, kind: 'swmdev', rid: parent, group: number, pasid: false, pri: false };
}

/** One context, to which these devices are bound. */
export function bound(...devices: readonly number[]): SetupStep[] {
  return [
    ['open-context', 0],
    ...devices.flatMap((device): SetupStep[] => [
      ['open-device', device],
      ['bind', device, 0],
    ]),
  ];
}

export function groundOf(platform: Platform, setup: Setup): Ground {
  const devices = upTo(setup.devices.length);
  const group = (device: number): number => setup.devices[device]?.group ?? device;
  return {
    platform,
    setup,
    traits: setup.devices,
    devices,
    contexts: upTo(setup.contexts),
    spaces: upTo(setup.spaces),
    pasids: upTo(setup.pasids),
    pages: upTo(setup.pages),
    mates: devices.map((device) => devices.filter((other) => group(other) === group(device))),
  };
}

export function traitsOf(ground: Ground, device: number): DeviceTraits {
  const traits = ground.traits[device];
  if (traits === undefined) throw new Error(`invariant: device ${device} is not set up`);
  return traits;
}

/** The other mediated devices behind the same RID. */
export function siblingsOf(ground: Ground, device: number): readonly number[] {
  const { rid } = traitsOf(ground, device);
  return ground.devices.filter(
    (other) => other !== device && ground.traits[other]?.kind === 'mdev' && ground.traits[other].rid === rid,
  );
}

/** Whether a number has no more bits than the device has. */
export function fitsPasid(ground: Ground, device: number, pasid: number): boolean {
  return !traitsOf(ground, device).fewPasids || pasid < ground.pasids.length - 1;
}

export function matesOf(ground: Ground, device: number): readonly number[] {
  return ground.mates[device] ?? [];
}
