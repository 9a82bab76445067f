/** C definitions of the structs that a program needs: those of the uapi headers where these are new enough, our own otherwise. */
import { hex } from '../events/hex.ts';
import { type FieldType, type StructLayout, widthOf } from './decode-struct.ts';
import type { IoctlEntry } from './ioctl-table.ts';

const TEST_STRUCT = 'iommu_test_cmd';

/**
 * The macro whose presence proves that a header has the struct as the model knows it; the command's own macro where nothing is
 * said. '' stands for structs that are no part of the uapi headers, or not as a whole.
 */
const PROOF: Readonly<Record<string, string>> = {
  iommu_hwpt_alloc: 'IOMMU_FAULT_QUEUE_ALLOC',
  iommu_hw_info: 'IOMMU_HW_QUEUE_ALLOC',
  iommu_viommu_alloc: 'IOMMU_HW_QUEUE_ALLOC',
  vfio_device_bind_iommufd: 'VFIO_DEVICE_BIND_FLAG_TOKEN',
  vfio_device_attach_iommufd_pt: 'VFIO_DEVICE_ATTACH_PASID',
  vfio_device_detach_iommufd_pt: 'VFIO_DEVICE_DETACH_PASID',
  vfio_device_info: '',
  vfio_iommu_type1_info: '',
  [TEST_STRUCT]: '',
};

const C_TYPES: Readonly<Record<string, string>> = {
  u8: '__u8',
  u16: '__u16',
  u32: '__u32',
  s32: '__s32',
  u64: '__aligned_u64',
};

/** The name of the struct in the generated file. */
export function structName({ layout, type }: IoctlEntry): string {
  if (layout.name !== TEST_STRUCT) return `ioasis_${layout.name}`;
  return `ioasis_${snake(type)}`;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '_'}${letter.toLowerCase()}`);
}

/** The C member of a field of the model. */
export function memberName(layout: StructLayout, field: string): string {
  const header = layout.fields[field]?.[0] ?? field;
  const first = Object.entries(layout.fields).find(([, [name]]) => name === header)?.[0];
  return first === field ? header : snake(field);
}

function member(type: FieldType, name: string): string {
  return type === 'u24' ? `\t__u8 ${name}[3];` : `\t${C_TYPES[type] ?? '__u8'} ${name};`;
}

function bodyOf(layout: StructLayout): string[] {
  const lines: string[] = [];
  const fields = Object.entries(layout.fields).sort(([, one], [, other]) => one[1] - other[1]);
  let at = 0;
  const pad = (to: number) => {
    if (to > at) lines.push(`\t__u8 pad_${at}[${to - at}];`);
  };
  for (const [field, [, offset, type]] of fields) {
    pad(offset);
    lines.push(member(type, memberName(layout, field)));
    at = offset + widthOf(type);
  }
  pad(layout.size);
  return lines;
}

/** The definition, and a check that it holds all bytes that the program gives: a later kernel's struct may be longer. */
export function structDefinition(entry: IoctlEntry): string {
  const { layout, name: macro } = entry;
  const name = structName(entry);
  const own = [`struct ${name} {`, ...bodyOf(layout), '};'];
  const proof = PROOF[layout.name] ?? macro;
  const lines =
    proof === '' ? own : [`#ifdef ${proof}`, `#define ${name} ${layout.name}`, '#else', ...own, '#endif'];
  const check = `_Static_assert(sizeof(struct ${name}) >= ${layout.size}, "size of struct ${layout.name}");`;
  return [...lines, check].join('\n');
}

/** The request number under its name, for headers that do not have it. To follow all structs: their proofs are such names. */
export function requestDefinition(entry: IoctlEntry): string {
  const macro = requestName(entry);
  return [`#ifndef ${macro}`, `#define ${macro} ${hex(entry.number)}`, '#endif'].join('\n');
}

/** The request's name in C. */
export function requestName({ name, layout }: IoctlEntry): string {
  return layout.name === TEST_STRUCT ? 'IOMMU_TEST_CMD' : name;
}
