import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  captureProbes,
  SECOND_WORDS,
  STRUCT_WORDS,
  secondGroups,
  WORD_BYTES,
} from '../traces/capture-probes.ts';
import { type CaptureVariant, captureScript } from '../traces/capture-script.ts';
import { pointerOffset, SECOND_BUFFERS } from '../traces/capture-second.ts';
import { nativeIoctls } from '../traces/ioctl-table.ts';
import { commandLayouts } from '../traces/uapi/registry.ts';
import { ioctlsOf, linesOf } from './support/captures.ts';

const VARIANTS: readonly CaptureVariant[] = ['tracefs', 'trace-cmd', 'bpftrace'];
const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

let folder = '';
const scripts = new Map<CaptureVariant, string>();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ioasis-capture-'));
  for (const variant of VARIANTS) {
    const path = join(folder, `${variant}.sh`);
    writeFileSync(path, captureScript({ variant, bufferKiB: 1024 }));
    scripts.set(variant, path);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(variant: CaptureVariant, ...args: string[]) {
  return spawnSync('sh', [scripts.get(variant) as string, ...args], { encoding: 'utf8' });
}

describe('the capture script', () => {
  it.each(VARIANTS)('for %s is shell that a POSIX shell reads', (variant) => {
    expect(spawnSync('sh', ['-n', scripts.get(variant) as string]).status).toBe(0);
  });

  it.skipIf(!hasShellcheck).each(VARIANTS)(
    'for %s passes shellcheck (skipped where it is not installed)',
    (variant) => {
      const { stdout, status } = spawnSync('shellcheck', ['-s', 'sh', scripts.get(variant) as string], {
        encoding: 'utf8',
      });
      expect(stdout).toBe('');
      expect(status).toBe(0);
    },
  );

  it.each(['tracefs', 'trace-cmd'] as const)('for %s prints the exact probes in its dry run', (variant) => {
    const { stdout, status } = run(variant, '-n');
    expect(status).toBe(0);
    const printed = stdout.split('\n').filter((line) => /^[pr]:/.test(line));
    expect(printed).toEqual(captureProbes().map(({ definition }) => definition));
  });

  it('tells the kernel of the machine in its dry run', () => {
    const { stdout } = run('tracefs', '-n');
    const note = /^ioasis: trace (\{.*\})$/m.exec(stdout)?.[1];
    expect(JSON.parse(note ?? '')).toMatchObject({
      kernel: expect.any(String),
      arch: expect.any(String),
      pageSize: 4096,
    });
  });

  it('refuses a process that is no number, with status 2', () => {
    expect(run('tracefs', '-p', 'qemu')).toMatchObject({
      status: 2,
      stderr: 'capture: -p wants a number, not qemu\n',
    });
  });

  it('explains itself', () => {
    const { stderr, status } = run('tracefs', '-h');
    expect(stderr).toMatch(/^Records what programs do with iommufd/);
    expect(status).toBe(2);
  });
});

/** `name=+uOFFSET(…)` of a definition, by name. */
function fetches(definition: string): Map<string, string> {
  return new Map(
    [...definition.matchAll(/ (\w+)=(\S+)/g)].map(([, name, value]) => [name as string, value as string]),
  );
}

describe('the probes', () => {
  it('fetch each word of a struct at its own offset, and reach behind every struct of the codec', () => {
    for (const { definition, name } of captureProbes().filter(({ name }) => /^(iommufd|vfio)_/.test(name))) {
      const found = fetches(definition);
      for (let at = 0; at < STRUCT_WORDS * WORD_BYTES; at += WORD_BYTES)
        expect(found.get(`w${at}`), name).toBe(`+u${at}($arg3):x64`);
    }
    for (const { size, name } of Object.values(commandLayouts))
      expect(size, name).toBeLessThanOrEqual(STRUCT_WORDS * WORD_BYTES);
  });

  it.each(SECOND_BUFFERS.map((second) => [second.type, second] as const))(
    'fetch what %s points to',
    (type, second) => {
      const fields: Readonly<Record<string, readonly [string, number, string]>> = commandLayouts[type].fields;
      const [, offset, width] = fields[second.pointer] as readonly [string, number, string];
      expect(width).toBe('u64');
      expect(pointerOffset(second)).toBe(offset);
      expect(nativeIoctls.get(second.command)?.type).toBe(type);
      expect(secondGroups().get(offset)).toContain(second.command);
      for (const phase of ['enter', 'exit']) {
        const probe = captureProbes().find(({ name }) => name === `second${offset}_${phase}`);
        const found = fetches(probe?.definition ?? '');
        expect(found.get('ptr')).toBe(`+u${offset}($arg3):x64`);
        for (let at = 0; at < SECOND_WORDS * WORD_BYTES; at += WORD_BYTES)
          expect(found.get(`p${at}`)).toBe(`+u${at}(+u${offset}($arg3)):x64`);
        expect(probe?.filter).toContain(`cmd==0x${second.command.toString(16)}`);
      }
    },
  );

  it('reach every pointer of the native commands', () => {
    for (const { type, layout } of nativeIoctls.values()) {
      if (type.startsWith('Test')) continue;
      const pointers = Object.entries(layout.fields).filter(([name]) =>
        /(Uptr|allowedIovas|^data)$/.test(name),
      );
      const known = SECOND_BUFFERS.filter((second) => second.type === type).map(({ pointer }) => pointer);
      expect(
        pointers.map(([name]) => name),
        type,
      ).toEqual(known);
    }
  });

  it('stay within what the kernel takes: 128 fields, events of 3072 bytes', () => {
    for (const { definition } of captureProbes()) {
      const count = fetches(definition).size;
      expect(count).toBeLessThanOrEqual(128);
      expect(count * WORD_BYTES).toBeLessThan(3000);
    }
  });
});

const event = (second: number, rest: string): string => `vmm-7  (7) [000] ..... ${second}.000001: ${rest}\n`;
const NOTES =
  event(
    0,
    'tracing_mark_write: ioasis: trace {"kernel":"6.12.117","arch":"x86_64","pageSize":4096,"iommu":"intel-iommu","cap":"0xd2008c222f0606","ecap":"0x490080f00f4a"}',
  ) +
  event(
    0,
    'tracing_mark_write: ioasis: device {"path":"/dev/vfio/devices/vfio0","bdf":"0000:01:00.0","group":8,"members":["0000:01:00.0"],"reserved":[["0x00000000fee00000","0x00000000feefffff","msi"]]}',
  ) +
  event(
    0,
    'tracing_mark_write: ioasis: cred {"pid":7,"uid":1000,"memlock":"unlimited","capEff":"0x0000000000000000"}',
  );
const OPENED =
  event(1, 'sys_openat(dfd: ffffff9c, filename: 7ffd, flags: 2, mode: 0)') +
  event(1, 'open_path: (do_sys_openat2+0x0/0x90) path="/dev/iommu"') +
  event(1, 'sys_openat -> 0x4');
const handler = (name: string, fields: string): string =>
  name.endsWith('exit')
    ? `${name}: (__x64_sys_ioctl+0x73b/0x76c <- iommufd_fops_ioctl) ${fields}`
    : `${name}: (iommufd_fops_ioctl+0x4/0x166) ${fields}`;
const STRUCT = 'w0=0x100000020 w8=0x1 w16=0x9000 w24=0x0';
const RANGES =
  event(2, 'sys_ioctl(fd: 4, cmd: 0x3b84, arg: 0x7000)') +
  event(2, handler('iommufd_enter', `cmd=0x3b84 uptr=0x7000 ${STRUCT}`)) +
  event(2, handler('second16_enter', 'cmd=0x3b84 ptr=0x9000 p0=0x0 p8=0x0 p16=0x77')) +
  event(3, handler('second16_exit', 'cmd=0x3b84 ptr=0x9000 p0=0x1000 p8=0xffff p16=0x77')) +
  event(3, handler('iommufd_exit', 'cmd=0x3b84 ret=0 w0=0x100000020 w8=0x1 w16=0x9000 w24=0x1000')) +
  event(3, 'sys_ioctl -> 0x0');

describe('what the script records', () => {
  it('begins with the machine, its devices and the rights of the process', () => {
    const [header, cred, open] = linesOf(NOTES + OPENED);
    expect(header).toMatchObject({
      ev: 'trace',
      kernel: '6.12.117',
      iommu: 'intel-iommu',
      machine: {
        driver: 'intel-iommu',
        ecap: '0x490080f00f4a',
        devices: [{ bdf: '0000:01:00.0', group: 8 }],
      },
      assumed: ['memory'],
    });
    expect(cred).toMatchObject({
      ev: 'cred',
      pid: 7,
      uid: 1000,
      memlock: '0xffffffffffffffff',
      capEff: '0x0000000000000000',
    });
    expect(open).toMatchObject({ ev: 'open', path: '/dev/iommu', fd: 4 });
  });

  it('has the second buffer before and after the call, as long as the struct says', () => {
    const [line] = ioctlsOf(linesOf(NOTES + OPENED + RANGES));
    expect(line).toMatchObject({
      ptr: '0x9000',
      ptrIn: '00'.repeat(16),
      ptrOut: '0010000000000000ffff000000000000',
    });
    expect(line?.lacks).toBeUndefined();
  });

  it('lacks the second buffer after the call, and the struct, on kernels before 6.9', () => {
    const old = RANGES.split('\n')
      .filter((line) => !line.includes('second16_exit'))
      .join('\n');
    const bare = old.replace(/ret=0 w0=.*/, 'ret=0').replace('cmd=0x3b84 ret=0', 'ret=0');
    const [line] = ioctlsOf(linesOf(NOTES + OPENED + bare));
    expect(line).toMatchObject({ ret: 0, ptrIn: '00'.repeat(16), lacks: { out: true, secondOut: true } });
  });

  it('is read from bpftrace as from tracefs', () => {
    const { stdout } = run('bpftrace', '-n');
    const formats = [...stdout.matchAll(/printf\("((?:[^"\\]|\\.)*)"/g)].map(
      ([, format]) => format as string,
    );
    /** One line of the program, its conversions filled in one after another. */
    const printed = (name: string, ...values: string[]): string => {
      const format = formats.find((one) => one.includes(`: ${name}: `)) ?? '';
      const given = ['vmm', '7', '7', '001', '2', '000000500', ...values];
      return format
        .replace(/%(?:0\d)?(?:ll|l)?[udxs]/g, () => given.shift() ?? '0')
        .replaceAll('\\"', '"')
        .replace('\\n', '\n');
    };
    const text =
      'Attaching 24 probes...\n' +
      printed('sys_enter_openat', '0', '/dev/iommu', '2') +
      printed('sys_exit_openat', '4') +
      printed('sys_enter_ioctl', '4', '3b81', '7000') +
      printed('iommufd_enter', '3b81', '7000', 'c') +
      'Lost 12 events\n' +
      printed('sys_enter_ioctl', '4', '3b81', '7000') +
      printed('iommufd_enter', '3b81', '7000', 'c') +
      printed('iommufd_exit', '3b81', '0', 'c', '1') +
      printed('sys_exit_ioctl', '0');
    const lines = linesOf(text);
    expect(lines.map(({ ev }) => ev)).toEqual(['trace', 'open', 'ioctl', 'lost', 'ioctl']);
    expect(lines[3]).toMatchObject({ count: 12 });
    expect(lines[4]).toMatchObject({
      ns: 2_000_000_500,
      pid: 7,
      fd: 4,
      in: '0c0000000000000000000000',
      out: '0c0000000000000001000000',
    });
  });
});
