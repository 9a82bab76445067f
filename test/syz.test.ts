import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allTestEntries, containerIoctls, deviceIoctls, nativeIoctls } from '../traces/ioctl-table.ts';
import type { IoctlStep, Program, Step } from '../traces/program.ts';
import { errnoNameOf, ProgramMachine } from '../traces/program-machine.ts';
import { fieldsOf } from '../traces/syz-fields.ts';
import { parseCall } from '../traces/syz-parse.ts';
import { looksLikeSyz, readSyz } from '../traces/syz-read.ts';
import { writeSyz } from '../traces/syz-write.ts';

/** What the calls of a text answer: the name of the errno, or the return value. */
function answersOf(text: string): (string | number)[] {
  const { program } = readSyz(text, 'test');
  const machine = new ProgramMachine(program.target);
  machine.start(program.memory);
  return program.steps.map((step) => {
    const outcome = machine.perform(step);
    return outcome.missing ?? errnoNameOf(outcome) ?? outcome.ret;
  });
}

function stepsOf(text: string): readonly Step[] {
  return readSyz(text, 'test').program.steps;
}

const OPEN = 'r0 = openat$iommufd(0xffffffffffffff9c, &(0x7f0000000000), 0x0, 0x0)';
const ALLOC = 'ioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &(0x7f0000000040)={0xc, 0x0, <r1=>0x0})';

describe('syzkaller text', () => {
  it('threads resources through calls', () => {
    const text = [
      OPEN,
      ALLOC,
      'ioctl$IOMMU_IOAS_MAP$PAGES(r0, 0x3b85, &(0x7f0000000080)={0x28, 0x6, r1, 0x0, &(0x7f0000ffc000/0x1000)=nil, 0x1000})',
      'ioctl$IOMMU_IOAS_UNMAP$ALL(r0, 0x3b86, &(0x7f00000000c0)={0x18, r1})',
      'ioctl$IOMMU_DESTROY$ioas(r0, 0x3b80, &(0x7f0000000100)={0x8, r1})',
      'ioctl$IOMMU_DESTROY$ioas(r0, 0x3b80, &(0x7f0000000100)={0x8, r1})',
    ].join('\n');
    expect(answersOf(text)).toEqual([0, 0, 0, 0, 0, 'ENOENT']);
  });

  it('takes ids across descriptors, where they mean something else', () => {
    const text = [
      OPEN,
      ALLOC,
      'r2 = openat$iommufd(0xffffffffffffff9c, &(0x7f0000000000), 0x0, 0x0)',
      'ioctl$IOMMU_DESTROY(r2, 0x3b80, &(0x7f0000000100)={0x8, r1})',
    ].join('\n');
    expect(answersOf(text)).toEqual([0, 0, 0, 'ENOENT']);
  });

  it('reads blobs with resources and pointers in them', () => {
    const [, , step] = stepsOf(
      [
        OPEN,
        ALLOC,
        'ioctl$IOMMU_IOAS_ALLOW_IOVAS(r0, 0x3b82, &(0x7f0000000200)=ANY=[@ANYBLOB="18000000", @ANYRES32=r1, @ANYBLOB="0100000000000000", @ANYPTR64=&(0x7f0000001000)="000000010000000000ffff0100000000"])',
      ].join('\n'),
    ) as [Step, Step, IoctlStep];
    expect(Buffer.from(step.bytes).toString('hex')).toBe('180000000000000001000000000000000010002000000000');
    expect(step.uses).toEqual([{ at: 4, width: 4, resource: 1 }]);
    expect(step.second?.address).toBe(0x2000_1000n);
  });

  it('keeps async, fail_nth and rerun, and finds a place for AUTO', () => {
    const [, step] = stepsOf(
      `${OPEN}\nioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &AUTO={0xc, 0x0, 0x0}) (async, fail_nth: 3, rerun: 64)`,
    ) as [Step, IoctlStep];
    expect(step.props).toEqual({ async: true, failNth: 3, rerun: 64 });
    expect(step.arg).toBe(0x2020_0000n);
  });

  it('skips and counts the calls of other subsystems', () => {
    const text = [
      '# a comment',
      'r0 = socket$nl_generic(0x10, 0x3, 0x10)',
      'r1 = openat$iommufd(0xffffffffffffff9c, &(0x7f0000000000), 0x0, 0x0)',
      "mount(&(0x7f0000000380)=@loop={'/dev/loop', 0x0}, &(0x7f0000000340)='./bus\\x00', 0x0, 0x2203000, 0x0)",
      'ioctl$FS_IOC_SETFLAGS(r0, 0x4c02, &(0x7f0000000140))',
      'close(r0)',
      'ioctl$IOMMU_IOAS_ALLOC(r1, 0x3b81, 0x0)',
    ].join('\n');
    expect(readSyz(text, 'test').skipped).toBe(4);
    expect(answersOf(text)).toEqual([0, 'EFAULT']);
  });

  it('knows what the descriptions of syzkaller leave unsaid', () => {
    const text = [
      OPEN,
      ALLOC,
      'ioctl$IOMMU_VFIO_IOAS$SET(r0, 0x3b88, &(0x7f0000000180)={0xc, r1})',
      'ioctl$IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS(r0, 0x3ba0, &(0x7f0000000200)={0x48})',
    ].join('\n');
    const steps = stepsOf(text) as IoctlStep[];
    expect(new DataView((steps[2] as IoctlStep).bytes.buffer).getUint16(8, true)).toBe(1);
    // Its description asks for MOCK_DOMAIN, operation 2.
    expect(new DataView((steps[3] as IoctlStep).bytes.buffer).getUint32(4, true)).toBe(2);
    expect(answersOf(text)).toEqual([0, 0, 0, 'ENOENT']);
  });

  it('fills what lies behind a struct that claims to be longer with the zeros of the data area', () => {
    const text = `${OPEN}\nioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &(0x7f0000000040)={0xd, 0x0, <r1=>0x0})`;
    expect(answersOf(text)).toEqual([0, 0]);
  });

  it('says where a text breaks, and what was expected', () => {
    expect(() => readSyz(`${OPEN}\nioctl$IOMMU_DESTROY(r0, 0x3b80, {`, 'broken.syz')).toThrow(
      /^broken\.syz:2: TRC020-bad-syzkaller-text: line 2, column 34: expected a value/,
    );
  });

  it('is told from a recording by its content', () => {
    expect(looksLikeSyz(`# comment\n${OPEN}\n`)).toBe(true);
    expect(looksLikeSyz('{"ev":"trace","format":"iommufd-rec"}\n')).toBe(false);
  });

  it('reads strings, escapes, groups, arrays, unions and arithmetic', () => {
    const call = parseCall(
      'r3 = f$x(&(0x7f0000000000)={@a=\'b\\x00\', [0x1, r2/0x2+0x3], "00ff", ""/28}, nil)',
      1,
    );
    expect(call.result).toBe('r3');
    expect(call.args[0]).toMatchObject({
      is: 'pointer',
      pointee: {
        is: 'group',
        items: [
          { is: 'union', option: 'a', value: { is: 'data', bytes: Uint8Array.of(98, 0) } },
          { is: 'array', items: [{ value: 1n }, { is: 'resource', name: 'r2', divide: 2n, add: 3n }] },
          { is: 'data', bytes: Uint8Array.of(0, 255) },
          { is: 'data', length: 28 },
        ],
      },
    });
  });

  it('keeps rights, memory and files as comments that syzkaller passes over', () => {
    const program: Program = {
      target: { kernel: '7.3.4', arch: 'x86_64', iommu: 'mock' },
      memory: [['0x1000', '0x2000', 'rw-s', 'shm', 7, '0x0']],
      steps: [
        { call: 'cred', uid: 1, memlock: '0x1000', capEff: '0x0', props: {} },
        { call: 'memory', memory: [], props: {} },
        { call: 'memfd', size: 0x1000n, huge: true, make: 0, props: {} },
        { call: 'ftruncate', fd: { resource: 0 }, size: 0n, props: {} },
      ],
    };
    const text = writeSyz(program);
    expect(readSyz(text, 'test').program).toEqual(program);
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toHaveLength(3);
  });
});

