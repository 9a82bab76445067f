/** Binary events of a trace.dat file, each by the format that the file brings, to what happened. */
import type { DatFile } from './dat-file.ts';
import type { DatEvent, DatField } from './dat-format.ts';
import type { ProbeFetch, SyscallArgs, Task } from './kernel-event.ts';
import { FOLLOWED_CALLS } from './syscall-text.ts';
import type { CaptureSink } from './text-reader.ts';

const WORD = 8;
const MARK = 'ioasis: ';
/** Fields of any event that are not its own. */
const COMMON = /^(common_|__syscall_nr$|__probe_)/;

/** Says what happened; false where the event is damaged. `at` and `length` are its place in the page. */
export type EventHandler = (page: Buffer, at: number, length: number, task: Task, ns: number) => boolean;

/** What to do with each kind of event; kinds without an entry are of no interest. */
export function eventHandlers(dat: DatFile, sink: CaptureSink): ReadonlyMap<number, EventHandler> {
  const handlers = new Map<number, EventHandler>();
  for (const event of dat.events.values()) {
    const handler = handlerOf(dat, event, sink);
    if (handler !== undefined) handlers.set(event.id, handler);
  }
  return handlers;
}

function handlerOf(dat: DatFile, event: DatEvent, sink: CaptureSink): EventHandler | undefined {
  const { name, system, fields } = event;
  if (system === 'syscalls' && name.startsWith('sys_enter_')) return entryHandler(event, sink);
  if (system === 'syscalls' && name.startsWith('sys_exit_')) return exitHandler(event, sink);
  if (fields.has('__probe_ip') || fields.has('__probe_func')) return probeHandler(dat, event, sink);
  switch (name) {
    case 'sched_process_fork':
    case 'task_newtask':
      return cloneHandler(event, sink);
    case 'sched_process_exit':
      return (_page, _at, _length, task, ns) => {
        sink.calls().ended(task, ns);
        return true;
      };
    case 'sched_process_exec':
      return (_page, _at, _length, task, ns) => {
        sink.calls().executed(task, ns);
        return true;
      };
    case 'print':
      return printHandler(event, sink);
    default:
      return undefined;
  }
}

/** An unsigned number in hexadecimal digits. */
function hexOf(page: Buffer, at: number, size: number): string {
  switch (size) {
    case 8: {
      const high = page.readUInt32LE(at + 4);
      const low = page.readUInt32LE(at);
      return high === 0 ? low.toString(16) : high.toString(16) + low.toString(16).padStart(8, '0');
    }
    case 4:
      return page.readUInt32LE(at).toString(16);
    case 2:
      return page.readUInt16LE(at).toString(16);
    default:
      return page.readUInt8(at).toString(16);
  }
}

function entryHandler({ name, fields, least }: DatEvent, sink: CaptureSink): EventHandler | undefined {
  const call = name.slice('sys_enter_'.length);
  if (!FOLLOWED_CALLS.has(call)) return undefined;
  const numbers = [...fields].filter(
    ([field, { size }]) => !COMMON.test(field) && size <= WORD && !field.startsWith('__'),
  );
  const text = fields.get('__filename_val');
  return (page, at, length, task, ns) => {
    if (length < least) return false;
    const args: Record<string, string> = {};
    for (const [field, { offset, size }] of numbers) args[field] = hexOf(page, at + offset, size);
    if (text !== undefined) {
      const path = dataText(page, at, length, text);
      if (path === undefined) return false;
      args['filename'] = path;
    }
    sink.calls().enter(task, ns, call, args satisfies SyscallArgs);
    return true;
  };
}

/** Text that stands behind the fixed fields: its offset in the low half of a word, its length in the high half. */
function dataText(page: Buffer, at: number, length: number, { offset }: DatField): string | undefined {
  const place = page.readUInt32LE(at + offset);
  const from = place & 0xffff;
  const to = from + (place >>> 16);
  if (to > length) return undefined;
  return page.toString('latin1', at + from, at + to).replace(/\0.*$/s, '');
}

function exitHandler({ name, fields, least }: DatEvent, sink: CaptureSink): EventHandler | undefined {
  const call = name.slice('sys_exit_'.length);
  const ret = fields.get('ret');
  if (!FOLLOWED_CALLS.has(call) || ret === undefined) return undefined;
  return (page, at, length, task, ns) => {
    if (length < least) return false;
    sink.calls().exit(task, ns, call, hexOf(page, at + ret.offset, ret.size));
    return true;
  };
}

