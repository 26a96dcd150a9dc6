/* SPDX-License-Identifier: MIT */
#include "source/syscalls.h"

#include "base/attr.h"
#include "base/cursor.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

static const struct syscall list[] = {
	{ SYS_futex, "futex", false },
	{ SYS_epoll_pwait, "epoll_wait", true },
	{ SYS_ppoll, "poll", false },
	{ SYS_pselect6, "select", false },
	{ SYS_accept, "accept", true },
	{ SYS_accept4, "accept", true },
	{ SYS_connect, "connect", true },
	{ SYS_read, "read", true },
	{ SYS_readv, "readv", true },
	{ SYS_pread64, "pread", true },
	{ SYS_recvfrom, "recv", true },
	{ SYS_recvmsg, "recvmsg", true },
	{ SYS_recvmmsg, "recvmmsg", true },
	{ SYS_write, "write", true },
	{ SYS_writev, "writev", true },
	{ SYS_pwrite64, "pwrite", true },
	{ SYS_sendto, "send", true },
	{ SYS_sendmsg, "sendmsg", true },
	{ SYS_sendmmsg, "sendmmsg", true },
	{ SYS_sendfile, "sendfile", true },
	{ SYS_splice, "splice", true },
	{ SYS_fsync, "fsync", true },
	{ SYS_fdatasync, "fdatasync", true },
	{ SYS_syncfs, "syncfs", true },
	{ SYS_sync_file_range, "sync_file_range", true },
	{ SYS_preadv, "preadv", true },
	{ SYS_pwritev, "pwritev", true },
	{ SYS_preadv2, "preadv2", true },
	{ SYS_pwritev2, "pwritev2", true },
	{ SYS_getdents64, "getdents", true },
	{ SYS_fstat, "fstat", true },
	{ SYS_fchmod, "fchmod", true },
	{ SYS_fchown, "fchown", true },
	{ SYS_ftruncate, "ftruncate", true },
	{ SYS_fallocate, "fallocate", true },
	{ SYS_lseek, "lseek", true },
	{ SYS_copy_file_range, "copy_file_range", true },
	{ SYS_fadvise64, "fadvise", true },
	{ SYS_readahead, "readahead", true },
	{ SYS_flock, "flock", true },
	{ SYS_fcntl, "fcntl", true },
	{ SYS_nanosleep, "nanosleep", false },
	{ SYS_clock_nanosleep, "nanosleep", false },
	{ SYS_wait4, "wait", false },
	{ SYS_waitid, "wait", false },
	{ SYS_rt_sigtimedwait, "sigwait", false },
	{ SYS_rt_sigsuspend, "sigsuspend", false },
	{ SYS_semtimedop, "semop", false },
	{ SYS_semop, "semop", false },
	{ SYS_msgrcv, "msgrcv", false },
	{ SYS_io_getevents, "io_getevents", false },
	{ SYS_restart_syscall, "restart_syscall", false },
#ifdef SYS_getdents
	{ SYS_getdents, "getdents", true },
#endif
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait, "epoll_wait", true },
#endif
#ifdef SYS_epoll_pwait2
	{ SYS_epoll_pwait2, "epoll_wait", true },
#endif
#ifdef SYS_poll
	{ SYS_poll, "poll", false },
#endif
#ifdef SYS_select
	{ SYS_select, "select", false },
#endif
#ifdef SYS_pause
	{ SYS_pause, "pause", false },
#endif
#ifdef SYS_io_uring_enter
	{ SYS_io_uring_enter, "io_uring_enter", true },
#endif
};

const struct syscall *syscall_find(int64_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		if (list[i].number == number)
			return &list[i];
	}
	return NULL;
}

int syscall_parse(
	const char *buf, size_t len, int64_t *ret_number, uint64_t ret_argument[SYSCALL_ARGUMENTS])
{
	struct cursor c = cursor_of(buf, len);
	uint64_t argument[SYSCALL_ARGUMENTS] = { 0 };
	int64_t number;

	if (len == 0 || cursor_lit(&c, "running"))
		return -ENODATA;
	if (!cursor_s64(&c, &number))
		return -EINVAL;
	for (size_t i = 0; number >= 0 && i < SYSCALL_ARGUMENTS; i++) {
		cursor_blank(&c);
		if (!cursor_lit(&c, "0x") || !cursor_x64(&c, &argument[i]))
			return -EINVAL;
	}
	*ret_number = number;
	memcpy(ret_argument, argument, sizeof(argument));
	return 0;
}
