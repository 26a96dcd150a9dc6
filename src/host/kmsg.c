/* SPDX-License-Identifier: MIT */
/* The kernel log: kernel/printk/printk.c, devkmsg_read(). */
#include "host/host_private.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/klog.h>

/* One read() gives one record, which is cut at this by the kernel (PRINTK_MESSAGE_MAX). */
enum { RECORD = 8192 };
/* Actions of syslog(2). */
enum { SYSLOG_READ_ALL = 3, SYSLOG_SIZE_BUFFER = 10 };

/* Drop the older half, at a record's begin: what happened last matters most. */
static void forget_oldest(struct strbuf *text)
{
	struct cursor c = cursor_of(text->bytes, text->len), line;

	while (c.at < text->bytes + text->len / 2 && cursor_line(&c, &line))
		;
	/* A record's continuation lines begin with a space. */
	while (!cursor_end(&c) && *c.at == ' ' && cursor_line(&c, &line))
		;
	size_t left = cursor_left(&c);

	memmove(text->bytes, c.at, left);
	text->bytes[left] = '\0';
	text->len = left;
}

static int live_kmsg(struct host *h, size_t limit, struct strbuf *text)
{
	auto_close fd = live_open(h, "dev/kmsg", O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return fd;
	for (;;) {
		if (strbuf_reserve(text, RECORD) < 0)
			return -ENOMEM;
		ssize_t n = fault_now(FAULT_READ) ? (errno = EIO, -1)
						  : read(fd, text->bytes + text->len, RECORD);

		/* EPIPE: records were overwritten while we read; the next is the oldest left. */
		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return 0;
		text->len += (size_t)n;
		text->bytes[text->len] = '\0';
		if (text->len > limit)
			forget_oldest(text);
	}
}

/* "<6>[    0.000000] text" lines, the newest of them. */
static int live_syslog(size_t limit, struct strbuf *text)
{
	int size = klogctl(SYSLOG_SIZE_BUFFER, NULL, 0);

	if (size < 0)
		return -errno;
	if ((size_t)size > limit)
		size = (int)limit;
	if (strbuf_reserve(text, (size_t)size) < 0)
		return -ENOMEM;
	int n = klogctl(SYSLOG_READ_ALL, text->bytes, size);

	if (n < 0)
		return -errno;
	text->len = (size_t)n;
	text->bytes[n] = '\0';
	return 0;
}

/* Containers often lack the device; syslog(2) needs none. */
static int live_log(struct host *h, size_t limit, struct strbuf *text)
{
	int err = live_kmsg(h, limit, text);

	if (err == 0 || err == -ENOMEM)
		return err;
	strbuf_clear(text);
	int other = live_syslog(limit, text);

	return other == 0 || err == -ENOENT ? other : err;
}

int host_kmsg(struct host *h, size_t limit, struct strbuf *ret_text)
{
	/* What murphy captures, then what sosreport has. */
	static const char *const paths[] = { "dev/kmsg", "sos_commands/kernel/dmesg",
		"var/log/dmesg" };
	int err = -ENOENT;

	strbuf_clear(ret_text);
	if (host_is_live(h))
		err = live_log(h, limit, ret_text);
	for (size_t i = 0; !host_is_live(h) && err == -ENOENT && i < ARRAY_SIZE(paths); i++)
		err = host_get(h, paths[i], limit, ret_text);
	if (err < 0)
		strbuf_clear(ret_text);
	host_show(h, 'f', paths[0], err, ret_text->bytes, ret_text->len);
	return err;
}
