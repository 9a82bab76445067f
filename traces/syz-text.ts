/** The text of syzkaller programs as a tree: calls with arguments, whatever subsystem they belong to. Types, and small helpers. */

export type SyzArg =
  | Readonly<{ is: 'const'; value: bigint }>
  /** `rN`, with a division and an addition where the text has them. */
  | Readonly<{ is: 'resource'; name: string; divide: bigint; add: bigint }>
  /** `<rN=>…`: the call fills this value, and later ones name it. */
  | Readonly<{ is: 'made'; name: string; before: SyzArg }>
  /** `&(address)=…`; `address` is undefined for AUTO, `any` says that the pointee is a flat list of blobs. */
  | Readonly<{
      is: 'pointer';
      address: bigint | undefined;
      pages: bigint;
      pointee: SyzArg | undefined;
      any: boolean;
    }>
  /** Bytes; `length` is that of an output buffer, `""/28`, or of padding. */
  | Readonly<{ is: 'data'; bytes: Uint8Array; length: number }>
  | Readonly<{ is: 'group'; items: readonly SyzArg[] }>
  | Readonly<{ is: 'array'; items: readonly SyzArg[] }>
  | Readonly<{ is: 'union'; option: string; value: SyzArg | undefined }>
  | Readonly<{ is: 'nil' }>
  | Readonly<{ is: 'auto' }>;

export type SyzCall = Readonly<{
  line: number;
  result: string | undefined;
  /** With all its variants: `ioctl$IOMMU_IOAS_MAP$PAGES`. */
  name: string;
  args: readonly SyzArg[];
  props: ReadonlyMap<string, bigint | true>;
}>;

/** Addresses in program text begin here; the executor has its data area elsewhere. */
export const TEXT_BASE = 0x7f00_0000_0000n;

/** `ioctl$IOMMU_IOAS_MAP$PAGES` is `['ioctl', 'IOMMU_IOAS_MAP', 'PAGES']`. */
export function nameParts(name: string): string[] {
  return name.split('$');
}
