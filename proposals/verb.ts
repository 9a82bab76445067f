/** Neutral words for what a user, a guest, the host or a device does. A proposal says which of its commands a word stands for. */

/** What the parameters of commands range over. */
export const PARAM_SORTS = {
  context: 'context',
  device: 'device',
  other: 'device',
  space: 'space',
  parent: 'space',
  pasid: 'pasid',
  wire: 'pasid',
  page: 'page',
} as const;

export type Param = keyof typeof PARAM_SORTS;

/**
 * Each word with its parameters. `pasid` is a number as the user says it; `wire` one that the kernel picks for the bus, where every
 * choice that it might make is one instance of the command. `bind` and `attach-pasid` are for devices with a RID of their own, whose
 * PASIDs go on the bus as they are; `bind-mdev` and `attach-vpasid` for mediated ones, which share a RID. `alloc-automatic` leaves
 * it to the kernel which page tables a space has, `alloc` makes one that is fit for PASIDs wherever that can be asked for.
 */
export const VERBS = {
  // descriptors
  'open-context': ['context'],
  'close-context': ['context'],
  'open-device': ['device'],
  'close-device': ['device'],
  bind: ['device', 'context'],
  'bind-mdev': ['device', 'context', 'wire'],
  unbind: ['device'],
  touch: ['device'],
  // spaces
  alloc: ['space', 'context'],
  'alloc-enforced': ['space', 'context'],
  'alloc-automatic': ['space', 'context'],
  'alloc-shadow': ['space', 'parent'],
  'alloc-user': ['space', 'parent'],
  'alloc-table': ['space', 'parent'],
  'alloc-mm': ['space', 'context'],
  'alloc-kvm': ['space', 'context'],
  'alloc-root': ['space', 'context'],
  'create-nesting': ['space', 'parent'],
  'bind-table': ['space'],
  'bind-pasid-table': ['space'],
  'unbind-table': ['space'],
  destroy: ['space'],
  // routes
  attach: ['device', 'space'],
  detach: ['device'],
  'attach-pasid': ['device', 'space', 'pasid'],
  'attach-vpasid': ['device', 'space', 'pasid', 'wire'],
  'detach-pasid': ['device', 'pasid'],
  // memory
  register: ['page'],
  map: ['space', 'page'],
  'map-all': ['space'],
  unmap: ['space', 'page'],
  'unmap-all': ['space'],
  invalidate: ['space'],
  'invalidate-device': ['device'],
  // page faults
  'report-fault': ['device', 'other'],
  respond: ['device'],
  // PASIDs and the CPU
  'alloc-pasid': ['wire'],
  'alloc-global-pasid': ['wire'],
  'free-pasid': ['wire'],
  'enable-translation': [],
  'cpu-map': ['pasid', 'space', 'device'],
  'cpu-unmap': ['pasid'],
  'open-portal': ['device'],
  'bind-process': ['device', 'wire'],
  'unbind-process': ['device'],
  // what others do: guest, host, device
  'guest-maps': ['space', 'page'],
  'guest-unmaps': ['space', 'page'],
  'guest-enables-pasid': ['device', 'pasid'],
  dma: ['device', 'page'],
  fault: ['device'],
  'kernel-resolves': ['device'],
  'cpu-submits': ['pasid'],
  'cpu-drains': ['pasid'],
  'release-driver': ['device'],
  'probe-driver': ['device'],
  'others-take': ['wire'],
  'freeze-viommu': ['device'],
} as const satisfies Readonly<Record<string, readonly Param[]>>;

export type Verb = keyof typeof VERBS;

/** The arguments of a word: members of sorts, numbered from 0. */
export type ArgsOf<V extends Verb> = { readonly [P in (typeof VERBS)[V][number]]: number };

/** Arguments of any word. */
export type Args = Readonly<Partial<Record<Param, number>>>;
