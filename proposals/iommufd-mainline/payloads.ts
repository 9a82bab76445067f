/** The second buffers of the adapter's calls: guest tables, and what is invalidated. */

/** CMDQ_OP_TLBI_NSNH_ALL and CMDQ_OP_CFGI_CD_ALL of Arm SMMUv3. */
const TLBI_ALL = 0x30;
export const CFGI_CD_ALL = 6;
const GUEST_TABLE = 0x8000n;
const ADDRESS_WIDTH = 48;
const EVERYTHING = 0xffff_ffff_ffff_ffffn;

function bytesOf(length: number, fill: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  fill(view);
  return new Uint8Array(view.buffer);
}

/** struct iommu_hwpt_vtd_s1: flags, address of the table, address width. */
export function vtdTable(): Uint8Array {
  return bytesOf(24, (view) => {
    view.setBigUint64(8, GUEST_TABLE, true);
    view.setUint32(16, ADDRESS_WIDTH, true);
  });
}

/** struct iommu_hwpt_vtd_s1_invalidate, of everything. */
export function vtdInvalidation(): Uint8Array {
  return bytesOf(24, (view) => view.setBigUint64(8, EVERYTHING, true));
}

/** struct iommu_viommu_arm_smmuv3_invalidate: all translations of the guest. */
export function armInvalidation(): Uint8Array {
  return bytesOf(16, (view) => view.setUint32(0, TLBI_ALL, true));
}

/** The same for the table of one virtual stream id. */
export function armDeviceInvalidation(virtId: number): Uint8Array {
  return bytesOf(16, (view) => {
    view.setUint32(0, CFGI_CD_ALL, true);
    view.setUint32(4, virtId, true);
  });
}
