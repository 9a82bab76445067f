/** The fixed part of generated C tests: memory, rights, fault injection, TAP output as kselftest reads it. */
import { hex } from '../events/hex.ts';
import { IOMMU_TEST_CMD, IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT } from '../events/ioctl-number.ts';
import { ARENA_LENGTH, ARENA_START, READ_ONLY_LENGTH, READ_ONLY_START } from './program-memory.ts';

/** Bytes: the temporary memory of the mock as the module comes up. */
const MEMORY_LIMIT_DEFAULT = 65536;

export const C_HEADERS = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/types.h>
#ifdef __has_include
#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#endif
#if __has_include(<linux/vfio.h>)
#include <linux/vfio.h>
#endif
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
`;

export const C_HELPERS = `
enum { KSFT_PASS = 0, KSFT_FAIL = 1, KSFT_SKIP = 4 };

/* Calls without a predicted result. */
#define ANY_RESULT (-4096)

static int failures;

/* Whether a value of the call at hand is not as predicted. */
static int differs;

static inline void skip_all(const char *why, const char *what)
{
	printf("1..0 # SKIP %s%s\\n", why, what);
	exit(KSFT_SKIP);
}

static inline void need(const char *path)
{
	if (access(path, R_OK | W_OK))
		skip_all(errno == ENOENT ? "no " : "no access to ", path);
}

/* Call number, what it was, its result, the result and errno that the model predicts. */
static inline void expect(int number, const char *name, long got, long ret, int error)
{
	int found = got == -1 ? errno : 0;
	int right = ret == ANY_RESULT || (error ? got == -1 && found == error : got == ret);
	int good = right && !differs;

	printf("%s %d %s", good ? "ok" : "not ok", number, name);
	if (!right)
		printf(" # expected %ld (%s), got %ld (%s)", error ? -1L : ret,
		       error ? strerror(error) : "success", got, found ? strerror(found) : "success");
	printf("\\n");
	fflush(stdout);
	failures += !good;
	differs = 0;
}

/* A value that the kernel wrote back, looked at before the result of the call. */
static inline void same(const char *name, __u64 got, __u64 want)
{
	int error = errno;

	if (got == want)
		return;
	printf("# %s is %llu, expected %llu\\n", name, (unsigned long long)got, (unsigned long long)want);
	differs = 1;
	errno = error;
}

static inline void map_at(unsigned long start, unsigned long length, int prot)
{
	void *got = mmap((void *)start, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (got != (void *)start)
		printf("# no memory at 0x%lx\\n", start);
}

/* Copies into user memory, also where the program itself may only read. */
static inline void put(unsigned long to, const void *from, size_t length)
{
	int locked = to + length > ${hex(READ_ONLY_START)}UL && to < ${hex(READ_ONLY_START + READ_ONLY_LENGTH)}UL;

	if (locked)
		mprotect((void *)${hex(READ_ONLY_START)}UL, ${hex(READ_ONLY_LENGTH)}, PROT_READ | PROT_WRITE);
	memcpy((void *)to, from, length);
	if (locked)
		mprotect((void *)${hex(READ_ONLY_START)}UL, ${hex(READ_ONLY_LENGTH)}, PROT_READ);
}

static inline void get(void *to, unsigned long from, size_t length)
{
	memcpy(to, (const void *)from, length);
}

static inline void set_word(unsigned char *bytes, size_t at, long value)
{
	__u32 word = (__u32)value;

	memcpy(bytes + at, &word, sizeof(word));
}

static inline long get_word(unsigned long address, size_t at)
{
	__u32 word;

	get(&word, address + at, sizeof(word));
	return (long)word;
}

/* Real user, lockable memory in bytes, effective capabilities. */
static inline void set_rights(unsigned int uid, unsigned long memlock, __u64 capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct rlimit limit;

	if (syscall(SYS_capget, &header, data))
		return;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	syscall(SYS_capset, &header, data);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		limit.rlim_cur = memlock;
		if (limit.rlim_max < limit.rlim_cur)
			limit.rlim_max = limit.rlim_cur;
		if (setrlimit(RLIMIT_MEMLOCK, &limit))
			printf("# cannot lock %lu bytes of memory\\n", memlock);
	}
	prctl(PR_SET_KEEPCAPS, 1);
	if (syscall(SYS_setresuid, uid, -1, -1))
		printf("# cannot become user %u\\n", uid);
	data[0].effective = data[0].permitted & (__u32)capabilities;
	data[1].effective = data[1].permitted & (__u32)(capabilities >> 32);
	syscall(SYS_capset, &header, data);
}

static inline long new_file(unsigned long size, unsigned int flags)
{
	long fd = memfd_create("ioasis", flags);

	if (fd >= 0 && ftruncate((int)fd, (off_t)size))
		printf("# cannot size a file\\n");
	return fd;
}

/* The number that the next descriptor will get. */
static inline long next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}

/* The n-th allocation of the next system call fails; answers whether the kernel can do that. */
static inline int fail_nth(int nth)
{
	char text[16];
	int fd = open("/proc/thread-self/fail-nth", O_RDWR);
	int length = snprintf(text, sizeof(text), "%d", nth);
	int armed;

	if (fd < 0)
		return 0;
	armed = write(fd, text, (size_t)length) == length;
	close(fd);
	return armed;
}

/* Whether the failure that was asked for came; nothing fails from here on. */
static inline int failed_nth(void)
{
	char text[16] = "";
	int error = errno;
	int fd = open("/proc/thread-self/fail-nth", O_RDWR);
	int fired;

	if (fd < 0)
		return 0;
	fired = read(fd, text, sizeof(text) - 1) > 0 && atoi(text) == 0;
	if (write(fd, "0", 1) != 1)
		fired = 0;
	close(fd);
	errno = error;
	return fired;
}

/* One program in a process of its own, which has no descriptors of others; answers whether something was not as predicted. */
static inline int run(void (*program)(void))
{
	pid_t child;
	int status = 0;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
		program();
		fflush(stdout);
		_exit(failures ? KSFT_FAIL : KSFT_PASS);
	}
	return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}

/* What a call may answer when an allocation in it failed: nothing has changed then, and asking again is as asking first. */
static inline int injected(long got)
{
	return got == -1 && (errno == ENOMEM || errno == ENOENT || errno == EFAULT || errno == EINVAL);
}
`;

/** For programs of the mock. The limit is one for the whole machine: what comes next finds it as it was. */
export const C_MOCK_HELPERS = `
static inline void need_mock(void)
{
	int fd = open("/dev/iommu", O_RDWR);
	int absent = fd >= 0 && ioctl(fd, ${hex(IOMMU_TEST_CMD)}, 0UL) == -1 && errno == ENOTTY;

	if (absent)
		skip_all("no IOMMU_TEST_CMD in this kernel", "");
	close(fd);
}

static inline void restore_memory_limit(void)
{
	int fd = open("/dev/iommu", O_RDWR);
	__u32 cmd[18] = { sizeof(cmd), ${IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT}, 0, 0, ${MEMORY_LIMIT_DEFAULT} };

	if (fd < 0 || ioctl(fd, ${hex(IOMMU_TEST_CMD)}, cmd))
		printf("# the memory limit of the mock stays changed\\n");
	close(fd);
}
`;

export const ARENA_SETUP = `	map_at(${hex(ARENA_START)}UL, ${hex(ARENA_LENGTH)}UL, PROT_READ | PROT_WRITE);`;