/** Where the words of the struct stand, one after another. */
function wordOffsets(fields: ReadonlyMap<string, DatField>, prefix: string): number[] {
  const offsets: number[] = [];
  for (let word = 0; ; word += WORD) {
    const field = fields.get(`${prefix}${word}`);
    if (field?.size !== WORD) return offsets;
    offsets.push(field.offset);
  }
}

function wordsAt(page: Buffer, at: number, offsets: readonly number[]): string {
  const [first] = offsets;
  if (first === undefined) return '';
  if (offsets.at(-1) === first + (offsets.length - 1) * WORD)
    return page.toString('hex', at + first, at + first + offsets.length * WORD);
  return offsets.map((offset) => page.toString('hex', at + offset, at + offset + WORD)).join('');
}

const KINDS: Readonly<Record<string, ProbeFetch['kind']>> = {
  iommufd_fops_ioctl: 'iommufd',
  vfio_device_fops_unl_ioctl: 'vfio-dev',
};

function probeHandler(dat: DatFile, event: DatEvent, sink: CaptureSink): EventHandler | undefined {
  const { fields, least } = event;
  const returns = fields.has('__probe_ret_ip');
  const place = fields.get('__probe_func') ?? fields.get('__probe_ip');
  const command = fields.get('cmd');
  const ret = fields.get('ret');
  if (place === undefined) return undefined;
  const functionAt = (page: Buffer, at: number): string | undefined =>
    dat.symbols.nameAt(page.readBigUInt64LE(at + place.offset));
  const path = fields.get('path');
  const second = wordOffsets(fields, 'p');
  const target = fields.get('ptr');
  if (second.length > 0 && target !== undefined) {
    return (page, at, length, task) => {
      if (length < least) return false;
      const pointer = hexOf(page, at + target.offset, target.size);
      sink.calls().probeSecond(task, { pointer, words: wordsAt(page, at, second) }, returns);
      return true;
    };
  }
  if (command === undefined && !(returns && event.name.endsWith('_exit'))) {
    return (page, at, length, task) => {
      if (length < least) return false;
      const opened = path === undefined ? undefined : dataText(page, at, length, path);
      if (opened !== undefined) sink.calls().probeOpen(task, opened);
      else if (functionAt(page, at) === 'iommufd_fops_open') sink.calls().probeOpen(task, '/dev/iommu');
      return true;
    };
  }
  const pointer = fields.get('uptr');
  const words = wordOffsets(fields, 'w');
  return (page, at, length, task, ns) => {
    if (length < least) return false;
    const fetch: ProbeFetch = {
      kind: KINDS[functionAt(page, at) ?? ''],
      command: command === undefined ? undefined : page.readUInt32LE(at + command.offset),
      pointer: pointer === undefined ? '' : hexOf(page, at + pointer.offset, pointer.size),
      words: wordsAt(page, at, words),
    };
    if (!returns) sink.calls().probeEntry(task, ns, fetch);
    else if (ret === undefined) return false;
    else sink.calls().probeReturn(task, ns, fetch, page.readInt32LE(at + ret.offset));
    return true;
  };
}

function cloneHandler({ name, fields, least }: DatEvent, sink: CaptureSink): EventHandler | undefined {
  const child = fields.get(name === 'task_newtask' ? 'pid' : 'child_pid');
  const flags = fields.get('clone_flags');
  if (child === undefined) return undefined;
  return (page, at, length, task, ns) => {
    if (length < least) return false;
    const tid = page.readInt32LE(at + child.offset);
    const calls = sink.calls();
    if (flags !== undefined) calls.cloned(task, ns, tid, task.comm, page.readUInt32LE(at + flags.offset));
    else if (calls.tasks.known(tid) === undefined) calls.cloned(task, ns, tid, task.comm, 0);
    return true;
  };
}

function printHandler({ fields }: DatEvent, sink: CaptureSink): EventHandler | undefined {
  const text = fields.get('buf');
  if (text === undefined) return undefined;
  return (page, at, length) => {
    const words = page.toString('utf8', at + text.offset, at + length).replace(/\0.*$/s, '');
    const from = words.indexOf(MARK);
    if (from >= 0) sink.note(words.slice(from + MARK.length).trimEnd());
    return true;
  };
}
