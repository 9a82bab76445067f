/** How QEMU's log backend prints the iommufd events, 8.1 to 11.1: a name may have several forms, because they drift. */

/** `{field:conversion}`; conversions are those of printf, `s` is a word. Spaces in a row count as one. */
export type QemuFormat = readonly [event: string, form: string];

export const QEMU_FORMATS: readonly QemuFormat[] = [
  ['iommufd_backend_connect', 'fd={fd:d} owned={owned:d} users={users:d}'],
  ['iommufd_backend_connect', 'fd={fd:d} owned={owned:d} users={users:d} ({ret:d})'],
  ['iommufd_backend_disconnect', 'fd={fd:d} users={users:d}'],
  ['iommu_backend_set_fd', 'pre-opened /dev/iommu fd={fd:d}'],
  ['iommufd_change_process', 'fd={iommufd:d} ({done:d})'],
  ['iommufd_backend_alloc_ioas', 'iommufd={iommufd:d} ioas={ioas:d}'],
  ['iommufd_backend_alloc_ioas', 'iommufd={iommufd:d} ioas={ioas:d} ({ret:d})'],
  [
    'iommufd_backend_map_dma',
    'iommufd={iommufd:d} ioas={ioas:d} iova=0x{iova:x} size=0x{size:x} addr={addr:p} readonly={readonly:d} ({ret:d})',
  ],
  [
    'iommufd_backend_map_file_dma',
    'iommufd={iommufd:d} ioas={ioas:d} iova=0x{iova:x} size=0x{size:x} fd={file:d} start={start:d} readonly={readonly:d} ({ret:d})',
  ],
  [
    'iommufd_backend_unmap_dma',
    'iommufd={iommufd:d} ioas={ioas:d} iova=0x{iova:x} size=0x{size:x} ({ret:d})',
  ],
  [
    'iommufd_backend_unmap_dma_non_exist',
    'Unmap nonexistent mapping: iommufd={iommufd:d} ioas={ioas:d} iova=0x{iova:x} size=0x{size:x} ({ret:d})',
  ],
  [
    'iommufd_backend_alloc_hwpt',
    'iommufd={iommufd:d} dev_id={device:d} pt_id={pt:d} flags=0x{flags:x} hwpt_type={type:d} len={len:d} data_ptr=0x{data:x} out_hwpt={hwpt:d} ({ret:d})',
  ],
  ['iommufd_backend_free_id', 'iommufd={iommufd:d} id={id:d} ({ret:d})'],
  ['iommufd_backend_set_dirty', 'iommufd={iommufd:d} hwpt={hwpt:d} enable={enable:d} ({ret:d})'],
  [
    'iommufd_backend_get_dirty_bitmap',
    'iommufd={iommufd:d} hwpt={hwpt:d} iova=0x{iova:x} size=0x{size:x} page_size=0x{page:x} ({ret:d})',
  ],
  [
    'iommufd_backend_get_dirty_bitmap',
    'iommufd={iommufd:d} hwpt={hwpt:d} iova=0x{iova:x} size=0x{size:x} flags=0x{flags:x} page_size=0x{page:x} ({ret:d})',
  ],
  [
    'iommufd_backend_invalidate_cache',
    'iommufd={iommufd:d} id={id:d} data_type={type:d} entry_len={len:d} entry_num={count:d} done_num={handled:d} data_ptr=0x{data:x} ({ret:d})',
  ],
  [
    'iommufd_backend_alloc_viommu',
    'iommufd={iommufd:d} type={type:d} dev_id={device:d} hwpt_id={hwpt:d} viommu_id={viommu:d} ({ret:d})',
  ],
  [
    'iommufd_backend_alloc_viommu',
    'iommufd={iommufd:d} type={type:d} dev_id={device:d} hwpt_id={hwpt:d} data_ptr=0x{data:x} data_len=0x{len:x} viommu_id={viommu:d} ({ret:d})',
  ],
  [
    'iommufd_backend_alloc_vdev',
    'iommufd={iommufd:d} dev_id={device:d} viommu_id={viommu:d} virt_id=0x{virtual:x} vdev_id={vdevice:d} ({ret:d})',
  ],
  [
    'iommufd_viommu_alloc_eventq',
    'iommufd={iommufd:d} viommu_id={viommu:d} type={type:d} veventq_id={queue:d} veventq_fd={fd:d} ({ret:d})',
  ],
  [
    'iommufd_backend_alloc_hw_queue',
    'iommufd={iommufd:d} viommu_id={viommu:d} queue_type={type:d} index={index:d} addr=0x{addr:x} size=0x{size:x} queue_id={queue:d} ({ret:d})',
  ],
  ['iommufd_cdev_getfd', '{path:s} (fd={fd:d})'],
  [
    'iommufd_cdev_connect_and_bind',
    '[iommufd={iommufd:d}] Successfully bound device {name:s} (fd={fd:d}): output devid={device:d}',
  ],
  [
    'iommufd_cdev_attach_ioas_hwpt',
    '[iommufd={iommufd:d}] Successfully attached device {name:s} ({fd:d}) to id={pt:d}',
  ],
  [
    'iommufd_cdev_pasid_attach_ioas_hwpt',
    '[iommufd={iommufd:d}] Successfully attached device {name:s} ({fd:d}) pasid {pasid:d} to id={pt:d}',
  ],
  ['iommufd_cdev_detach_ioas_hwpt', '[iommufd={iommufd:d}] Successfully detached {name:s}'],
  [
    'iommufd_cdev_pasid_detach_ioas_hwpt',
    '[iommufd={iommufd:d}] Successfully detached {name:s} pasid {pasid:d}',
  ],
  ['iommufd_cdev_device_info', '{name:s} ({fd:d}) num_irqs={irqs:d} num_regions={regions:d} flags={flags:d}'],
];

