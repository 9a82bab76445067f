/** The structs of commands as syzkaller text lists their fields, and what its named variants leave unsaid. */
import * as numbers from '../events/ioctl-number.ts';
import { U64_MAX } from '../events/u64.ts';
import { type FieldType, type StructLayout, widthOf } from './decode-struct.ts';
import {
  allTestEntries,
  containerIoctls,
  deviceIoctls,
  type IoctlEntry,
  nativeIoctls,
} from './ioctl-table.ts';
import type { IoctlStep } from './program.ts';

/** One field in the order of the text; `name` is that of the model, '' for one that the model does not name. */
export type SyzField = Readonly<{ name: string; at: number; width: number; type: FieldType }>;

const RESERVED: SyzField = { name: '', at: 12, width: 4, type: 'u32' };
const TEST_STRUCT = 'iommu_test_cmd';
const OP_OFFSET = 4;

const cache = new Map<StructLayout, readonly SyzField[]>();

/** The fields of a struct in the order of their offsets. */
export function fieldsOf(layout: StructLayout): readonly SyzField[] {
  let fields = cache.get(layout);
  if (fields === undefined) {
    const named = Object.entries(layout.fields).map(([name, [, at, type]]) => ({
      name,
      at,
      width: widthOf(type),
      type,
    }));
    fields = [...named, ...(layout.name === TEST_STRUCT ? [RESERVED] : [])].sort(
      (one, other) => one.at - other.at,
    );
    cache.set(layout, fields);
  }
  return fields;
}

/** Where syzkaller's own variants have the number of an area and an offset instead of an IOVA. */
const HALVED: Readonly<Record<string, string>> = {
  IOMMU_IOAS_COPY$syz: 'srcIova',
  IOMMU_TEST_OP_ACCESS_PAGES$syz: 'iova',
  IOMMU_TEST_OP_ACCESS_RW$syz: 'iova',
};

/** The fields under a variant's name. */
export function variantFields(layout: StructLayout, variant: string): readonly SyzField[] {
  const halved = HALVED[variant];
  if (halved === undefined) return fieldsOf(layout);
  return fieldsOf(layout).flatMap((field): SyzField[] =>
    field.name === halved
      ? [
          { name: '', at: field.at, width: 4, type: 'u32' },
          { name: '', at: field.at + 4, width: 4, type: 'u32' },
        ]
      : [field],
  );
}

/** Constants that syzkaller's descriptions fix; trailing ones are not written. */
const CONSTANTS: Readonly<Record<string, Readonly<Record<string, bigint>>>> = {
  IOMMU_IOAS_UNMAP$ALL: { length: U64_MAX },
  IOMMU_VFIO_IOAS$SET: { op: 1n },
  IOMMU_VFIO_IOAS$CLEAR: { op: 2n },
  IOMMU_OPTION$IOMMU_OPTION_HUGE_PAGES: { optionId: 1n },
  IOMMU_HWPT_ALLOC$TEST: { dataType: 0xdeadn },
};

/** What a field holds that the text leaves out. */
export function unsaid(variant: string, entry: IoctlEntry, field: string): bigint {
  const constant = CONSTANTS[variant]?.[field];
  if (constant !== undefined) return constant;
  if (field !== 'op' || entry.layout.name !== TEST_STRUCT) return 0n;
  // Its description of MOCK_DOMAIN_FLAGS asks for MOCK_DOMAIN.
  if (entry.type === 'TestMockDomainFlags') return BigInt(numbers.IOMMU_TEST_OP_MOCK_DOMAIN);
  return BigInt(Math.max(0, allTestEntries().indexOf(entry)));
}

const byName = new Map<string, IoctlEntry>();
for (const entry of [...nativeIoctls.values(), ...deviceIoctls.values(), ...allTestEntries()])
  byName.set(entry.name, entry);
for (const entry of containerIoctls.values()) byName.set(`IOMMU_${entry.name}`, entry);

/** The command of a call `ioctl$NAME` or `ioctl$NAME$VARIANT`. */
export function entryNamed(name: string): IoctlEntry | undefined {
  return byName.get(name);
}

/** The command that the bytes of a step mean on a descriptor of its kind, and what the call is named. */
export function callNameOf(
  step: Pick<IoctlStep, 'request' | 'bytes'>,
): { entry: IoctlEntry; name: string } | undefined {
  const { request, bytes } = step;
  const native = request === numbers.IOMMU_TEST_CMD ? testEntryOf(bytes) : nativeIoctls.get(request);
  const device = deviceIoctls.get(request);
  if (native !== undefined) return { entry: native, name: native.name };
  const container = containerIoctls.get(request);
  if (container !== undefined) return { entry: container, name: `IOMMU_${container.name}` };
  return device === undefined ? undefined : { entry: device, name: device.name };
}

function testEntryOf(bytes: Uint8Array): IoctlEntry | undefined {
  if (bytes.length < OP_OFFSET + 4) return undefined;
  const op = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(OP_OFFSET, true);
  return allTestEntries()[op] ?? allTestEntries()[0];
}
