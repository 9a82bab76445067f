/** Which ioctl each event of QEMU tells of, and what of it. */
import * as numbers from '../../events/ioctl-number.ts';
import type { FdKind, Lacks } from '../recording.ts';
import { commandLayouts } from '../uapi/registry.ts';
import type { FieldValues } from './struct-bytes.ts';

const ENOENT = 2;
const FIXED_READABLE = 5;
const WRITEABLE = 2;
const PASID = 1;
const EVENTQ_DEPTH_LACKS = 16;

type CommandName = keyof typeof commandLayouts;

/** What one event says of an ioctl: its input, what it wrote back where that is known, its result. */
export type Told = Readonly<{
  command: number;
  type: CommandName;
  fd: bigint;
  kind: FdKind;
  size: number;
  given: FieldValues;
  /** Fields written back, all of them; undefined where some are not printed. */
  written: FieldValues | undefined;
  ret: bigint;
  lacks?: Lacks;
}>;

function native(
  type: CommandName,
  command: number,
  fd: bigint,
  ret: bigint,
  given: FieldValues,
  written: FieldValues | undefined,
): Told {
  return { command, type, fd, kind: 'iommufd', size: commandLayouts[type].size, given, written, ret };
}

function device(
  type: CommandName,
  command: number,
  fd: bigint,
  size: number,
  given: FieldValues,
  written: FieldValues | undefined,
): Told {
  return { command, type, fd, kind: 'vfio-dev', size, given, written, ret: 0n };
}

/** The ioctl that an event tells of, `named` the device that it names; undefined for events that are none. */
export function toldBy(event: string, at: (name: string) => bigint, named: bigint): Told | undefined {
  const fd = at('iommufd');
  const ret = at('ret');
  switch (event) {
    case 'iommufd_backend_alloc_ioas':
      return native('IoasAlloc', numbers.IOMMU_IOAS_ALLOC, fd, ret, {}, { outIoasId: at('ioas') });
    case 'iommufd_backend_map_dma':
      return native(
        'IoasMap',
        numbers.IOMMU_IOAS_MAP,
        fd,
        ret,
        {
          flags: FIXED_READABLE | (at('readonly') === 0n ? WRITEABLE : 0),
          ioasId: at('ioas'),
          userVa: at('addr'),
          length: at('size'),
          iova: at('iova'),
        },
        {},
      );
    case 'iommufd_backend_map_file_dma':
      return native(
        'IoasMapFile',
        numbers.IOMMU_IOAS_MAP_FILE,
        fd,
        ret,
        {
          flags: FIXED_READABLE | (at('readonly') === 0n ? WRITEABLE : 0),
          ioasId: at('ioas'),
          fd: at('file'),
          start: at('start'),
          length: at('size'),
          iova: at('iova'),
        },
        {},
      );
    case 'iommufd_backend_unmap_dma':
    case 'iommufd_backend_unmap_dma_non_exist': {
      const none = event.endsWith('non_exist');
      const given = { ioasId: at('ioas'), iova: at('iova'), length: at('size') };
      return native('IoasUnmap', numbers.IOMMU_IOAS_UNMAP, fd, none ? BigInt(ENOENT) : ret, given, undefined);
    }
    case 'iommufd_backend_alloc_hwpt': {
      const data = { dataType: at('type'), dataLen: at('len'), dataUptr: at('data') };
      const given = { flags: at('flags'), devId: at('device'), ptId: at('pt'), ...data };
      return native('HwptAlloc', numbers.IOMMU_HWPT_ALLOC, fd, ret, given, { outHwptId: at('hwpt') });
    }
    case 'iommufd_backend_free_id':
      return native('Destroy', numbers.IOMMU_DESTROY, fd, ret, { id: at('id') }, {});
    case 'iommufd_backend_set_dirty':
      return native(
        'HwptSetDirtyTracking',
        numbers.IOMMU_HWPT_SET_DIRTY_TRACKING,
        fd,
        ret,
        {
          hwptId: at('hwpt'),
          flags: at('enable'),
        },
        {},
      );
    case 'iommufd_backend_get_dirty_bitmap':
      return native(
        'HwptGetDirtyBitmap',
        numbers.IOMMU_HWPT_GET_DIRTY_BITMAP,
        fd,
        ret,
        {
          hwptId: at('hwpt'),
          flags: at('flags'),
          iova: at('iova'),
          length: at('size'),
          pageSize: at('page'),
        },
        {},
      );
    case 'iommufd_backend_invalidate_cache': {
      const array = { dataUptr: at('data'), dataType: at('type'), entryLen: at('len') };
      const given = { hwptId: at('id'), ...array, entryNum: at('count') };
      return native('HwptInvalidate', numbers.IOMMU_HWPT_INVALIDATE, fd, ret, given, {
        entryNum: at('handled'),
      });
    }
    case 'iommufd_change_process':
      return native(
        'IoasChangeProcess',
        numbers.IOMMU_IOAS_CHANGE_PROCESS,
        fd,
        at('done') === 1n ? 0n : -1n,
        {},
        {},
      );
    default:
      return virtualised(event, at) ?? deviceCall(event, at, named);
  }
}