/** Events that say nothing of the kernel that the others do not say. */
export const QEMU_SILENT: ReadonlySet<string> = new Set([
  'iommufd_cdev_alloc_ioas',
  'iommufd_cdev_pci_hot_reset_dep_devices',
  'iommufd_cdev_fail_attach_existing_container',
  'iommufd_backend_viommu_mmap',
]);

/** Numbers are decimal, or hexadecimal where the form says `0x` or a pointer. */
export type QemuFields = Readonly<{
  numbers: Readonly<Record<string, bigint>>;
  words: Readonly<Record<string, string>>;
}>;

type Compiled = Readonly<{
  pattern: RegExp;
  fields: readonly (readonly [name: string, conversion: string])[];
}>;

const CONVERSIONS: Readonly<Record<string, string>> = {
  d: '(-?\\d{1,20})',
  x: '([0-9a-f]{1,16})',
  p: '((?:0x[0-9a-f]{1,16})|\\(nil\\))',
  s: '(\\S+)',
};

function compile(form: string): Compiled {
  const fields: (readonly [string, string])[] = [];
  const parts = form.split(/(\{\w+:\w\})/).map((part) => {
    const field = /^\{(\w+):(\w)\}$/.exec(part);
    if (field === null) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const [, name = '', conversion = ''] = field;
    fields.push([name, conversion]);
    return CONVERSIONS[conversion] ?? '';
  });
  return { pattern: new RegExp(`^${parts.join('')}$`), fields };
}

const compiled = new Map<string, Compiled[]>();
for (const [event, form] of QEMU_FORMATS) {
  const forms = compiled.get(event) ?? [];
  forms.push(compile(form));
  compiled.set(event, forms);
}

/** Whether an event of this name has a form at all. */
export function isQemuEvent(event: string): boolean {
  return compiled.has(event);
}

/** The fields of an event's text; undefined where none of its forms fits. */
export function qemuFields(event: string, text: string): QemuFields | undefined {
  const plain = text.trim().replace(/\s+/g, ' ');
  for (const { pattern, fields } of compiled.get(event) ?? []) {
    const found = pattern.exec(plain);
    if (found === null) continue;
    const numbers: Record<string, bigint> = {};
    const words: Record<string, string> = {};
    fields.forEach(([name, conversion], index) => {
      const value = found[index + 1] ?? '';
      if (conversion === 's') words[name] = value;
      else if (conversion === 'x') numbers[name] = BigInt(`0x${value}`);
      else numbers[name] = value === '(nil)' ? 0n : BigInt(value);
    });
    return { numbers, words };
  }
  return undefined;
}
