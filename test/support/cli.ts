/** The built command line as a child process, and recordings to give it. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROGRAM = fileURLToPath(new URL('../../dist/cli/ioasis.js', import.meta.url));
export const CORPUS = fileURLToPath(new URL('../../traces/corpus', import.meta.url));

export type Run = Readonly<{ status: number | null; stdout: string; stderr: string }>;

/** Runs `ioasis` to its end. */
export function ioasis(args: readonly string[], input = ''): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

/**
 * Starts `ioasis`, gives it `input` without closing its stdin, and interrupts it. Of an input that is larger than what a
 * pipe holds, the program has read a part by then; without one, it has run for `afterMs`.
 */
export function interrupted(args: readonly string[], input: string, afterMs = 0): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [PROGRAM, ...args]);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.write(input, () => setTimeout(() => child.kill('SIGINT'), afterMs));
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

const folder = mkdtempSync(join(tmpdir(), 'ioasis-'));

/** A file of this test run. */
export function fileWith(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

export const HEADER: Readonly<Record<string, unknown>> = {
  ev: 'trace',
  format: 'iommufd-rec',
  version: 2,
  kernel: '7.3.4',
  arch: 'x86_64',
  pageSize: 4096,
  program: 'test',
  iommu: 'selftest mock',
};

const who = { ns: 1, pid: 7, tid: 7 };
export const OPEN: Readonly<Record<string, unknown>> = {
  seq: 1,
  ...who,
  ev: 'open',
  path: '/dev/iommu',
  fd: 3,
};
export const IOAS_ALLOC: Readonly<Record<string, unknown>> = {
  seq: 2,
  ...who,
  ev: 'ioctl',
  fd: 3,
  kind: 'iommufd',
  req: '0x3b81',
  arg: '0x7ffd81a5ba54',
  in: '0c0000000000000000000000',
  ret: 0,
  out: '0c0000000000000001000000',
};

/** Lines of a recording, one JSON object each; strings stand as they are. */
export function recording(...lines: readonly (Readonly<Record<string, unknown>> | string)[]): string {
  return lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');
}
