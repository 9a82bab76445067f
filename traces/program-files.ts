/** Files of a program that the model does not follow as descriptors: memfds, which MAP_FILE looks at. */
import { hex } from '../events/hex.ts';
import type { RecordedFile } from './recording.ts';

type Memfd = { ino: number; size: bigint; huge: boolean };

export class ProgramFiles {
  private readonly memfds = new Map<number, Memfd>();
  private nextInode = 1;

  clear(): void {
    this.memfds.clear();
    this.nextInode = 1;
  }

  /** A new file under this descriptor; answers its inode. */
  create(fd: number, size: bigint, huge: boolean): number {
    const ino = this.nextInode++;
    this.memfds.set(fd, { ino, size, huge });
    return ino;
  }

  /** Whether there was such a file. */
  close(fd: number): boolean {
    return this.memfds.delete(fd);
  }

  /** Answers the inode; undefined where the descriptor is none of ours. */
  truncate(fd: number, size: bigint): number | undefined {
    const file = this.memfds.get(fd);
    if (file !== undefined) file.size = size;
    return file?.ino;
  }

  inodeOf(fd: number): number | undefined {
    return this.memfds.get(fd)?.ino;
  }

  /** What the recorder would say of the descriptor. */
  factOf(fd: number): RecordedFile | undefined {
    const file = this.memfds.get(fd);
    if (file === undefined) return undefined;
    return { fd, ino: file.ino, size: hex(file.size), type: file.huge ? 'hugetlb' : 'memfd' };
  }
}
