import { describe, expect, it } from 'vitest';
import type { Destroy } from '../events/ioas-command.ts';
import { decoder, encoder, fieldAt, type Layout, resized, widthOf } from '../traces/decode-struct.ts';
import { testEntry } from '../traces/ioctl-table.ts';
import { hwInfoLayouts } from '../traces/uapi/device.ts';
import { invalidationLayouts } from '../traces/uapi/hwpt.ts';
import { allLayouts, commandDecoders, commandLayouts } from '../traces/uapi/registry.ts';

/**
 * Transcribed from the reference texts, not from the layouts: our name, size, minimum size, then each field's
 * header name, byte offset and width.
 */
const published = `
Destroy 8 8: size 0 4, id 4 4
IoasAlloc 12 12: size 0 4, flags 4 4, out_ioas_id 8 4
IoasIovaRanges 32 32: size 0 4, ioas_id 4 4, num_iovas 8 4, __reserved 12 4, allowed_iovas 16 8, \
  out_iova_alignment 24 8
IoasAllowIovas 24 24: size 0 4, ioas_id 4 4, num_iovas 8 4, __reserved 12 4, allowed_iovas 16 8
IoasMap 40 40: size 0 4, flags 4 4, ioas_id 8 4, __reserved 12 4, user_va 16 8, length 24 8, iova 32 8
IoasMapFile 40 40: size 0 4, flags 4 4, ioas_id 8 4, fd 12 4, start 16 8, length 24 8, iova 32 8
IoasCopy 40 40: size 0 4, flags 4 4, dst_ioas_id 8 4, src_ioas_id 12 4, length 16 8, dst_iova 24 8, \
  src_iova 32 8
IoasUnmap 24 24: size 0 4, ioas_id 4 4, iova 8 8, length 16 8
IoasNoiommuGetPa 40 40: size 0 4, flags 4 4, ioas_id 8 4, __reserved 12 4, iova 16 8, length 24 8, \
  out_phys 32 8
IoasChangeProcess 8 8: size 0 4, __reserved 4 4
Option 24 24: size 0 4, option_id 4 4, op 8 2, __reserved 10 2, object_id 12 4, val64 16 8
VfioIoas 12 12: size 0 4, ioas_id 4 4, op 8 2, __reserved 10 2
HwptAlloc 48 24: size 0 4, flags 4 4, dev_id 8 4, pt_id 12 4, out_hwpt_id 16 4, __reserved 20 4, \
  data_type 24 4, \
  data_len 28 4, data_uptr 32 8, fault_id 40 4, __reserved2 44 4
HwptInvalidate 32 32: size 0 4, hwpt_id 4 4, data_uptr 8 8, data_type 16 4, entry_len 20 4, \
  entry_num 24 4, __reserved 28 4
HwptSetDirtyTracking 16 16: size 0 4, flags 4 4, hwpt_id 8 4, __reserved 12 4
HwptGetDirtyBitmap 48 48: size 0 4, hwpt_id 4 4, flags 8 4, __reserved 12 4, iova 16 8, length 24 8, \
  page_size 32 8, data 40 8
GetHwInfo 40 32: size 0 4, flags 4 4, dev_id 8 4, data_len 12 4, data_uptr 16 8, in_data_type 24 4, \
  out_max_pasid_log2 28 1, __reserved 29 3, out_capabilities 32 8
FaultQueueAlloc 16 16: size 0 4, flags 4 4, out_fault_id 8 4, out_fault_fd 12 4
ViommuAlloc 40 24: size 0 4, flags 4 4, type 8 4, dev_id 12 4, hwpt_id 16 4, out_viommu_id 20 4, \
  data_len 24 4, \
  __reserved 28 4, data_uptr 32 8
VdeviceAlloc 24 24: size 0 4, viommu_id 4 4, dev_id 8 4, out_vdevice_id 12 4, virt_id 16 8
VeventqAlloc 32 28: size 0 4, flags 4 4, viommu_id 8 4, type 12 4, veventq_depth 16 4, \
  out_veventq_id 20 4, \
  out_veventq_fd 24 4, __reserved 28 4
HwQueueAlloc 40 40: size 0 4, flags 4 4, viommu_id 8 4, type 12 4, index 16 4, out_hw_queue_id 20 4, \
  nesting_parent_iova 24 8, length 32 8
VfioIommuGetInfo 24 16: argsz 0 4, flags 4 4
VfioIommuMapDma 32 32: argsz 0 4, flags 4 4, vaddr 8 8, iova 16 8, size 24 8
VfioIommuUnmapDma 24 24: argsz 0 4, flags 4 4, iova 8 8, size 16 8
DeviceBindIommufd 24 16: argsz 0 4, flags 4 4, iommufd 8 4, out_devid 12 4, token_uuid_ptr 16 8
DeviceAttachIommufdPt 16 12: argsz 0 4, flags 4 4, pt_id 8 4, pasid 12 4
DeviceDetachIommufdPt 12 8: argsz 0 4, flags 4 4, pasid 8 4
DeviceGetInfo 24 16: argsz 0 4, flags 4 4, num_regions 8 4, num_irqs 12 4, cap_offset 16 4, pad 20 4
TestAddReserved 72 68: size 0 4, op 4 4, id 8 4, start 16 8, length 24 8
TestMockDomain 72 68: size 0 4, op 4 4, id 8 4, out_stdev_id 16 4, out_hwpt_id 20 4, out_idev_id 24 4
TestMdCheckMap 72 68: size 0 4, op 4 4, id 8 4, iova 16 8, length 24 8, uptr 32 8
TestMdCheckRefs 72 68: size 0 4, op 4 4, id 8 4, length 16 8, uptr 24 8, refs 32 4
TestCreateAccess 72 68: size 0 4, op 4 4, id 8 4, out_access_fd 16 4, flags 20 4
TestDestroyAccessPages 72 68: size 0 4, op 4 4, id 8 4, access_pages_id 16 4
TestAccessPages 72 68: size 0 4, op 4 4, id 8 4, flags 16 4, out_access_pages_id 20 4, iova 24 8, \
  length 32 8, uptr 40 8
TestAccessRw 72 68: size 0 4, op 4 4, id 8 4, iova 16 8, length 24 8, uptr 32 8, flags 40 4
TestSetTempMemoryLimit 72 68: size 0 4, op 4 4, id 8 4, limit 16 4
TestMockDomainReplace 72 68: size 0 4, op 4 4, id 8 4, pt_id 16 4
TestAccessReplaceIoas 72 68: size 0 4, op 4 4, id 8 4, ioas_id 16 4
TestMockDomainFlags 72 68: size 0 4, op 4 4, id 8 4, out_stdev_id 16 4, out_hwpt_id 20 4, \
  out_idev_id 24 4, dev_flags 28 4
TestDirty 72 68: size 0 4, op 4 4, id 8 4, flags 16 4, iova 24 8, length 32 8, page_size 40 8, \
  uptr 48 8, out_nr_dirty 56 8
TestMdCheckIotlb 72 68: size 0 4, op 4 4, id 8 4, id 16 4, iotlb 20 4
TestTriggerIopf 72 68: size 0 4, op 4 4, id 8 4, dev_id 16 4, pasid 20 4, grpid 24 4, perm 28 4, addr 32 8
TestDevCheckCache 72 68: size 0 4, op 4 4, id 8 4, id 16 4, cache 20 4
TestTriggerVevent 72 68: size 0 4, op 4 4, id 8 4, dev_id 16 4
TestPasidAttach 72 68: size 0 4, op 4 4, id 8 4, pasid 16 4, pt_id 20 4
TestPasidReplace 72 68: size 0 4, op 4 4, id 8 4, pasid 16 4, pt_id 20 4
TestPasidDetach 72 68: size 0 4, op 4 4, id 8 4, pasid 16 4
TestPasidCheckHwpt 72 68: size 0 4, op 4 4, id 8 4, pasid 16 4, hwpt_id 20 4
TestDmabufGet 72 68: size 0 4, op 4 4, id 8 4, length 16 4, open_flags 20 4
TestDmabufRevoke 72 68: size 0 4, op 4 4, id 8 4, dmabuf_fd 16 4, revoked 20 4
TestUnknownOp 72 68: size 0 4, op 4 4, id 8 4
iovaRange 16 16: start 0 8, last 8 8
hwptSelftest 8 4: iotlb 0 4, pagetable_type 4 4
hwptVtdS1 24 24: flags 0 8, pgtbl_addr 8 8, addr_width 16 4, __reserved 20 4
hwptArmSmmuv3 16 16: ste 0 16
selftestInvalidation 8 8: flags 0 4, iotlb_id 4 4
selftestViommuInvalidation 12 1: flags 0 4, vdev_id 4 4, cache_id 8 4
vtdS1Invalidation 24 24: addr 0 8, npages 8 8, flags 16 4, __reserved 20 4
armSmmuv3Invalidation 16 1: cmd 0 16
hwInfoSelftest 8 8: flags 0 4, test_reg 4 4
hwInfoVtd 24 24: flags 0 4, __reserved 4 4, cap_reg 8 8, ecap_reg 16 8
hwInfoArmSmmuv3 40 40: flags 0 4, __reserved 4 4, idr 8 24, iidr 32 4, aidr 36 4
hwInfoAmd 16 16: efr 0 8, efr2 8 8
viommuSelftest 24 8: in_data 0 4, out_data 4 4, out_mmap_offset 8 8, out_mmap_length 16 8
veventHeader 8 8: flags 0 4, sequence 4 4
veventSelftest 4 4: virt_id 0 4
faultRecord 40 40: flags 0 4, dev_id 4 4, pasid 8 4, grpid 12 4, perm 16 4, __reserved 20 4, addr 24 8, \
  length 32 4, cookie 36 4
faultResponse 8 8: cookie 0 4, code 4 4
vfioIommuInfo 24 16: argsz 0 4, flags 4 4, iova_pgsizes 8 8, cap_offset 16 4, pad 20 4
vfioDmaAvailCap 12 12: id 0 2, version 2 2, next 4 4, avail 8 4
vfioIovaRangeCap 16 16: id 0 2, version 2 2, next 4 4, nr_iovas 8 4, reserved 12 4
`
  .trim()
  .split('\n')
  .map((line) => line.replaceAll(/ +/g, ' '));

