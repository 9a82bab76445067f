import { describe, expect, it } from 'vitest';
import { getHwInfo } from './support/commands.ts';
import { bound, M, MP } from './support/fixtures.ts';
import { refusal } from './support/given.ts';
import { HOLE, MAPPED_BYTES, RO, RW } from './support/memory.ts';
import { mockDomainFlags } from './support/mock-commands.ts';
import { amdMachine, smmuMachine, VTD_CAP, VTD_ECAP, vtdMachine } from './support/platforms.ts';
import { refusals } from './support/refusals.ts';

const MOCK_DATA = '00000000efbeadde';
const reply = { dataLen: 8, inDataType: 0xfeed_beef, outMaxPasidLog2: 0, outCapabilities: 9n };
const wide = { second: new Uint8Array(64) };

refusals('GetHwInfo', { given: M, valid: getHwInfo() }, [
  [{ flags: 2 }, 'EOPNOTSUPP', 'hw-info/flags'],
  [{ reserved: 0x100 }, 'EOPNOTSUPP', 'hw-info/flags'],
  [{ devId: 1 }, 'ENOENT', 'device/exists'],
  [{ set: { flags: 1, inDataType: 1 } }, 'EOPNOTSUPP', 'hw-info/type'],
  [{ dataUptr: 0n }, 'EFAULT', 'hw-info/data'],
  [{ dataUptr: BigInt(RO) }, 'EFAULT', 'hw-info/data'],
  [{ by: { arg: RO } }, 'EFAULT', 'respond/fault'],
]);

describe('GetHwInfo', () => {
  it('tells what the mock is (device 82)', () => {
    expect(M().when(getHwInfo())).toEqual({ ...reply, bytes: [`0: ${MOCK_DATA}`] });
    expect(MP().when(getHwInfo())).toEqual({ ...reply, outMaxPasidLog2: 20, bytes: [`0: ${MOCK_DATA}`] });
  });
  it('writes as much as the buffer takes (device 83)', () => {
    expect(M().when(getHwInfo({ dataLen: 4 }))).toEqual({ ...reply, bytes: ['0: 00000000'] });
  });
  it('fills the rest of the buffer with zeros (device 84)', () => {
    const bytes = [`0: ${MOCK_DATA}`, '8: 0000000000000000'];
    expect(M().when(getHwInfo({ dataLen: 16 }), wide)).toEqual({ ...reply, bytes });
  });
  it('needs no buffer of length 0 (device 85)', () => {
    expect(M().when(getHwInfo({ dataLen: 0, dataUptr: 0n }))).toEqual({ ...reply, bytes: ['0: '] });
    expect(M().when(getHwInfo({ dataUptr: 0n }))).toEqual(refusal('hw-info/data', 'EFAULT'));
    expect(M().when(getHwInfo({ dataUptr: BigInt(HOLE), dataLen: 4 }))).toEqual(
      refusal('hw-info/data', 'EFAULT'),
    );
  });
  it('reads the type only with its flag (device 86)', () => {
    expect(M().when(getHwInfo({ flags: 1, inDataType: 1 }))).toEqual(refusal('hw-info/type', 'EOPNOTSUPP'));
    expect(M().when(getHwInfo({ inDataType: 1 }))).toMatchObject({ inDataType: 0xfeed_beef });
    expect(M().when(getHwInfo({ flags: 1, inDataType: 0xfeed_beef }))).toMatchObject(reply);
    expect(M().when(getHwInfo({ flags: 1 }))).toMatchObject(reply);
  });
  it('keeps what it wrote before the rest of the buffer faults', () => {
    const edge = BigInt(RW + MAPPED_BYTES - 8);
    const refused = refusal('hw-info/data', 'EFAULT', { bytes: [`0: ${MOCK_DATA}`] });
    expect(M().when(getHwInfo({ dataUptr: edge, dataLen: 16 }))).toEqual(refused);
    expect(M().when(getHwInfo({ dataUptr: edge }))).toMatchObject(reply);
  });
  it('keeps the data when the struct cannot be written', () => {
    const refused = refusal('respond/fault', 'EFAULT', { bytes: [`0: ${MOCK_DATA}`] });
    expect(M().when(getHwInfo(), { arg: RO })).toEqual(refused);
  });
  it('tells dirty tracking and the lack of ATS apart', () => {
    const plain = M().after(mockDomainFlags({ devFlags: 1 }));
    expect(plain.when(getHwInfo({ devId: 6 }))).toMatchObject({ outCapabilities: 8n });
  });
  it('of 6.12 knows neither the flag, nor PASIDs, nor ATS', () => {
    const old = M({ release: '6.12.117' });
    expect(old.when(getHwInfo())).toMatchObject({ outCapabilities: 1n, outMaxPasidLog2: 0 });
    expect(old.when(getHwInfo({ flags: 1 }))).toEqual(refusal('hw-info/flags', 'EOPNOTSUPP'));
    expect(old.when(getHwInfo({ outMaxPasidLog2: 1 }))).toEqual(refusal('hw-info/flags', 'EOPNOTSUPP'));
    expect(M().when(getHwInfo({ outMaxPasidLog2: 1 }))).toMatchObject(reply);
  });
  it('has nothing for a device without IOMMU (device 145)', () => {
    const world = bound(vtdMachine({ traits: { noIommu: true, reserved: [] } }));
    expect(world.when(getHwInfo({ devId: 1 }))).toEqual(refusal('hw-info/no-iommu', 'EOPNOTSUPP'));
  });
});

describe('GetHwInfo of real hardware', () => {
  const hex = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes.toString('hex');
  };
  const ask = (length: number) => getHwInfo({ devId: 1, dataLen: length });

  it.each([
    [undefined, 8n],
    [false, 8n],
    [true, 0n],
  ])('says that ATS is missing unless told that it is there (%s)', (ats, outCapabilities) => {
    expect(bound(vtdMachine({ traits: { ats } })).when(ask(24))).toMatchObject({ outCapabilities });
  });

  it('is cap and ecap behind VT-d, of which one byte is not known', () => {
    const bytes = [`0: 0100000000000000${hex(VTD_CAP)}${hex(VTD_ECAP)}`, '21: ??'];
    expect(bound().when(ask(24), wide)).toEqual({
      dataLen: 24,
      inDataType: 1,
      outMaxPasidLog2: 20,
      outCapabilities: 8n,
      bytes,
    });
    expect(bound().when(ask(22), wide)['bytes']).toHaveLength(2);
    expect(bound().when(ask(21), wide)['bytes']).toHaveLength(1);
    expect(bound().when(getHwInfo({ devId: 1, dataLen: 24, flags: 1, inDataType: 2 }))).toMatchObject({
      rule: 'hw-info/type',
    });
  });
  it('is the extended features behind AMD', () => {
    const answer = bound(amdMachine()).when(ask(16), wide);
    expect(answer).toMatchObject({ dataLen: 16, inDataType: 4, outMaxPasidLog2: 0 });
    expect(answer['bytes']).toEqual([`0: ${hex(0x25bf_7320_0002_20n)}${hex(0n)}`]);
  });
  it('is registers that nobody recorded behind SMMUv3', () => {
    const answer = bound(smmuMachine()).when(ask(40), wide);
    expect(answer).toMatchObject({ dataLen: 40, inDataType: 2 });
    expect(answer['bytes']).toEqual([`0: ${'00'.repeat(40)}`, `8: ${'??'.repeat(32)}`]);
    expect(bound(smmuMachine()).when(ask(10), wide)['bytes']).toEqual([`0: ${'00'.repeat(10)}`, '8: ????']);
  });
});
