/* SPDX-License-Identifier: MIT */
/* Sockets as the kernel hands them over, by eBPF or by sock_diag, and what is made of each. */
#include "fuzz/form.h"
#include "fuzz/tcp_use.h"

#include "base/cursor.h"
#include "host/door.h"
#include "source/source.h"
#include "source/tcp_seen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* What is no whole socket has no rows of a connection. */
static void judge_seen(const struct tcp_seen *seen, const struct tcp_socket *row)
{
	bool info = row_has(row->has, TCP_SOCKET_last_ack_ns);

	must(row->state < TCP_STATES, "a state that there is not");
	must(!info || (seen->kind == TCP_SEEN_FULL && seen->state != TCP_STATE_LISTEN),
		"what only a connection has");
	must(row->timer || !row_has(row->has, TCP_SOCKET_timer_ns), "a time without a timer");
	must(row->netns == 0, "a cell that is not the decoder's");
}

static int add_seen(const struct tcp_seen *seen, uint64_t tick_ns, struct table *t)
{
	struct tcp_diag d;

	memset(&d, 0, sizeof(d));
	if (!tcp_seen_decode(seen, tick_ns, &d))
		return -EINVAL;
	judge_seen(seen, &d.row);
	must(tcp_diag_add(t, &d) == 0, "memory for the harness");
	return 0;
}

/* Records back to back. As source/tcp_bpf.c: the others are taken though one is strange. */
int fuzz_form_tcp_seen(const char *buf, size_t len)
{
	/* CONFIG_HZ 1000, 250 and 100 */
	static const uint64_t ticks[] = { 1000000, 4000000, 10000000 };
	struct table *t = table_new(schemas[TABLE_tcp_socket]);
	struct tcp_seen seen;
	int worst = len % sizeof(seen) ? -EINVAL : 0;

	must(t != NULL, "memory for the harness");
	for (size_t at = 0; at + sizeof(seen) <= len; at += sizeof(seen)) {
		memcpy(&seen, buf + at, sizeof(seen));
		for (size_t i = 0; i < ARRAY_SIZE(ticks); i++) {
			int err = add_seen(&seen, ticks[i], t);

			worst = err < 0 ? err : worst;
		}
	}
	fuzz_use_sockets(t);
	table_unref(t);
	return worst;
}

/* An answer of sock_diag, as far as the door and the parser go. */
int fuzz_form_tcp_dump(const char *buf, size_t len)
{
	struct table *t = table_new(schemas[TABLE_tcp_socket]);

	must(t != NULL, "memory for the harness");
	int end = host_netlink_end(buf, len);
	int err = tcp_diag_parse(buf, len, t);

	must(end <= 1 && end >= -4095, "an end that is neither one nor an errno");

	fuzz_use_sockets(t);
	table_unref(t);
	return err;
}
