/* SPDX-License-Identifier: MIT */
#include "source/tcp_take.h"

#include "source/netns.h"

#include <errno.h>
#include <string.h>

/*
 * Bounds; what is beyond them is counted as lost. More rows than that, which only a reader without
 * keep() gets, do not come through the pipe before the deadline. FINE_MAX: of those with which
 * nothing is wrong, where verdicts tell; all of them are counted in tcp_tally.
 */
enum { ROWS_MAX = 50000, ROWS_EXACT_MAX = 1000000, FINE_MAX = 2000 };

/* All tables get the same state: they come from the same dumps. */
struct tcp_read {
	struct probe *probe;
	int (*dump)(struct tcp_take *to, uint64_t pid);
	enum state state;
	const char *why;
	uint64_t lost; /* namespaces that were not read */
};

/* Who listens is who is sought, and IPv6's come after all connections of IPv4. */
static size_t room_for(const struct tcp_take *d, const struct tcp_socket *s)
{
	if (d->exact)
		return ROWS_EXACT_MAX;
	return s->state == TCP_STATE_LISTEN ? 2 * ROWS_MAX : ROWS_MAX;
}

int tcp_take_socket(struct tcp_take *d, struct tcp_diag *diag)
{
	struct table *t = d->sockets;

	d->count[diag->row.state]++;
	d->interrupted |= diag->interrupted;
	if (d->count_flows && diag->row.state != TCP_STATE_LISTEN) {
		int err = tcp_flows_count(&d->flows, diag);

		if (err < 0)
			return err;
	}
	/*
	 * In TIME_WAIT there is no socket left to say anything about: for checks only their number
	 * matters.
	 */
	if (!t || (diag->row.state == TCP_STATE_TIME_WAIT && !d->judged))
		return 0;
	t->seen++;
	row_put(t->schema, &diag->row, TCP_SOCKET_netns, d->netns);
	uint32_t verdict = d->judged ? probe_verdict(d->probe, TABLE_tcp_socket, &diag->row)
				     : TCP_TAKE_VERDICTS;

	if (verdict < TCP_TAKE_VERDICTS)
		d->tally[diag->row.state][verdict]++;
	if (!probe_keep(d->probe, TABLE_tcp_socket, &diag->row))
		return 0;
	if (t->n >= room_for(d, &diag->row) || (verdict == 0 && !d->exact && d->fine >= FINE_MAX)) {
		t->lost++;
		return 0;
	}
	d->fine += verdict == 0;
	return tcp_diag_add(t, diag);
}

void tcp_take_quiet(struct tcp_take *d, uint32_t state, uint64_t n)
{
	if (state >= TCP_STATES || n == 0)
		return;
	d->count[state] += n;
	d->tally[state][0] += n;
	if (d->sockets) {
		d->sockets->seen += n;
		d->sockets->lost += n;
	}
}

bool tcp_take_wants_all(struct probe *p)
{
	return !probe_table(p, TABLE_tcp_tally) || probe_table(p, TABLE_tcp_flow) ||
	       needs_exact(p->needs, p->n_needs, TABLE_tcp_socket);
}

/* The first reason is kept: it is the nearest to the cause. */
static void say(struct tcp_read *r, enum state state, const char *why)
{
	if (r->state == STATE_OK && (state != STATE_OK || !r->why)) {
		r->state = state;
		r->why = why;
	}
}

static int add_totals(struct table *t, const struct tcp_take *d)
{
	for (uint32_t state = 0; t && state < TCP_STATES; state++) {
		if (d->count[state] == 0)
			continue;
		struct tcp_total *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, TCP_TOTAL_netns, d->netns);
		row_put(t->schema, row, TCP_TOTAL_state, state);
		row_put(t->schema, row, TCP_TOTAL_sockets, d->count[state]);
	}
	return 0;
}

static int add_tally(struct table *t, const struct tcp_take *d)
{
	for (uint32_t i = 0; t && i < TCP_STATES * TCP_TAKE_VERDICTS; i++) {
		uint32_t state = i / TCP_TAKE_VERDICTS, verdict = i % TCP_TAKE_VERDICTS;

		if (d->tally[state][verdict] == 0)
			continue;
		struct tcp_tally *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, TCP_TALLY_netns, d->netns);
		row_put(t->schema, row, TCP_TALLY_state, state);
		row_put(t->schema, row, TCP_TALLY_verdict, verdict);
		row_put(t->schema, row, TCP_TALLY_sockets, d->tally[state][verdict]);
	}
	return 0;
}

