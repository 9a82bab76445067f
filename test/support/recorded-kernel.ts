/** C that stands in for the kernel under an exported test: it wants the calls of the recordings, and answers as these do. */
import { recordingOf } from '../../traces/jsonl-export.ts';
import type { Program } from '../../traces/program.ts';

/** The calls that the linker sends here: `-Wl,--wrap=NAME`. */
export const WRAPPED = ['access', 'geteuid', 'ioctl', 'mmap', 'open', 'read', 'write'];

const NO_BYTES = '0, 0';

function bytes(text: string | undefined): string {
  if (text === undefined || text === '') return NO_BYTES;
  const list = text.match(/../g) ?? [];
  return `${list.length}, (const unsigned char[]){ ${list.map((byte) => `0x${byte}`).join(', ')} }`;
}

/** One row for each call that reaches the kernel: name, fd, request, argument, bytes in, result, errno, bytes out, new descriptor. */
function rowsOf(program: Program): string[] {
  const issued: number[] = [];
  const lines = recordingOf(program, (step, _outcome, machine) => {
    if (step.call === 'ioctl') issued.push(machine.newFd);
  });
  return lines.flatMap((line): string[] => {
    switch (line.ev) {
      case 'ioctl': {
        const out = line.out === line.in ? undefined : line.out;
        const asked = `'i', ${line.fd}, ${line.req}, ${line.arg}UL, ${bytes(line.in)}`;
        return [`{ ${asked}, ${line.ret ?? 0}, ${line.errno ?? 0}, ${bytes(out)}, ${issued.shift()} }`];
      }
      case 'read':
      case 'write': {
        const sent = bytes(line.ev === 'write' ? line.data : '');
        const asked = `'${line.ev[0]}', ${line.fd}, 0, ${line.len}, ${sent}`;
        return [`{ ${asked}, ${line.ret ?? 0}, ${line.errno ?? 0}, ${NO_BYTES}, -1 }`];
      }
      case 'mmap':
        return [`{ 'm', ${line.fd}, 0, ${line.len}, ${NO_BYTES}, 0, ${line.errno ?? 0}, ${NO_BYTES}, -1 }`];
      default:
        return [];
    }
  });
}

/** To be linked with the exported test of these programs. It speaks up where a call is another one than was recorded. */
export function recordedKernel(programs: readonly Program[]): string {
  return KERNEL.replace('ANSWERS', programs.flatMap(rowsOf).join(',\n'));
}

const KERNEL = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct answer {
	int call, fd;
	unsigned long request, arg;
	int in_length;
	const unsigned char *in;
	long ret;
	int error, out_length;
	const unsigned char *out;
	int issued;
} answers[] = {
ANSWERS
};

int __real_open(const char *path, int flags);
void *__real_mmap(void *start, size_t length, int prot, int flags, int fd, off_t offset);

static unsigned int *next;
static pid_t parent;

__attribute__((constructor)) static void begin(void)
{
	next = __real_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	parent = getpid();
}

static const struct answer *take(int call, int fd, unsigned long request, unsigned long arg, const void *in)
{
	unsigned int at = (*next)++;
	const struct answer *answer = &answers[at];

	if (at >= sizeof(answers) / sizeof(answers[0])) {
		printf("STRAY call beyond the recording\\n");
		_exit(9);
	}
	if (call != answer->call || fd != answer->fd || request != answer->request || arg != answer->arg)
		printf("STRAY %u: %c(%d, 0x%lx, 0x%lx), recorded %c(%d, 0x%lx, 0x%lx)\\n", at, call, fd, request, arg,
		       answer->call, answer->fd, answer->request, answer->arg);
	else if (answer->in && memcmp(in, answer->in, answer->in_length))
		printf("STRAY %u: bytes of request 0x%lx\\n", at, request);
	errno = answer->error;
	return answer;
}

int __wrap_access(const char *path, int mode)
{
	return (void)path, (void)mode, 0;
}

uid_t __wrap_geteuid(void)
{
	return 0;
}

int __wrap_open(const char *path, int flags)
{
	return __real_open("/dev/null", flags + 0 * *path);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	const struct answer *answer;
	unsigned long arg;
	va_list rest;

	va_start(rest, request);
	arg = va_arg(rest, unsigned long);
	va_end(rest);
	if (getpid() == parent)
		return 0;
	answer = take('i', fd, request, arg, (const void *)arg);
	if (answer->out)
		memcpy((void *)arg, answer->out, answer->out_length);
	if (answer->issued >= 0 && dup(0) != answer->issued)
		printf("STRAY descriptor\\n");
	errno = answer->error;
	return (int)answer->ret;
}

ssize_t __wrap_read(int fd, void *to, size_t length)
{
	return take('r', fd, 0, length, to)->ret;
}

ssize_t __wrap_write(int fd, const void *from, size_t length)
{
	return take('w', fd, 0, length, from)->ret;
}

void *__wrap_mmap(void *start, size_t length, int prot, int flags, int fd, off_t offset)
{
	if (flags & MAP_ANONYMOUS)
		return __real_mmap(start, length, prot, flags, fd, offset);
	if (take('m', fd, 0, length, NULL)->error)
		return MAP_FAILED;
	return __real_mmap(start, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
`;
