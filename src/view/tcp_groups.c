/* SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "view/tcp_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What connections of one group have in common; text is owned by the table of sockets. */
struct key {
	const char *text;
	uint64_t number, netns;
};

struct slot {
	struct key key;
	size_t group; /* 0: free, else one more than its index */
};

struct grouping {
	struct tcp_report *r;
	struct arena *arena;
	struct slot *slot;
	size_t n_slots; /* a power of two, more than twice the rows */
	uint64_t *door; /* ports that are listened on, with their namespace, sorted */
	size_t n_doors;
};

static int compare_doors(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

/* An inode of a namespace takes 32 bits. */
static uint64_t door_of(const struct tcp_socket *s)
{
	return s->netns << 16 | s->local_port;
}

static int find_doors(struct grouping *g)
{
	const struct table *t = frame_table(g->r->frame, TABLE_tcp_socket);
	size_t n = 0;

	for (table_each(const struct tcp_socket, s, t))
		n += s->state == TCP_STATE_LISTEN;
	g->door = arena_new(g->arena, (n + 1) * sizeof(*g->door));
	if (!g->door)
		return -ENOMEM;
	for (table_each(const struct tcp_socket, s, t)) {
		if (s->state == TCP_STATE_LISTEN)
			g->door[g->n_doors++] = door_of(s);
	}
	qsort(g->door, n, sizeof(*g->door), compare_doors);
	return 0;
}

/* Ours where it is listened on, or where nobody is on the other side; else the peer's. */
static bool serves(const struct grouping *g, const struct tcp_socket *s)
{
	uint64_t door = door_of(s);

	return s->state == TCP_STATE_LISTEN ||
	       bsearch(&door, g->door, g->n_doors, sizeof(door), compare_doors);
}

enum { PORT_OURS = 1 << 16 };

static const char *nobody(const struct tcp_connection *c)
{
	return c->s->inode == 0 ? "(no process has them)" : "(process not known)";
}

static const char *unit_for(const struct grouping *g, const struct tcp_connection *c)
{
	if (c->unit.len)
		return arena_printf(g->arena, "%.*s", (int)c->unit.len, c->unit.at);
	return c->cgroup ? "(no unit of systemd)" : nobody(c);
}

static struct key key_of(const struct grouping *g, const struct tcp_connection *c)
{
	const struct table *t = frame_table(g->r->frame, TABLE_tcp_socket);
	const struct tcp_socket *s = c->s;

	switch (g->r->by) {
	case TCP_BY_COMMAND:
		return (struct key){ c->comm ? c->comm : nobody(c), 0, 0 };
	case TCP_BY_UNIT:
		return (struct key){ unit_for(g, c), 0, 0 };
	case TCP_BY_PROCESS:
		return (struct key){ c->owner        ? "pid"
				     : s->inode == 0 ? "none"
						     : "unknown",
			c->owner ? c->owner->pid : 0, 0 };
	case TCP_BY_PEER:
		return (struct key){ s->state == TCP_STATE_LISTEN ? "(listeners)"
								  : table_text(t, s->peer),
			0, s->netns };
	case TCP_BY_PORT:
		return (struct key){ "", serves(g, s) ? s->local_port | PORT_OURS : s->peer_port,
			s->netns };
	case TCP_BY_VERDICT:
		return (struct key){ tcp_verdict_name(c->verdict), 0, 0 };
	default:
		return (struct key){ tcp_state_name(s->state), 0, 0 };
	}
}

static const char *name_of(
	const struct grouping *g, const struct tcp_connection *c, const struct key *k)
{
	const char *in = k->netns ? arena_printf(g->arena, " (network namespace %llu)",
					    (unsigned long long)k->netns)
				  : "";

	switch (g->r->by) {
	case TCP_BY_COMMAND:
		return k->text;
	case TCP_BY_PROCESS:
		if (c->owner)
			return c->comm ? c->comm : "?";
		return nobody(c);
	case TCP_BY_PORT:
		return arena_printf(g->arena, "%s :%u%s", k->number & PORT_OURS ? "on" : "to",
			(unsigned int)(k->number & UINT16_MAX), in);
	case TCP_BY_PEER:
		return arena_printf(g->arena, "%s%s", k->text, in);
	default:
		return k->text;
	}
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->number == b->number && a->netns == b->netns && strcmp(a->text, b->text) == 0;
}

static struct tcp_group *group_of(struct grouping *g, const struct tcp_connection *c)
{
	struct key k = key_of(g, c);
	uint64_t hash = hash_fnv64(k.text, strlen(k.text)) ^
			(k.number * UINT64_C(0x9e3779b97f4a7c15)) ^ k.netns;
	size_t i = (size_t)(hash ^ hash >> 32) & (g->n_slots - 1);

	while (g->slot[i].group && !same_key(&g->slot[i].key, &k))
		i = (i + 1) & (g->n_slots - 1);
	if (g->slot[i].group == 0) {
		g->slot[i] = (struct slot){ k, ++g->r->n_groups };
		g->r->group[g->slot[i].group - 1] = (struct tcp_group){
			.name = name_of(g, c, &k),
			.pid = c->owner && g->r->by == TCP_BY_PROCESS ? c->owner->pid : 0,
			.silence_ns = -1,
		};
	}
	return &g->r->group[g->slot[i].group - 1];
}

static void count(struct tcp_group *to, const struct tcp_connection *c)
{
	const struct tcp_socket *s = c->s;
	int64_t silence_ns = tcp_silence_ns(s);

	to->connections++;
	to->wrong += c->verdict != TCP_FINE;
	to->verdict[c->verdict]++;
	to->state[s->state < TCP_STATES ? s->state : 0]++;
	if (s->state != TCP_STATE_LISTEN) {
		to->receive_queue += s->receive_queue;
		to->send_queue += s->send_queue;
	}
	if (silence_ns > to->silence_ns)
		to->silence_ns = silence_ns;
}

static int compare_groups(const void *x, const void *y)
{
	const struct tcp_group *a = x, *b = y;

	if (a->wrong != b->wrong)
		return a->wrong > b->wrong ? -1 : 1;
	if (a->connections != b->connections)
		return a->connections > b->connections ? -1 : 1;
	return strcmp(a->name, b->name);
}

int tcp_view_groups(struct tcp_report *r, struct arena *a)
{
	struct grouping g = { .r = r, .arena = a, .n_slots = 16 };

	while (g.n_slots <= 2 * r->n_rows)
		g.n_slots *= 2;
	g.slot = arena_new(a, g.n_slots * sizeof(*g.slot));
	r->group = arena_new(a, (r->n_rows + 1) * sizeof(*r->group));
	if (!g.slot || !r->group || find_doors(&g) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_rows; i++)
		count(group_of(&g, &r->row[i]), &r->row[i]);
	qsort(r->group, r->n_groups, sizeof(*r->group), compare_groups);
	return 0;
}
