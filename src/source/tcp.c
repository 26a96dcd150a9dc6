/* SPDX-License-Identifier: MIT */
#include "source/tcp_take.h"

#include <errno.h>

static int take_chunk(void *arg, const char *buf, size_t len)
{
	struct cursor c = cursor_of(buf, len);
	struct tcp_take *d = arg;
	struct tcp_diag diag;
	int more;

	if (probe_late(d->probe))
		return -ETIME;
	while ((more = tcp_diag_next(&c, &diag)) > 0) {
		int err = tcp_take_socket(d, &diag);

		if (err < 0)
			return err;
	}
	return more;
}

/* Both families of a namespace. What came before an error stays. */
static int dump(struct tcp_take *to, uint64_t pid)
{
	return host_tcp_diag(to->probe->host, to->netns, pid, take_chunk, to);
}

/* An error: no modules inet_diag and tcp_diag, or a tree without their answer. */
static int read_tcp(struct probe *p)
{
	return tcp_take_all(p, dump);
}

const struct source source_tcp = {
	.name = "tcp",
	.fills = { TABLE_tcp_socket, TABLE_tcp_total, TABLE_tcp_tally, TABLE_tcp_flow },
	.uses = { TABLE_netns, TABLE_netns_setting },
	.rank = 1,
	.manner = MANNER_RISKY,
	.deadline_ns = 700000000,
	.read = read_tcp,
};
