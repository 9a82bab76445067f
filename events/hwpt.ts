/** What happens to hardware page tables. */
import type { Range } from './ioas.ts';
import type { Capture } from './memory.ts';

/** What the driver gave a paging HWPT. */
export type Domain = Readonly<{
  driver: string;
  instance: string;
  /** Stage or table format, in the driver's words. */
  format: string;
  /** Smallest page size in bytes. */
  granule: number;
  /** One bit for each page size. */
  pageSizes: bigint;
  aperture: Range;
  cacheCoherent: boolean;
  noIommu: boolean;
}>;

export type HwptEvent =
  | Readonly<{
      type: 'HwptPagingAllocated';
      context: number;
      id: number;
      ioasId: number;
      auto: boolean;
      nestParent: boolean;
      pasidCompat: boolean;
      dirtyOps: boolean;
      faultId: number;
      domain: Domain;
      captures: readonly Capture[];
    }>
  | Readonly<{
      type: 'HwptNestedAllocated';
      context: number;
      id: number;
      parentId: number;
      viommuId: number;
      pasidCompat: boolean;
      faultId: number;
      instance: string;
      iotlb: number;
      data: string;
    }>
  | Readonly<{ type: 'HwptDestroyed'; context: number; id: number }>
  | Readonly<{ type: 'DirtyTrackingSet'; context: number; id: number; enabled: boolean }>
  | Readonly<{ type: 'PagesDirtied'; context: number; id: number; granules: readonly number[] }>
  /** Pages were marked, or not, and the recording does not hold which. */
  | Readonly<{ type: 'DirtyForgotten'; context: number; id: number }>
  /** `everything`: those of which nobody knows too. */
  | Readonly<{
      type: 'PagesCleaned';
      context: number;
      id: number;
      granules: readonly number[];
      everything?: true;
    }>
  /** Entries that the recording does not hold were invalidated, or not; `effects` are the possible ones (machines/cached-value.ts). */
  | Readonly<{ type: 'IotlbForgotten'; context: number; id: number; effects: number }>
  /** A check told whether a slot holds a value, which was not known. */
  | Readonly<{
      type: 'IotlbLearned';
      context: number;
      id: number;
      slot: number;
      value: number;
      same: boolean;
    }>
  | Readonly<{ type: 'IotlbInvalidated'; context: number; id: number; slots: readonly number[] }>;