/*
 * Which ports connect() takes by itself there, and when keepalive begins; as Linux has it when that
 * could not be read.
 */
static void flow_settings(const struct probe *p, struct tcp_flows *f, uint64_t netns)
{
	f->port_low = 32768;
	f->port_high = 60999;
	f->keepalive_ns = UINT64_C(7200000000000);
	for (table_each(const struct netns_setting, s, probe_used(p, TABLE_netns_setting))) {
		if (s->netns == netns && row_has(s->has, NETNS_SETTING_keepalive_ns))
			f->keepalive_ns = s->keepalive_ns;
		if (s->netns != netns || !row_has(s->has, NETNS_SETTING_port_low) ||
			!row_has(s->has, NETNS_SETTING_port_high))
			continue;
		f->port_low = (uint32_t)s->port_low;
		f->port_high = (uint32_t)s->port_high;
	}
}

/* Both families of a namespace. What came before an error stays. */
static int dump_netns(struct tcp_read *r, uint64_t netns, uint64_t pid)
{
	struct tcp_take d = { .probe = r->probe,
		.sockets = probe_table(r->probe, TABLE_tcp_socket),
		.netns = netns };
	struct table *flows = probe_table(r->probe, TABLE_tcp_flow);
	struct table *tally = probe_table(r->probe, TABLE_tcp_tally);

	d.judged = tally != NULL;
	d.exact = needs_exact(r->probe->needs, r->probe->n_needs, TABLE_tcp_socket);
	d.count_flows = flows != NULL;
	flow_settings(r->probe, &d.flows, netns);
	int err = r->dump(&d, pid);

	if (d.interrupted)
		say(r, STATE_OK, "the kernel's socket table changed while it was read");
	int added = add_totals(probe_table(r->probe, TABLE_tcp_total), &d);

	if (added == 0)
		added = add_tally(tally, &d);
	if (flows && added == 0)
		added = tcp_flows_rows(&d.flows, flows, netns);
	tcp_flows_release(&d.flows);
	if (added < 0)
		return added;
	if (err == -ETIME || err == -ETIMEDOUT)
		say(r, STATE_LATE, "not all sockets were read in time");
	else if (err == -ENOBUFS)
		say(r, STATE_LATE, "the kernel dropped part of its answer");
	else if (err == -EINVAL || err == -EBADMSG)
		say(r, STATE_BROKEN, "sockets are not in the form that this murphy knows");
	else
		return err;
	return 0;
}

static int read_others(struct tcp_read *r)
{
	size_t n = 0;

	for (table_each(const struct netns, ns, probe_used(r->probe, TABLE_netns))) {
		int err = 0;

		if (ns->netns == 0 || r->state != STATE_OK)
			continue;
		if (++n < NETNS_READ_MAX) {
			err = dump_netns(r, ns->netns, ns->pid);
		} else {
			say(r, STATE_OK, "more network namespaces than are read");
			r->lost++;
		}
		if (err == 0 || netns_is_gone(err))
			continue;
		if (err == -ENOMEM)
			return err;
		r->lost++;
		say(r, STATE_OK,
			err == -EPERM || err == -EACCES
				? "other network namespaces need CAP_SYS_ADMIN and CAP_SYS_PTRACE"
				: strerror(-err));
	}
	return 0;
}

int tcp_take_all(struct probe *p, int (*dump)(struct tcp_take *to, uint64_t pid))
{
	static const enum table_id ids[] = { TABLE_tcp_socket, TABLE_tcp_total, TABLE_tcp_tally,
		TABLE_tcp_flow };
	struct tcp_read r = { .probe = p, .dump = dump, .state = STATE_OK };
	int err = dump_netns(&r, 0, 0);

	if (err == 0)
		err = read_others(&r);
	if (err < 0)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct table *t = probe_table(p, ids[i]);

		if (!t)
			continue;
		table_fail(t, r.state, "%s", r.why ? r.why : "");
		t->lost += r.lost;
	}
	return 0;
}
