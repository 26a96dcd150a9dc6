/* SPDX-License-Identifier: MIT */
#include "view/tcp.h"

#include "base/cursor.h"
#include "view/tcp_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const sorts[TCP_SORTS] = { "verdict", "silence", "send-queue", "receive-queue",
	"rtt", "retransmits" };
static const char *const bys[TCP_BYS] = { "", "process", "command", "unit", "peer", "port",
	"verdict", "state" };

static bool find_word(const char *const *words, int n, const char *text, int *ret)
{
	for (int i = 0; i < n; i++) {
		if (*words[i] && strcmp(text, words[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

bool tcp_sort_parse(const char *text, enum tcp_sort *ret_sort)
{
	int i;

	if (!find_word(sorts, TCP_SORTS, text, &i))
		return false;
	*ret_sort = (enum tcp_sort)i;
	return true;
}

const char *tcp_by_name(enum tcp_by by)
{
	return bys[by];
}

bool tcp_by_owner(enum tcp_by by)
{
	return by == TCP_BY_PROCESS || by == TCP_BY_COMMAND || by == TCP_BY_UNIT;
}

bool tcp_by_parse(const char *text, enum tcp_by *ret_by)
{
	int i;

	if (!find_word(bys, TCP_BYS, text, &i))
		return false;
	*ret_by = (enum tcp_by)i;
	return true;
}

/* IPv4 as ::ffff:a.b.c.d. */
static bool parse_address(const char *text, uint8_t bytes[16], bool *ret_v4)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	*ret_v4 = inet_pton(AF_INET, text, bytes + sizeof(mapped)) == 1;
	if (*ret_v4)
		memcpy(bytes, mapped, sizeof(mapped));
	return *ret_v4 || inet_pton(AF_INET6, text, bytes) == 1;
}

bool tcp_prefix_parse(const char *text, struct tcp_prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char address[INET6_ADDRSTRLEN];
	uint64_t bits;
	bool v4;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!parse_address(address, ret->bytes, &v4))
		return false;
	ret->bits = 128;
	if (!slash)
		return true;
	struct cursor c = cursor_of(slash + 1, strlen(slash + 1));

	if (!cursor_u64(&c, &bits) || !cursor_end(&c) || bits == 0 || bits > (v4 ? 32 : 128))
		return false;
	ret->bits = (unsigned int)bits + (v4 ? 96 : 0);
	return true;
}

static bool in_prefix(const struct tcp_prefix *p, const char *text)
{
	unsigned int whole = p->bits / 8, rest = p->bits % 8;
	uint8_t bytes[16];
	bool v4;

	if (!parse_address(text, bytes, &v4) || memcmp(bytes, p->bytes, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ p->bytes[whole]) >> (8 - rest) == 0;
}

static bool passes(const struct tcp_report *r, const struct table *t, const struct tcp_socket *s)
{
	const struct tcp_prefix *p = &r->filter.address;

	return p->bits == 0 || in_prefix(p, table_text(t, s->local)) ||
	       in_prefix(p, table_text(t, s->peer));
}

/* What it is ordered by: the largest first. */
static double value_of(const struct tcp_report *r, const struct tcp_connection *c)
{
	const struct tcp_socket *s = c->s;
	bool listener = s->state == TCP_STATE_LISTEN;

	switch (r->sort) {
	case TCP_SORT_SILENCE:
		return (double)tcp_silence_ns(s);
	case TCP_SORT_SEND_QUEUE:
		return listener ? 0 : (double)s->send_queue;
	case TCP_SORT_RECEIVE_QUEUE:
		return (double)s->receive_queue;
	case TCP_SORT_RTT:
		return row_has(s->has, TCP_SOCKET_rtt_ns) ? (double)s->rtt_ns : -1;
	case TCP_SORT_RETRANSMITS:
		return (double)s->total_retransmits;
	default:
		return (double)(s->receive_queue + (listener ? 0 : s->send_queue));
	}
}

static int verdict_rank(enum tcp_verdict v)
{
	return v == TCP_FINE ? TCP_VERDICTS : (int)v;
}

struct place {
	int rank;
	double value;
	size_t index;
};

static int compare_places(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	if (a->rank != b->rank)
		return a->rank - b->rank;
	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static int order(struct tcp_report *r, struct arena *a)
{
	struct place *place = arena_new(a, (r->n_rows + 1) * sizeof(*place));
	struct tcp_connection *row = arena_new(a, (r->n_rows + 1) * sizeof(*row));

	if (!place || !row)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_rows; i++)
		place[i] = (struct place){
			r->sort == TCP_SORT_VERDICT ? verdict_rank(r->row[i].verdict) : 0,
			value_of(r, &r->row[i]), i
		};
	qsort(place, r->n_rows, sizeof(*place), compare_places);
	for (size_t i = 0; i < r->n_rows; i++)
		row[i] = r->row[place[i].index];
	r->row = row;
	return 0;
}

static void count_all(struct tcp_report *r)
{
	const struct table *t = frame_table(r->frame, TABLE_tcp_tally);
	uint64_t last = UINT64_MAX;

	for (table_each(const struct tcp_tally, c, t)) {
		r->sockets += c->sockets;
		if (c->verdict < TCP_VERDICTS)
			r->verdict[c->verdict] += c->sockets;
		if (c->state < TCP_STATES)
			r->state[c->state] += c->sockets;
		/* Rows are sorted by it. */
		r->namespaces += c->netns != last;
		last = c->netns;
	}
}

int tcp_view_rows(struct tcp_report *r, struct arena *a)
{
	const struct table *t = frame_table(r->frame, TABLE_tcp_socket);
	size_t most = table_usable(t) ? t->n : 0;

	r->row = arena_new(a, (most + 1) * sizeof(*r->row));
	if (!r->row)
		return -ENOMEM;
	for (size_t i = 0; i < most; i++) {
		const struct tcp_socket *s = table_at(t, i);

		if (passes(r, t, s))
			r->row[r->n_rows++] = (struct tcp_connection){
				.s = s, .verdict = tcp_judge(s), .limit = tcp_limit_of(s)
			};
	}
	count_all(r);
	return order(r, a);
}

uint64_t *tcp_view_inodes(const struct tcp_report *r, struct arena *a, size_t *ret_n)
{
	bool all = tcp_by_owner(r->by) || r->filter.pid || r->filter.comm;
	size_t n = all || (r->by == TCP_BY_NONE && (r->top == 0 || r->top > r->n_rows)) ? r->n_rows
		   : r->by == TCP_BY_NONE                                               ? r->top
											: 0;
	uint64_t *inode = arena_new(a, (n + 1) * sizeof(*inode));
	size_t kept = 0;

	for (size_t i = 0; inode && i < n; i++) {
		if (r->row[i].s->inode)
			inode[kept++] = r->row[i].s->inode;
	}
	*ret_n = kept;
	return inode;
}

static bool is_of_process(const struct tcp_filter *f, const struct tcp_connection *c)
{
	if (f->pid)
		return c->owner && c->owner->pid == f->pid;
	return !f->comm || (c->comm && strcmp(c->comm, f->comm) == 0);
}

static void name_owners(struct tcp_report *r)
{
	const struct table *owners = frame_table(r->frame, TABLE_socket_owner);
	const struct table *processes = frame_table(r->frame, TABLE_process);
	const struct table *cgroups = frame_table(r->frame, TABLE_process_cgroup);
	size_t kept = 0;

	for (size_t i = 0; i < r->n_rows; i++) {
		struct tcp_connection c = r->row[i];
		const struct process *p;

		c.owner = c.s->inode ? table_find(owners, c.s->inode) : NULL;
		p = c.owner ? table_find(processes, c.owner->pid) : NULL;
		c.comm = p ? table_text(processes, p->comm) : NULL;
		const struct process_cgroup *g = c.owner ? table_find(cgroups, c.owner->pid) : NULL;

		if (g && row_has(g->has, PROCESS_CGROUP_path)) {
			c.cgroup = table_text(cgroups, g->path);
			c.unit = unit_of_path(c.cgroup);
		}
		if (is_of_process(&r->filter, &c))
			r->row[kept++] = c;
	}
	r->n_rows = kept;
}

static void add_lack(
	struct tcp_report *r, const struct table *t, const char *meaning, struct arena *a)
{
	if (r->n_lacks == TCP_LACKS || (t && t->state == STATE_OK && t->lost == 0))
		return;
	if (!t)
		r->lack[r->n_lacks++] = arena_printf(a, "%s: nothing was read", meaning);
	else if (t->state == STATE_OK)
		r->lack[r->n_lacks++] = arena_printf(
			a, "%s: %s", meaning, t->why[0] ? t->why : "they could not be read");
	else
		r->lack[r->n_lacks++] =
			arena_printf(a, "%s: %s, %s", meaning, state_name(t->state), t->why);
	r->blind = true;
}

/*
 * Namespaces are found by the processes in them. One of a hundred may have more rights than murphy
 * and not be looked into; where most may not be, nothing is known of others.
 */
static void find_unseen_namespaces(struct tcp_report *r, struct arena *a)
{
	const struct table *netns = frame_table(r->frame, TABLE_netns);
	uint64_t seen = 0, all = 0;

	if (!netns || !netns->why[0] || r->n_lacks == TCP_LACKS)
		return;
	for (table_each(const struct netns, n, netns))
		seen += n->processes;
	for (table_each(const struct process, p, frame_table(r->frame, TABLE_process)))
		all += !p->kthread;
	if (seen * 2 >= all)
		return;
	r->lack[r->n_lacks++] =
		arena_printf(a, "other network namespaces may be missing: %s", netns->why);
	r->blind = true;
}

static void find_lacks(struct tcp_report *r, struct arena *a)
{
	const struct table *tally = frame_table(r->frame, TABLE_tcp_tally);
	const struct table *rows = frame_table(r->frame, TABLE_tcp_socket);
	const struct table *owners = frame_table(r->frame, TABLE_socket_owner);

	add_lack(r, tally, "sockets are missing", a);
	find_unseen_namespaces(r, a);
	/* What its source left out beyond that were healthy ones, or too many to be listed. */
	uint64_t unread = tally ? tally->lost : 0;

	r->unlisted = rows && rows->lost > unread ? rows->lost - unread : 0;
	if (r->owners && owners)
		add_lack(r, owners, "processes of some are not known", a);
}

int tcp_view_owners(struct tcp_report *r, struct arena *a)
{
	name_owners(r);
	find_lacks(r, a);
	int err = r->by == TCP_BY_NONE ? 0 : tcp_view_groups(r, a);

	return err < 0 ? err : a->failed ? -ENOMEM : 0;
}

struct tcp_end tcp_view_end(const struct tcp_report *r, const struct tcp_connection *c)
{
	return tcp_future(
		c->s, table_find(frame_table(r->frame, TABLE_netns_setting), c->s->netns));
}
