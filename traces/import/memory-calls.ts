/** What the system calls of memory management change in the address space of a process. */
import type { Process, SystemCall } from './kernel-event.ts';
import { signedReturn } from './memory-order.ts';

/** `-4095 … -1` are errnos. */
function failed(ret: string): boolean {
  const value = signedReturn(ret);
  return ret.length === 16 && value < 0 && value >= -4095;
}

/** `ret` is what the call returned, in hexadecimal digits. */
export function followMemory(process: Process, { name, args, ioctl }: SystemCall, ret: string): void {
  if (ioctl !== undefined || failed(ret)) return;
  const { memory } = process;
  const number = (key: string): number => Number.parseInt(args[key] ?? '0', 16);
  const result = Number.parseInt(ret, 16);
  switch (name) {
    case 'mmap': {
      const fd = number('fd') | 0;
      const path = process.fds.has(fd) ? '/dev/iommu' : process.paths.get(fd);
      memory.mapped(result, number('len'), number('prot'), number('flags'), path, number('off'));
      return;
    }
    case 'munmap':
      memory.unmapped(number('addr'), number('len'));
      return;
    case 'mprotect':
      memory.protectedAs(number('start'), number('len'), number('prot'));
      return;
    case 'mremap':
      memory.moved(number('addr'), number('old_len'), result, number('new_len'));
      return;
    case 'brk':
      memory.heapEnds(result);
      return;
  }
}
