/** The state of a design: objects as the user sees them, and below them the hardware that all proposals share. */
import { type Declaration, declareState } from '../explore/model.ts';
import { flag, interchangeable, oneOf, range, reference, type Sort, setOf } from '../explore/model-fields.ts';
import type { Ground } from './setup.ts';

/** `bound`: it belongs to a context, and access to its registers is granted. */
export const DEVICE_STATES = ['closed', 'open', 'bound'] as const;
export type DeviceState = (typeof DEVICE_STATES)[number];

/**
 * What an address space is. `inert`: nothing is decided yet, every command is refused; `empty`: live and undecided; `kernel`: the
 * kernel's page table (map, unmap); `shadow`: the same, nested by software; `user`: a page table of the user; `table`: a PASID table
 * of the guest; `mm`: a process's own; `kvm`: the second level of a VM; `root`: identity, only for accounting.
 */
export const SPACE_STATES = [
  'free',
  'inert',
  'empty',
  'kernel',
  'shadow',
  'user',
  'table',
  'mm',
  'kvm',
  'root',
] as const;
export type SpaceState = (typeof SPACE_STATES)[number];

const FAULT_STATES = ['none', 'raised', 'reported'] as const;
export const FROZEN = ['no', 'with-pasid', 'without-pasid'] as const;

/** Devices that nothing but their number tells apart: alike, alone in their group, and with a RID that is their own or shared. */
function classesOf({ traits, mates, devices }: Ground): number[][] {
  const classes = new Map<string, number[]>();
  for (const device of devices) {
    const { rid, group, ...rest } = traits[device] ?? { rid: device, group: device };
    const leader = mates[device]?.[0] === device;
    const alone = (mates[device]?.length ?? 0) === 1;
    const hasChildren = devices.some((other) => other !== device && traits[other]?.rid === device);
    const place = [alone || !leader ? '' : device, alone ? '' : group, rid === device ? '' : rid].join();
    const key = `${JSON.stringify(rest)} ${place} ${hasChildren ? device : ''}`;
    classes.set(key, [...(classes.get(key) ?? []), device]);
  }
  return [...classes.values()];
}

/** The devices are sorted into classes by the setup; all else is interchangeable. */
function sortsOf(ground: Ground): Readonly<Record<'context' | 'device' | 'space' | 'pasid' | 'page', Sort>> {
  const { setup, devices } = ground;
  const narrow = ground.traits.some((traits) => traits.narrow);
  const few = ground.traits.some((traits) => traits.fewPasids);
  return {
    context: interchangeable(setup.contexts),
    device: interchangeable(devices.length, classesOf(ground)),
    space: interchangeable(setup.spaces),
    // Nor a device with fewer PASID bits the last number.
    pasid: interchangeable(setup.pasids, [ground.pasids.slice(0, few ? -1 : undefined)]),
    // A narrow device cannot reach the last page.
    page: interchangeable(setup.pages, [ground.pages.slice(0, narrow ? -1 : undefined)]),
  };
}

/** Declares the state for what is set up. Fields that a setup says nothing of keep their first value. */
export function declareDesign(file: string, ground: Ground) {
  return declareState(file, sortsOf(ground), {
    contextOpen: setOf('context'),
    /** The descriptor was closed while something of it lives on. */
    contextGone: setOf('context'),
    device: oneOf(...DEVICE_STATES).per('device'),
    boundTo: reference('context').per('device'),
    /** Further contexts that it is bound to, where a proposal allows several. */
    alsoBoundTo: setOf('context').per('device'),
    hostDriver: setOf('device'),
    space: oneOf(...SPACE_STATES).per('space'),
    home: reference('context').per('space'),
    parent: reference('space').per('space'),
    /** Snooping is enforced. */
    enforced: setOf('space'),
    /** Its page table is not made for PASIDs. */
    untagged: setOf('space'),
    /** The default address space of a device, as the user attached it. */
    attached: reference('space').per('device'),
    /** Further spaces that a device is said to be attached to on the same route: references, not routes. */
    under: setOf('space').per('device'),
    /** The space that a device reaches with a (v)PASID, and the number on the bus. */
    attachedAt: reference('space').per('device', 'pasid'),
    wire: reference('pasid').per('device', 'pasid'),
    /** The number that stands for a mediated device's default address space. */
    defPasid: reference('pasid').per('device'),

    // The hardware: slots by RID, which is named by the device that has it.
    onDefault: setOf('device'),
    route: reference('space').per('device'),
    pasidRoute: reference('space').per('device', 'pasid'),
    /** The number at which the table of this RID has the process's own page table. */
    sva: reference('pasid').per('device'),
    /** The PASID table of this RID is the guest's, and what it wrote there. */
    delegated: setOf('device'),
    guestEntry: setOf('pasid').per('device'),
    /** Translations that an IOTLB, or the cache of a device, may hold. */
    iotlb: setOf('page').per('space'),
    /** Entries that an IOTLB takes to be absent. */
    absent: setOf('page').per('space'),
    atc: setOf('page').per('device'),

    // Memory.
    registered: setOf('page'),
    mapped: setOf('page').per('space'),
    /** All pages were mapped by one command. */
    joined: setOf('space'),
    /** How often a page counts against the user's limit. */
    charges: range(0, 3).per('page'),
    /** What the user's own table holds. */
    pte: setOf('page').per('space'),
    /** Invalidated since its user's table changed last. */
    clean: setOf('space'),
    cleanDevice: setOf('device'),

    // Page faults, one of each device at a time.
    fault: oneOf(...FAULT_STATES).per('device'),
    /** Whom the guest takes for the source. */
    blamed: reference('device').per('device'),
    /** An answer completed another fault than its own, or none. */
    stray: flag(),

    // PASIDs, the CPU, processes.
    allocated: setOf('pasid'),
    /** Was asked for as valid on every RID. */
    global: setOf('pasid'),
    /** Not free yet: something may still emit it. */
    parked: setOf('pasid'),
    /** In use by somebody else on this host. */
    taken: setOf('pasid'),
    /** Told to the user. */
    revealed: setOf('pasid'),
    translation: flag(),
    cpuMap: reference('pasid').per('pasid'),
    portal: setOf('device'),
    /** A submission with this number is under way. */
    inFlight: setOf('pasid'),
    /** The space that it was meant for. */
    meantFor: reference('space').per('pasid'),
    /** It arrived where it was not meant to. */
    misdelivered: flag(),
    msr: reference('pasid'),
    process: setOf('device'),
    crashed: flag(),
    frozen: oneOf(...FROZEN),
  });
}

export type DesignDeclaration = ReturnType<typeof declareDesign>;
/** The state as commands and properties read it. */
export type DesignState = DesignDeclaration extends Declaration<infer S> ? S : never;
