/** Decider of IOMMU_GET_HW_INFO: driver data truncated or zero-filled, PASID width, capability bits. */
import type { GetHwInfo } from '../events/device-command.ts';
import { done, type Outcome, type Patch, refuse, refuseAfter } from '../events/outcome.ts';
import { canWrite } from './address-space.ts';
import { objectOf } from './objects.ts';
import { canRespond, type Site } from './site.ts';

const INPUT_TYPE = 1;
const PCI_ATS_NOT_SUPPORTED = 8n;

/** iommufd_get_hw_info(). */
export function decideGetHwInfo(site: Site, command: GetHwInfo): Outcome {
  const { context, kernel, platform } = site;
  const newer = kernel.has.has('hw-info-input-type');
  if (command.flags & ~(newer ? INPUT_TYPE : 0) || command.reserved !== 0) return refuse('hw-info/flags');
  if (!newer && command.outMaxPasidLog2 !== 0) return refuse('hw-info/flags');
  const device = objectOf(context, command.devId, 'device');
  if (device === undefined) return refuse('device/exists');
  const { traits } = device;
  if (traits.noIommu) return refuse('hw-info/no-iommu');
  const info = platform.driver.hwInfo(traits, command.flags & INPUT_TYPE ? command.inDataType : 0);
  if (info === undefined) return refuse('hw-info/type');
  const address = Number(command.dataUptr);
  const copied = Math.min(command.dataLen, info.bytes.length);
  if (!canWrite(site.space, address, copied) || (copied > 0 && address === 0)) return refuse('hw-info/data');
  const buffer: Patch[] = [{ at: 0, bytes: info.bytes.subarray(0, copied) }];
  const secret = Math.min(info.unknowable?.length ?? 0, copied - (info.unknowable?.at ?? 0));
  if (info.unknowable !== undefined && secret > 0) {
    buffer.push({ at: info.unknowable.at, bytes: new Uint8Array(secret), unknowable: true });
  }
  const tail = command.dataLen - copied;
  if (!canWrite(site.space, address + copied, tail))
    return refuseAfter('hw-info/data', [], undefined, buffer);
  if (tail > 0) buffer.push({ at: copied, bytes: new Uint8Array(Math.min(tail, site.second?.length ?? 0)) });
  if (!canRespond(site)) return refuseAfter('respond/fault', [], undefined, buffer);
  const capabilities =
    platform.driver.capabilities(traits) | (newer && !traits.ats ? PCI_ATS_NOT_SUPPORTED : 0n);
  const width = newer && traits.maxPasids > 0 ? 31 - Math.clz32(traits.maxPasids) : 0;
  return done(
    [],
    {
      dataLen: info.bytes.length,
      inDataType: info.type,
      outMaxPasidLog2: width,
      outCapabilities: capabilities,
    },
    buffer,
  );
}
