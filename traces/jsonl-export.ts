/** A program as a recording: run on the model, with every result that the model predicts. */

import { ERRNO, type ErrnoName } from '../events/errno.ts';
import { hex } from '../events/hex.ts';
import type { Outcome } from '../events/outcome.ts';
import { openFileAt } from '../machines/world.ts';
import { bytesRead, type HexPattern, secondAfter, structAfter } from './prediction.ts';
import type { MmapStep, Program, ReadStep, Step, WriteStep } from './program.ts';
import { errnoNameOf, ProgramMachine } from './program-machine.ts';
import { PID } from './program-site.ts';
import { headerOf } from './program-target.ts';
import type { FdKind, RecordedLine } from './recording.ts';

/** Told of each step, its outcome, and the machine that it ran on. */
export type OnStep = (step: Step, outcome: Outcome, machine: ProgramMachine) => void;

/** The lines of the recording. Results are those of the model; what nobody can know is left out. */
export function recordingOf(program: Program, onStep: OnStep = () => {}): RecordedLine[] {
  const writer = new Writer(program);
  for (const step of program.steps) writer.step(step, onStep);
  return writer.finish();
}

/** The text of the recording. */
export function writeJsonl(program: Program): string {
  return recordingOf(program)
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

class Writer {
  private readonly lines: RecordedLine[] = [];
  private readonly machine: ProgramMachine;
  private seq = 0;
  private told: unknown;

  constructor(program: Program) {
    this.machine = new ProgramMachine(program.target);
    this.machine.start(program.memory);
    this.lines.push(headerOf(program.target));
    this.lines.push({ ...this.call(), ev: 'cred', uid: 0, memlock: '0x800000', capEff: '0x1ffffffffff' });
    this.tellMemory();
  }

  finish(): RecordedLine[] {
    this.lines.push({ ...this.call(), ev: 'exit' });
    return this.lines;
  }

  step(step: Step, onStep: OnStep): void {
    const { machine } = this;
    const fd = 'fd' in step ? machine.descriptor(step.fd) : -1;
    const kind = this.kindOf(fd);
    const outcome = machine.perform(step);
    onStep(step, outcome, machine);
    this.tell(step, outcome, fd, kind);
    if (machine.memory !== this.told) this.tellMemory();
  }

  private call() {
    this.seq++;
    return { seq: this.seq, ns: this.seq * 1000, pid: PID, tid: PID };
  }

  private kindOf(fd: number): FdKind {
    const { world } = this.machine;
    return openFileAt(world, world.processes.get(PID), fd)?.kind ?? 'iommufd';
  }

  private tellMemory(): void {
    this.told = this.machine.memory;
    this.lines.push({ ...this.call(), ev: 'vmas', vmas: this.machine.memory });
  }

  private tell(step: Step, outcome: Outcome, fd: number, kind: FdKind): void {
    switch (step.call) {
      case 'open':
        this.lines.push({ ...this.call(), ev: 'open', path: step.path, fd: this.machine.newFd });
        return;
      case 'close':
        this.lines.push({ ...this.call(), ev: 'close', fd, kind, ...resultOf(outcome) });
        return;
      case 'dup': {
        const result = outcome.ret < 0 ? resultOf(outcome) : { ret: this.machine.newFd };
        this.lines.push({ ...this.call(), ev: 'dup', fd, kind, ...result });
        return;
      }
      case 'cred': {
        const { uid, memlock, capEff } = step;
        this.lines.push({ ...this.call(), ev: 'cred', uid, memlock, capEff });
        return;
      }
      case 'ftruncate':
        this.tellTruncate(step.size, fd);
        return;
      case 'read':
      case 'write':
        this.tellQueue(step, outcome, fd, kind);
        return;
      case 'mmap':
        this.tellMmap(step, outcome, fd, kind);
        return;
      case 'ioctl':
        this.tellIoctl(step, outcome, fd, kind);
        return;
      default:
    }
  }

  private tellQueue(step: ReadStep | WriteStep, outcome: Outcome, fd: number, kind: FdKind): void {
    const call = { ...this.call(), fd, kind, len: step.length, ...resultOf(outcome) };
    const read = bytesRead(outcome);
    if (step.call === 'write')
      this.lines.push({ ...call, ev: 'write', data: Buffer.from(step.bytes).toString('hex') });
    else this.lines.push({ ...call, ev: 'read', ...(read === undefined ? {} : { data: read }) });
  }

  private tellMmap(step: MmapStep, outcome: Outcome, fd: number, kind: FdKind): void {
    const { errno } = resultOf(outcome);
    const failed = { addr: '0xffffffffffffffff' } as const;
    const result = errno === undefined ? { addr: hex(step.address) } : { ...failed, errno };
    const { prot, flags, length, offset } = step;
    const asked = { len: hex(length), prot, flags, off: hex(offset) };
    this.lines.push({ ...this.call(), ev: 'mmap', fd, kind, ...asked, ...result });
  }

  private tellTruncate(size: bigint, fd: number): void {
    const ino = this.machine.files.inodeOf(fd);
    if (ino !== undefined)
      this.lines.push({ ...this.call(), ev: 'ftruncate', fd, ino, size: hex(size), ret: 0 });
  }

  private tellIoctl(
    step: Extract<Step, { call: 'ioctl' }>,
    outcome: Outcome,
    fd: number,
    kind: FdKind,
  ): void {
    const { machine } = this;
    const { site, entry, newFd, file } = machine;
    const { struct, second } = site;
    const limit = entry === undefined ? 0 : site.structLength;
    const known = outcome.missing === undefined;
    const out = known ? filled(structAfter(outcome, entry?.layout, struct, limit), newFd) : undefined;
    const ptrOut = known && second !== undefined ? secondAfter(outcome, second, undefined) : undefined;
    this.lines.push({
      ...this.call(),
      ev: 'ioctl',
      fd,
      kind,
      req: hex(step.request),
      arg: hex(step.arg),
      in: struct.bytes.toString('hex', 0, step.bytes.length),
      ...(known ? resultOf(outcome) : {}),
      ...(out === undefined ? {} : { out }),
      ...(step.second === undefined ? {} : secondOf(step.second)),
      ...(ptrOut === undefined ? {} : { ptrOut: ptrOut.replaceAll('??', '00') }),
      ...(file === undefined ? {} : { file }),
      ...(newFd < 0 ? {} : { nextFd: newFd }),
    });
  }
}

function secondOf({ address, bytes }: { address: bigint; bytes: Uint8Array }) {
  return { ptr: hex(address), ptrIn: Buffer.from(bytes).toString('hex') };
}

/** The only bytes that nobody can foretell in a struct of the mock are descriptors, and the machine chose those itself. */
function filled(pattern: HexPattern | undefined, fd: number): string | undefined {
  if (pattern === undefined) return undefined;
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(fd);
  return pattern.replace('????????', bytes.toString('hex')).replaceAll('??', '00');
}

function resultOf(outcome: Outcome): { ret: number; errno?: number } {
  const name = errnoNameOf(outcome);
  return name === undefined ? { ret: outcome.ret } : { ret: -1, errno: ERRNO[name as ErrnoName] };
}