function virtualised(event: string, at: (name: string) => bigint): Told | undefined {
  const fd = at('iommufd');
  const ret = at('ret');
  switch (event) {
    case 'iommufd_backend_alloc_viommu': {
      const data = { dataUptr: at('data'), dataLen: at('len') };
      const given = { viommuType: at('type'), devId: at('device'), hwptId: at('hwpt'), ...data };
      return native('ViommuAlloc', numbers.IOMMU_VIOMMU_ALLOC, fd, ret, given, { outViommuId: at('viommu') });
    }
    case 'iommufd_backend_alloc_vdev': {
      const given = { viommuId: at('viommu'), devId: at('device'), virtId: at('virtual') };
      return native('VdeviceAlloc', numbers.IOMMU_VDEVICE_ALLOC, fd, ret, given, {
        outVdeviceId: at('vdevice'),
      });
    }
    case 'iommufd_viommu_alloc_eventq': {
      // The depth of the queue is not printed.
      const given = { viommuId: at('viommu'), veventqType: at('type') };
      const written = { outVeventqId: at('queue'), outVeventqFd: at('fd') };
      const told = native('VeventqAlloc', numbers.IOMMU_VEVENTQ_ALLOC, fd, ret, given, written);
      return { ...told, lacks: { in: EVENTQ_DEPTH_LACKS } };
    }
    case 'iommufd_backend_alloc_hw_queue': {
      const range = { nestingParentIova: at('addr'), length: at('size') };
      const given = { viommuId: at('viommu'), hwQueueType: at('type'), index: at('index'), ...range };
      return native('HwQueueAlloc', numbers.IOMMU_HW_QUEUE_ALLOC, fd, ret, given, {
        outHwQueueId: at('queue'),
      });
    }
    default:
      return undefined;
  }
}

function deviceCall(event: string, at: (name: string) => bigint, named: bigint): Told | undefined {
  const fd = at('fd');
  switch (event) {
    case 'iommufd_cdev_connect_and_bind': {
      const bind = numbers.VFIO_DEVICE_BIND_IOMMUFD;
      return device(
        'DeviceBindIommufd',
        bind,
        fd,
        16,
        { iommufd: at('iommufd') },
        { outDevid: at('device') },
      );
    }
    case 'iommufd_cdev_attach_ioas_hwpt':
      return device(
        'DeviceAttachIommufdPt',
        numbers.VFIO_DEVICE_ATTACH_IOMMUFD_PT,
        fd,
        12,
        { ptId: at('pt') },
        undefined,
      );
    case 'iommufd_cdev_pasid_attach_ioas_hwpt': {
      const given = { flags: PASID, ptId: at('pt'), pasid: at('pasid') };
      return device('DeviceAttachIommufdPt', numbers.VFIO_DEVICE_ATTACH_IOMMUFD_PT, fd, 16, given, undefined);
    }
    case 'iommufd_cdev_detach_ioas_hwpt':
      return device('DeviceDetachIommufdPt', numbers.VFIO_DEVICE_DETACH_IOMMUFD_PT, named, 8, {}, {});
    case 'iommufd_cdev_pasid_detach_ioas_hwpt': {
      const given = { flags: PASID, pasid: at('pasid') };
      return device('DeviceDetachIommufdPt', numbers.VFIO_DEVICE_DETACH_IOMMUFD_PT, named, 12, given, {});
    }
    case 'iommufd_cdev_device_info':
      return device('DeviceGetInfo', numbers.VFIO_DEVICE_GET_INFO, fd, 24, {}, undefined);
    default:
      return undefined;
  }
}
