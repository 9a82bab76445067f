/** Facts about descriptors and the open files behind them. */

export type OpenedKind = 'iommufd' | 'vfio-container' | 'vfio-dev' | 'access' | 'fault' | 'eventq' | 'dmabuf';

export type FileEvent =
  | Readonly<{
      type: 'ContextOpened';
      pid: number;
      fd: number;
      path: string;
      kind: 'iommufd' | 'vfio-container';
    }>
  | Readonly<{ type: 'VfioDeviceOpened'; pid: number; fd: number; path: string }>
  /** An ioctl handed out a descriptor; fd is -1 where the recording does not tell the number. */
  | Readonly<{
      type: 'DescriptorIssued';
      pid: number;
      fd: number;
      kind: OpenedKind;
      context: number;
      id: number;
      length: bigint;
    }>
  | Readonly<{ type: 'DescriptorDuplicated'; pid: number; from: number; fd: number }>
  | Readonly<{ type: 'DescriptorClosed'; pid: number; fd: number }>
  /** The last reference to an open file went. */
  | Readonly<{ type: 'FileReleased'; file: number }>
  /** The recording shows that this process closes event queues without being seen. */
  | Readonly<{ type: 'UnseenCloseNoticed'; pid: number }>
  | Readonly<{ type: 'DmabufRevoked'; file: number; revoked: boolean }>
  /** mmap of the iommufd: the owner cannot be destroyed while it is mapped. */
  | Readonly<{
      type: 'WindowMapped';
      context: number;
      id: number;
      pid: number;
      address: number;
      length: number;
    }>
  | Readonly<{ type: 'InvariantBroken'; context: number; invariant: string }>;
