/** Which operation is legal on which kind of address space: the decision table that S3 and its answers make. */
import type { SpaceState } from '../design-state.ts';

export type Kind = Exclude<SpaceState, 'free' | 'inert' | 'empty'>;
export const KINDS: readonly Kind[] = ['kernel', 'shadow', 'user', 'table', 'mm', 'kvm', 'root'];

export type Operation =
  | 'map'
  | 'invalidate'
  | 'report-fault'
  | 'attach'
  | 'attach-pasid'
  | 'parent'
  | 'destroy';
export const OPERATIONS: readonly Operation[] = [
  'map',
  'invalidate',
  'report-fault',
  'attach',
  'attach-pasid',
  'parent',
  'destroy',
];

/** `with-pri`: only for devices that can take page faults. */
export type Legal = 'yes' | 'no' | 'with-pri';

export type Cell = Readonly<{
  legal: Legal;
  source: string;
  /** Who says otherwise. */
  but?: Readonly<{ legal: Legal; source: string }>;
}>;

const S3 = 'S3 <20210602232352.GL1002214@...>';
const PRI = 'V1T Jason Gunthorpe <20210603125620.GX1002214@...>';
const DAVID = 'V1T David Gibson, 2 Jun 2021';
const S0 = 'S0 thread <20210923133037.GP964074@...>';

const says =
  (source: string) =>
  (legal: Legal): Cell => ({ legal, source });
const s3 = says(S3);
const pri = says(PRI);
const david = says(DAVID);
const s0 = says(S0);

export const MATRIX: Readonly<Record<Operation, Readonly<Record<Kind, Cell>>>> = {
  map: {
    kernel: s3('yes'),
    shadow: says('V1 5.3')('yes'),
    user: s3('no'),
    table: s3('no'),
    mm: david('no'),
    kvm: david('no'),
    root: david('yes'),
  },
  invalidate: {
    kernel: s3('no'),
    shadow: {
      legal: 'no',
      source: 'V1 5.3: map and unmap say every change',
      but: { legal: 'yes', source: 'V1T <20210602160914.GX1002214@...>: a shadow is a cache' },
    },
    user: s3('yes'),
    table: says('V1 section 2, IOASID_INVALIDATE_CACHE')('yes'),
    mm: s3('no'),
    kvm: s3('no'),
    root: s3('no'),
  },
  'report-fault': {
    kernel: pri('no'),
    shadow: pri('no'),
    user: s3('yes'),
    table: says('V2 4.6')('yes'),
    mm: s3('no'),
    kvm: s3('no'),
    root: pri('no'),
  },
  attach: {
    kernel: pri('yes'),
    shadow: pri('yes'),
    user: s3('yes'),
    table: says('V1 5.7')('yes'),
    mm: pri('with-pri'),
    kvm: pri('with-pri'),
    root: david('no'),
  },
  'attach-pasid': {
    kernel: s0('yes'),
    shadow: s0('yes'),
    user: says('V1 5.5')('yes'),
    table: { ...says('V2 1.4.1: it is all PASIDs')('no'), but: { legal: 'yes', source: 'V1 5.7' } },
    mm: pri('with-pri'),
    kvm: pri('with-pri'),
    root: david('no'),
  },
  parent: {
    kernel: s3('yes'),
    shadow: says('V1 section 2: any depth')('yes'),
    user: {
      legal: 'no',
      source: 'hardware walks two levels',
      but: { legal: 'yes', source: 'V1 section 2: any depth' },
    },
    table: says('hardware walks two levels')('no'),
    mm: says('V1T Jason Gunthorpe to David Gibson, 2 Jun 2021: a table in user memory needs an SVA parent')(
      'yes',
    ),
    kvm: says('V1T 2 Jun 2021 [D]: it translates what the guest calls physical')('yes'),
    root: david('yes'),
  },
  destroy: {
    kernel: s3('yes'),
    shadow: s3('yes'),
    user: s3('yes'),
    table: s3('yes'),
    mm: s3('yes'),
    kvm: s3('yes'),
    root: s3('yes'),
  },
};

/** The kind of a space that lives; undefined for one that is not of a kind yet. */
export function kindOf(state: SpaceState): Kind | undefined {
  return KINDS.find((kind) => kind === state);
}

/** Whether an operation on a space of this kind may succeed, for a device that can take page faults or not. */
export function isLegal(operation: Operation, state: SpaceState, pri: boolean): boolean {
  const kind = kindOf(state);
  if (kind === undefined) return false;
  const { legal } = MATRIX[operation][kind];
  return legal === 'yes' || (legal === 'with-pri' && pri);
}

/** The cells on which the mails differ. */
export function disputes(): { operation: Operation; kind: Kind; cell: Cell }[] {
  return OPERATIONS.flatMap((operation) =>
    KINDS.map((kind) => ({ operation, kind, cell: MATRIX[operation][kind] })),
  ).filter(({ cell }) => cell.but !== undefined);
}