describe('the description file', () => {
  const text = readFileSync(new URL('../traces/iommufd.syz.txt', import.meta.url), 'utf8');
  const entries = [...nativeIoctls.values(), ...deviceIoctls.values(), ...allTestEntries().slice(1)];

  it('describes every ioctl and every operation of the mock', () => {
    const missing = entries.filter(({ name }) => !text.includes(`ioctl$${name}(`));
    expect(missing).toEqual([]);
    for (const { name } of containerIoctls.values()) expect(text).toContain(`ioctl$IOMMU_${name}(`);
    expect(nativeIoctls.size).toBe(22);
    expect(allTestEntries().length - 1).toBe(23);
  });

  it('lists the fields of each struct as the text of programs does', () => {
    for (const { name, layout, type } of entries) {
      const struct = new RegExp(`ioctl\\$${name}\\(.*, ([a-z_]+)\\]\\)`).exec(text)?.[1] ?? '';
      const body = new RegExp(`^${struct} \\{\\n([^}]*)\\}`, 'm').exec(text)?.[1] ?? '';
      expect([type, body.trim().split('\n').length]).toEqual([type, fieldsOf(layout).length]);
    }
  });

  it('describes page requests, events, device files and windows', () => {
    for (const call of [
      'read$iommufd_fault',
      'write$iommufd_fault',
      'read$iommufd_veventq',
      'openat$vfio_device',
      'mmap$IOMMUFD',
    ])
      expect(text).toContain(`${call}(`);
  });
});
