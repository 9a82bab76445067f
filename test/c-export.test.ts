import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { IOMMU_IOAS_MAP } from '../events/ioctl-number.ts';
import { writeC } from '../traces/c-export.ts';
import { widthOf } from '../traces/decode-struct.ts';
import { fuzzChunk } from '../traces/fuzz.ts';
import {
  allTestEntries,
  containerIoctls,
  deviceIoctls,
  type IoctlEntry,
  nativeIoctls,
} from '../traces/ioctl-table.ts';
import { ioctlStep, NO_PROPS, type Program, type Step } from '../traces/program.ts';
import { canonical } from '../traces/program-canonical.ts';
import { anonymous, FUZZ_MEMORY, STRUCT_START, STRUCT_STRIDE } from '../traces/program-memory.ts';
import { targetOf } from '../traces/program-target.ts';
import type { Vma } from '../traces/recording.ts';
import { recordedKernel, WRAPPED } from './support/recorded-kernel.ts';

const FLAGS = ['-Wall', '-Wextra', '-Werror'];
const folders: string[] = [];
const compiler = process.platform === 'linux' && spawnSync('cc', ['--version']).error === undefined;

function compile(
  context: TestContext,
  sources: Readonly<Record<string, string>>,
  ...flags: string[]
): string {
  if (!compiler) context.skip('there is no C compiler for Linux here');
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-c-'));
  folders.push(folder);
  const files = Object.entries(sources).map(([name, text]) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  });
  const { status, stderr } = spawnSync('cc', [...FLAGS, ...flags, '-o', join(folder, 'test'), ...files], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return join(folder, 'test');
}

/** A struct of this command in which every byte that has a name is another one. */
function patterned({ layout, type }: IoctlEntry): Uint8Array {
  const bytes = new Uint8Array(layout.size);
  for (const [, at, fieldType] of Object.values(layout.fields)) {
    if (fieldType === 'u24') continue;
    for (let byte = at; byte < at + widthOf(fieldType); byte++) bytes[byte] = byte + 1;
  }
  const view = new DataView(bytes.buffer);
  view.setUint32(0, layout.size, true);
  if (type.startsWith('Test'))
    view.setUint32(
      4,
      allTestEntries().findIndex((entry) => entry.type === type),
      true,
    );
  return bytes;
}

/** Every command once. */
function everyCommand(): Program {
  const native = [...nativeIoctls.values(), ...containerIoctls.values(), ...allTestEntries()];
  const opens: Step[] = [
    { call: 'open', path: '/dev/iommu', make: 0, props: NO_PROPS },
    { call: 'open', path: '/dev/vfio/devices/vfio0', make: 1, props: NO_PROPS },
  ];
  const ioctls = [
    ...native.map((entry) => ({ entry, resource: 0 })),
    ...[...deviceIoctls.values()].map((entry) => ({ entry, resource: 1 })),
  ].map(({ entry, resource }, index) =>
    ioctlStep({ resource }, entry.number, BigInt(STRUCT_START + index * STRUCT_STRIDE), patterned(entry)),
  );
  return { target: targetOf('7.3.4', 'intel-vtd'), memory: FUZZ_MEMORY, steps: [...opens, ...ioctls] };
}

/** What a test process can do itself: no huge pages, no failing allocations. */
function playable({ steps }: Program): boolean {
  return steps.every((step) => !(step.call === 'memfd' && step.huge) && step.props.failNth === undefined);
}

function fuzzed(iommu: string, runs: number): Program[] {
  const target = targetOf('7.3.4', iommu);
  const { pioneers } = fuzzChunk({ target, seed: 1, commands: 30, wrong: 0.25 }, 0, runs);
  return pioneers.map((steps) => canonical({ target, memory: FUZZ_MEMORY, steps })).filter(playable);
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

describe('an exported C test', () => {
  const programs: Program[] = [];
  beforeAll(() => {
    programs.push(everyCommand(), ...fuzzed('mock', 60), ...fuzzed('intel-vtd', 30));
  });

  it('makes the calls of the program, and passes where the kernel answers as the model', (context) => {
    const wrap = WRAPPED.map((name) => `-Wl,--wrap=${name}`);
    const sources = { 'test.c': writeC(programs, 'test'), 'kernel.c': recordedKernel(programs) };
    const { stdout, status } = spawnSync(compile(context, sources, ...wrap), { encoding: 'utf8' });
    const lines = stdout.split('\n');
    expect(lines.filter((line) => /^(STRAY|not ok)/.test(line))).toEqual([]);
    const passed = lines.filter((line) => line.startsWith('ok '));
    expect(lines.slice(0, 2)).toEqual(['TAP version 13', `1..${passed.length}`]);
    expect(passed.map((line) => Number(line.split(' ')[1]))).toEqual(passed.map((_, index) => index + 1));
    expect(passed.length).toBeGreaterThan(1000);
    expect(status).toBe(0);
  });

  it('is skipped where there is no iommufd', (context) => {
    if (existsSync('/dev/iommu')) context.skip('there is one');
    const { stdout, status } = spawnSync(compile(context, { 'test.c': writeC([everyCommand()], 'test') }), {
      encoding: 'utf8',
    });
    expect([stdout, status]).toEqual(['1..0 # SKIP no /dev/iommu\n', 4]);
  });

  it('fills the struct of every command by its names', () => {
    expect(writeC([everyCommand()], 'test')).not.toContain('char cmd[');
  });

  it('maps and unmaps what the memory of the recorded process gained and lost', () => {
    const first = anonymous(0x10_0000, 0x10_4000);
    const second = anonymous(0x20_0000, 0x20_1000, 'r--p');
    const map = (userVa: bigint, length: bigint) => {
      const bytes = new Uint8Array(40);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, bytes.length, true);
      view.setBigUint64(16, userVa, true);
      view.setBigUint64(24, length, true);
      return ioctlStep({ resource: 0 }, IOMMU_IOAS_MAP, BigInt(STRUCT_START), bytes);
    };
    const becomes = (...memory: Vma[]): Step => ({ call: 'memory', memory, props: NO_PROPS });
    const steps = [
      map(0x10_0000n, 0x2000n),
      becomes(anonymous(0x10_1000, 0x10_4000), second, anonymous(0x30_0000, 0x30_1000)),
      map(0x1f_f000n, 0x2000n),
      becomes(second),
    ];
    const text = writeC([{ target: targetOf('7.3.4', 'mock'), memory: [first], steps }], 'test');
    const changes = text.split('static void program_1')[1]?.match(/(map_at|munmap)\(.*(?=\);)/g);
    expect(changes?.slice(1).filter((line) => !line.includes('0x20000000'))).toEqual([
      'map_at(0x100000UL, 0x4000UL, PROT_READ | PROT_WRITE',
      'munmap((void *)0x100000UL, 0x1000UL',
      'map_at(0x200000UL, 0x1000UL, PROT_READ',
      'munmap((void *)0x101000UL, 0x3000UL',
    ]);
  });

  it('needs root, the files that it opens, and the mock where it commands one', () => {
    const [mocked] = fuzzed('mock', 30);
    if (mocked === undefined) throw new Error('no program');
    expect(writeC([everyCommand()], 'test')).toContain(
      'need("/dev/vfio/devices/vfio0");\n\tif (geteuid() != 0)',
    );
    expect(writeC([everyCommand()], 'test')).not.toContain('need_mock');
    expect(writeC([mocked], 'test')).toContain('\tneed_mock();');
  });
});