const described = Object.entries(allLayouts).map(([name, layout]) => {
  const fields = Object.values(layout.fields).map(([header, at, type]) => `${header} ${at} ${widthOf(type)}`);
  return `${name} ${layout.size} ${layout.minSize}: ${fields.join(', ')}`;
});

function viewOf(hex: string, bytes = 256): DataView {
  const view = new DataView(new ArrayBuffer(bytes));
  for (let i = 0; i < hex.length / 2; i++) view.setUint8(i, Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  return view;
}

describe('layouts', () => {
  it('are what the reference says, each of them', () => {
    expect(described.toSorted()).toEqual(published.toSorted());
  });

  it.each(Object.entries(allLayouts))('%s keeps its fields apart and inside the struct', (_, layout) => {
    let end = 0;
    for (const [, at, type] of Object.values(layout.fields)) {
      expect(at).toBeGreaterThanOrEqual(end);
      end = at + widthOf(type);
    }
    expect(end).toBeLessThanOrEqual(layout.size);
    expect(layout.minSize).toBeLessThanOrEqual(layout.size);
  });

  it('cover every byte, but for the test struct and the tail of VFIO_IOMMU_GET_INFO', () => {
    const partial = Object.entries(allLayouts).filter(
      ([, { size, fields }]) =>
        Object.values(fields).reduce((sum, [, , type]) => sum + widthOf(type), 0) < size,
    );
    expect(partial.map(([name]) => name).filter((name) => !name.startsWith('Test'))).toEqual([
      'VfioIommuGetInfo',
    ]);
  });

  it('do not compile with a field missing, of a wrong width class, or unknown', () => {
    const of = { type: 'Destroy', name: 'iommu_destroy', size: 8, minSize: 8 } as const;
    // @ts-expect-error: `id` is missing
    const missing: Layout<Destroy> = { ...of, fields: { size: ['size', 0, 'u32'] } };
    // @ts-expect-error: `id` is a number, so no u64
    const wide: Layout<Destroy> = { ...of, fields: { size: ['size', 0, 'u32'], id: ['id', 4, 'u64'] } };
    const fields = { size: ['size', 0, 'u32'], id: ['id', 4, 'u32'] } as const;
    // @ts-expect-error: a Destroy has no flags
    const unknown: Layout<Destroy> = { ...of, fields: { ...fields, flags: ['flags', 4, 'u32'] } };
    // @ts-expect-error: not the layout of an IoasAlloc
    const other: Layout<Destroy> = { ...of, type: 'IoasAlloc', fields };
    expect([missing, wide, unknown, other]).toHaveLength(4);
  });
});

describe('decoder', () => {
  it('reads a recorded IOMMU_IOAS_MAP', () => {
    const bytes = '2800000007000000010000000000000000d03f000020000000f00000000000000040960000000000';
    expect(commandDecoders.IoasMap(viewOf(bytes))).toEqual({
      type: 'IoasMap',
      size: 40,
      flags: 7,
      ioasId: 1,
      reserved: 0,
      userVa: 0x2000003fd000n,
      length: 0xf000n,
      iova: 0x964000n,
    });
  });

  it('reads the recorded registers of an Intel IOMMU', () => {
    const bytes = '010000000000000006062f228c00d2004a0ff08000490000';
    const expected = { flags: 1, reserved: 0, capReg: 0xd2008c222f0606n, ecapReg: 0x490080f00f4an };
    expect(decoder(hwInfoLayouts.hwInfoVtd)(viewOf(bytes))).toEqual(expected);
  });

  it('reads the recorded commands of an Arm IOMMU as arrays', () => {
    const decoded = decoder(invalidationLayouts.armSmmuv3Invalidation)(
      viewOf('23cd01c891961c000000000000000000'),
    );
    expect(decoded).toEqual({ cmd: [0x1c9691c801cd23n, 0n] });
  });

  it('reads a short struct as if zeros followed', () => {
    const hwpt = commandDecoders.HwptAlloc(viewOf('1800000001000000020000000300000000000000ff000000'));
    expect(hwpt).toMatchObject({ size: 24, reserved: 255, dataType: 0, dataUptr: 0n, reserved2: 0 });
  });

  it('tells signed descriptors from unsigned ids, and three reserved bytes from the byte before them', () => {
    const all = viewOf('ff'.repeat(80));
    expect(commandDecoders.IoasMapFile(all).fd).toBe(-1);
    expect(commandDecoders.TestDmabufRevoke(all).dmabufFd).toBe(-1);
    expect(commandDecoders.IoasMap(all)).toMatchObject({ ioasId: 0xffffffff, iova: 0xffffffffffffffffn });
    const info = viewOf(`${'00'.repeat(28)}14${'030201'}${'00'.repeat(8)}`);
    expect(commandDecoders.GetHwInfo(info)).toMatchObject({ outMaxPasidLog2: 0x14, reserved: 0x010203 });
  });
});

describe('encoder', () => {
  it('leaves the bytes alone that no field covers', () => {
    const view = viewOf('ff'.repeat(72));
    const encode = encoder(commandLayouts.TestMockDomain);
    encode({ ...commandDecoders.TestMockDomain(view), outStdevId: 2, outHwptId: 4, outIdevId: 3 }, view);
    expect(Buffer.from(view.buffer, 0, 72).toString('hex')).toBe(
      `${'ff'.repeat(16)}020000000400000003000000${'ff'.repeat(44)}`,
    );
  });
});

describe('fieldAt', () => {
  it('says where a field lies', () => {
    expect(fieldAt(commandLayouts.HwptAlloc, 'outHwptId')).toEqual({ offset: 16, width: 4 });
    expect(fieldAt(commandLayouts.Option, 'val64')).toEqual({ offset: 16, width: 8 });
    expect(fieldAt(commandLayouts.GetHwInfo, 'reserved')).toEqual({ offset: 29, width: 3 });
    expect(fieldAt(hwInfoLayouts.hwInfoArmSmmuv3, 'idr')).toEqual({ offset: 8, width: 24 });
  });
});

describe('resized', () => {
  it('gives the fields of one release the size of another', () => {
    const older = resized(commandLayouts.DeviceAttachIommufdPt, { size: 12, minSize: 12 });
    expect(older).toEqual({ ...commandLayouts.DeviceAttachIommufdPt, size: 12, minSize: 12 });
  });
});

const testCommandOf = (op: number, lastOp = Number.POSITIVE_INFINITY) => testEntry(op, lastOp).type;

describe('testEntry', () => {
  it('names the operations that a release knows', () => {
    expect(testCommandOf(1)).toBe('TestAddReserved');
    expect(testCommandOf(23)).toBe('TestDmabufRevoke');
    expect([0, 24, 0xffffffff].map((op) => testCommandOf(op))).toEqual(Array(3).fill('TestUnknownOp'));
    expect([15, 16].map((op) => testCommandOf(op, 15))).toEqual(['TestTriggerIopf', 'TestUnknownOp']);
  });
});
