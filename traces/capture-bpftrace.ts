/** What bpftrace is told to record. */
import { STRUCT_WORDS, WORD_BYTES } from './capture-probes.ts';

const BPF_WORDS = Array.from({ length: STRUCT_WORDS }, (_, index) => index * WORD_BYTES);
const BPF_FORMAT = BPF_WORDS.map((at) => ` w${at}=0x%lx`).join('');

function bpfWords(pointer: string): string {
  return BPF_WORDS.map((at) => `*(uint64 *)uptr(${pointer} + ${at})`).join(', ');
}

/** Lines in the form of tracefs text, so that one reader reads both. */
export function bpftraceProgram(): string {
  const at = (name: string, format: string, values: string): string =>
    `printf("%s-%d (%d) [%03d] ..... %llu.%09llu: ${name}: ${format}\\n", comm, tid, pid, cpu, nsecs / 1000000000, nsecs % 1000000000${values});`;
  const handlers = [
    ['iommufd', 'iommufd_fops_ioctl'],
    ['vfio', 'vfio_device_fops_unl_ioctl'],
  ].map(
    ([name, symbol]) => `kprobe:${symbol} {
	@cmd[tid] = arg1; @uptr[tid] = arg2;
	${at(`${name}_enter`, `(${symbol}+0x0/0x0) cmd=0x%x uptr=0x%lx${BPF_FORMAT}`, `, (uint32)arg1, arg2, ${bpfWords('arg2')}`)}
}
kretprobe:${symbol} /@uptr[tid]/ {
	$p = @uptr[tid];
	${at(`${name}_exit`, `(ret <- ${symbol}) cmd=0x%x ret=%ld${BPF_FORMAT}`, `, (uint32)@cmd[tid], (int64)retval, ${bpfWords('$p')}`)}
	delete(@cmd[tid]); delete(@uptr[tid]);
}`,
  );
  const enter = (call: string, args: readonly string[]): string =>
    `tracepoint:syscalls:sys_enter_${call}${call === 'ioctl' ? ' /(args->cmd >> 8) == 0x3b/' : ''} { ${at(
      `sys_enter_${call}`,
      args.map((name) => (name === 'filename' ? 'filename: 0x0 \\"%s\\"' : `${name}: 0x%lx`)).join(', '),
      args
        .map((name) => (name === 'filename' ? ', str(args->filename)' : `, (uint64)args->${name}`))
        .join(''),
    )} }`;
  const exit = (call: string): string =>
    `tracepoint:syscalls:sys_exit_${call} { ${at(`sys_exit_${call}`, '0x%lx', ', (uint64)args->ret')} }`;
  const traced: readonly (readonly [string, readonly string[]])[] = [
    ['ioctl', ['fd', 'cmd', 'arg']],
    ['openat', ['dfd', 'filename', 'flags']],
    ['close', ['fd']],
    ['dup', ['fildes']],
    ['dup2', ['oldfd', 'newfd']],
    ['dup3', ['oldfd', 'newfd']],
    ['fcntl', ['fd', 'cmd', 'arg']],
    ['mmap', ['addr', 'len', 'prot', 'flags', 'fd', 'off']],
    ['munmap', ['addr', 'len']],
    ['mprotect', ['start', 'len', 'prot']],
    ['mremap', ['addr', 'old_len', 'new_len']],
    ['brk', ['brk']],
  ];
  return [
    ...handlers,
    ...traced.flatMap(([call, args]) => [enter(call, args), exit(call)]),
    `tracepoint:task:task_newtask { ${at('task_newtask', 'pid=%d comm=%s clone_flags=%lx', ', args->pid, args->comm, args->clone_flags')} }`,
    `tracepoint:sched:sched_process_exit { ${at('sched_process_exit', 'pid=%d', ', args->pid')} }`,
    `tracepoint:sched:sched_process_exec { ${at('sched_process_exec', 'pid=%d', ', args->pid')} }`,
  ].join('\n');
}
