/** System calls beside ioctl: what the open file makes of them. */
import { type Outcome, refuse } from '../events/outcome.ts';
import { decideFaultRead, decideFaultWrite } from '../machines/fault.ts';
import { mustBe } from '../machines/objects.ts';
import type { Site } from '../machines/site.ts';
import { decideVeventqRead } from '../machines/veventq.ts';
import { decideMmap } from '../machines/viommu.ts';
import type { OpenFile } from '../machines/world.ts';
import type { MmapLine, WriteLine } from './recording.ts';

/** read() of `length` bytes on an event queue, or on a file that has no read. */
export function decideRead(site: Site, file: OpenFile, length: number): Outcome {
  if (file.kind === 'fault')
    return decideFaultRead(site, mustBe(site.context, file.objectId, 'fault'), length, undefined);
  if (file.kind === 'eventq')
    return decideVeventqRead(site, mustBe(site.context, file.objectId, 'veventq'), length, undefined);
  return refuse('iommufd-file/read-write');
}

/** write() on a fault queue, or on a file that has none. */
export function decideWrite(site: Site, file: OpenFile, line: WriteLine): Outcome {
  if (file.kind === 'fault') {
    return decideFaultWrite(
      site,
      mustBe(site.context, file.objectId, 'fault'),
      line.len,
      Buffer.from(line.data, 'hex'),
    );
  }
  return refuse(file.kind === 'eventq' ? 'event-file/write' : 'iommufd-file/read-write');
}

/** mmap() of an iommufd. */
export function decideMapping(site: Site, line: MmapLine): Outcome {
  return decideMmap(site, {
    length: BigInt(line.len),
    prot: line.prot,
    flags: line.flags,
    offset: BigInt(line.off),
    address: Number(line.addr ?? 0),
  });
}
