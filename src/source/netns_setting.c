/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/cursor.h"
#include "source/netns.h"

#include <errno.h>
#include <string.h>

/* Settings that are one number: what it is to be multiplied by. */
static const struct {
	const char *path;
	unsigned int column;
	uint32_t scale;
} numbers[] = {
	{ "proc/sys/net/ipv4/tcp_tw_reuse", NETNS_SETTING_time_wait_reuse, 1 },
	{ "proc/sys/net/ipv4/tcp_max_tw_buckets", NETNS_SETTING_time_wait_max, 1 },
	{ "proc/sys/net/ipv4/tcp_keepalive_time", NETNS_SETTING_keepalive_ns, NS_PER_S },
	{ "proc/sys/net/netfilter/nf_conntrack_count", NETNS_SETTING_conntrack_entries, 1 },
	{ "proc/sys/net/netfilter/nf_conntrack_max", NETNS_SETTING_conntrack_max, 1 },
	{ "proc/sys/net/ipv4/tcp_retries2", NETNS_SETTING_retries2, 1 },
	{ "proc/sys/net/ipv4/tcp_orphan_retries", NETNS_SETTING_orphan_retries, 1 },
	{ "proc/sys/net/ipv4/tcp_syn_retries", NETNS_SETTING_syn_retries, 1 },
	{ "proc/sys/net/ipv4/tcp_synack_retries", NETNS_SETTING_synack_retries, 1 },
	{ "proc/sys/net/ipv4/tcp_syn_linear_timeouts", NETNS_SETTING_syn_linear_timeouts, 1 },
	{ "proc/sys/net/ipv4/tcp_keepalive_intvl", NETNS_SETTING_keepalive_interval_ns, NS_PER_S },
	{ "proc/sys/net/ipv4/tcp_keepalive_probes", NETNS_SETTING_keepalive_probes, 1 },
	{ "proc/sys/net/ipv4/tcp_fin_timeout", NETNS_SETTING_fin_timeout_ns, NS_PER_S },
	{ "proc/sys/net/ipv4/tcp_rto_min_us", NETNS_SETTING_rto_min_ns, 1000 },
	{ "proc/sys/net/ipv4/tcp_moderate_rcvbuf", NETNS_SETTING_receive_tuning, 1 },
	{ "proc/sys/net/ipv4/tcp_rto_max_ms", NETNS_SETTING_rto_max_ns, 1000000 },
};

enum { RANGE, RESERVED, SEND, RECEIVE, NUMBERS, PATHS = NUMBERS + ARRAY_SIZE(numbers) };

struct visit {
	struct table *t;
	struct netns_setting *row;
};

static void put_number(struct visit *v, unsigned int column, uint32_t scale, struct cursor *c)
{
	uint64_t value;

	if (cursor_u64(c, &value) && !__builtin_mul_overflow(value, (uint64_t)scale, &value))
		row_put(v->t->schema, v->row, column, value);
	else
		v->t->cell[column] = STATE_BROKEN;
}

static void put_range(struct visit *v, struct cursor *c)
{
	uint64_t low, high;

	if (!cursor_u64(c, &low) || !cursor_u64(c, &high) || low > high || high > UINT16_MAX)
		return;
	row_put(v->t->schema, v->row, NETNS_SETTING_port_low, low);
	row_put(v->t->schema, v->row, NETNS_SETTING_port_high, high);
}

/* "8080,9000-9010": those that are in the range. The range is read before. */
static void put_reserved(struct visit *v, struct cursor *c)
{
	uint64_t first, last, n = 0;

	if (!row_has(v->row->has, NETNS_SETTING_port_low))
		return;
	while (cursor_u64(c, &first)) {
		last = first;
		if (cursor_lit(c, "-") && !cursor_u64(c, &last))
			return;
		first = first > v->row->port_low ? first : v->row->port_low;
		last = last < v->row->port_high ? last : v->row->port_high;
		n += first <= last ? last - first + 1 : 0;
		if (!cursor_lit(c, ","))
			break;
	}
	row_put(v->t->schema, v->row, NETNS_SETTING_ports_reserved, n);
}

/* "4096 16384 4194304": least, first, most. */
static void put_most(struct visit *v, unsigned int column, struct cursor *c)
{
	uint64_t least, first, most;

	if (cursor_u64(c, &least) && cursor_u64(c, &first) && cursor_u64(c, &most))
		row_put(v->t->schema, v->row, column, most);
	else
		v->t->cell[column] = STATE_BROKEN;
}

static void take(void *arg, size_t path, int err, const char *bytes, size_t len)
{
	struct cursor c = cursor_of(bytes, len);
	struct visit *v = arg;

	if (err < 0)
		return;
	if (path == RANGE)
		put_range(v, &c);
	else if (path == RESERVED)
		put_reserved(v, &c);
	else if (path == SEND)
		put_most(v, NETNS_SETTING_send_max_bytes, &c);
	else if (path == RECEIVE)
		put_most(v, NETNS_SETTING_receive_max_bytes, &c);
	else
		put_number(v, numbers[path - NUMBERS].column, numbers[path - NUMBERS].scale, &c);
}

static int visit(struct probe *p, struct table *t, uint64_t netns, uint64_t pid)
{
	struct visit v = { .t = t, .row = table_add(t) };
	const char *paths[PATHS] = { [RANGE] = "proc/sys/net/ipv4/ip_local_port_range",
		[RESERVED] = "proc/sys/net/ipv4/ip_local_reserved_ports",
		[SEND] = "proc/sys/net/ipv4/tcp_wmem",
		[RECEIVE] = "proc/sys/net/ipv4/tcp_rmem" };

	if (!v.row)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		paths[NUMBERS + i] = numbers[i].path;
	row_put(t->schema, v.row, NETNS_SETTING_netns, netns);
	if (host_tick_ns(p->host))
		row_put(t->schema, v.row, NETNS_SETTING_tick_ns, host_tick_ns(p->host));
	int err = host_netns_read(p->host, netns, pid, paths, PATHS, take, &v);

	if (err < 0)
		table_drop_last(t);
	return err;
}

static int read_settings(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_netns_setting);
	const struct netns *ns = NULL;
	int err = t ? visit(p, t, 0, 0) : 0;

	if (!t || err < 0)
		return err;
	t->state = STATE_OK;
	while ((ns = netns_next(p, ns, NETNS_READ_MAX, &t->lost))) {
		err = visit(p, t, ns->netns, ns->pid);
		if (err == -ENOMEM)
			return err;
		if (err == -EIO) { /* stuck in there: what is read from now on is not ours */
			table_fail(t, STATE_BROKEN, "the way back to the own namespace is barred");
			return 0;
		}
		if (err < 0 && !netns_is_gone(err))
			t->lost++;
		if (err == -EPERM || err == -EACCES)
			table_fail(t, STATE_OK,
				"other network namespaces need CAP_SYS_ADMIN and CAP_SYS_PTRACE");
	}
	return 0;
}

const struct source source_netns_setting = {
	.name = "netns_setting",
	.fills = { TABLE_netns_setting },
	.uses = { TABLE_netns },
	.manner = MANNER_RISKY,
	.deadline_ns = 300000000,
	.read = read_settings,
};
