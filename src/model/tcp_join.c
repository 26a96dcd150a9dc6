/* SPDX-License-Identifier: MIT */
#include "model/tcp_join.h"

#include "base/mem.h"
#include "model/tcp_join_cause.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What rows are found by. */
enum by {
	BY_FLOW,
	BY_LOCAL,     /* the address */
	BY_PEER,      /* the address */
	BY_LOCAL_END, /* address and port */
	BY_PEER_END,
};

struct key {
	uint8_t local[16], peer[16];
	uint16_t local_port, peer_port;
};

/* Open addressing: the first row of a key, by its number + 1. */
struct index {
	enum by by;
	uint32_t *slot, *other; /* other: a row of the same key whose address is another */
	size_t mask;
};

struct rows {
	struct join_row *row;
	bool *paired, *within; /* the other host, this host itself has the other end */
	size_t n, room, own;   /* own: of them told by join_address() */
	struct index flow, local, peer, local_end, peer_end;
};

struct suspect {
	struct join_row here[2], there[2]; /* the first look, the last one */
	uint8_t host;
	uint16_t looks[JOIN_HOSTS];
	bool has_there, pair, gone;
	bool seen[JOIN_HOSTS]; /* in the look that is under way */
};

struct join {
	bool direct, blind[JOIN_HOSTS];
	struct rows rows[JOIN_HOSTS];
	struct suspect *suspect;
	size_t n_suspects, room;
	uint32_t *slot; /* of suspects, by their flow as A has it */
	size_t mask;
	struct join_result result;
};

static struct key key_of(enum by by, const struct join_row *r, bool mirrored)
{
	struct key k = { 0 };
	bool local = by == BY_LOCAL || by == BY_LOCAL_END || by == BY_FLOW;
	bool peer = by == BY_PEER || by == BY_PEER_END || by == BY_FLOW;
	bool ports = by != BY_LOCAL && by != BY_PEER;

	if (local)
		memcpy(k.local, mirrored ? r->peer : r->local, sizeof(k.local));
	if (peer)
		memcpy(k.peer, mirrored ? r->local : r->peer, sizeof(k.peer));
	if (local && ports)
		k.local_port = mirrored ? r->peer_port : r->local_port;
	if (peer && ports)
		k.peer_port = mirrored ? r->local_port : r->peer_port;
	return k;
}

static size_t hash(const struct key *k)
{
	uint64_t word[4], h = ((uint64_t)k->local_port << 16 | k->peer_port) * 0x9e3779b97f4a7c15u;

	memcpy(word, k->local, 16);
	memcpy(word + 2, k->peer, 16);
	for (int i = 0; i < 4; i++) {
		h ^= word[i];
		h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
		h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
	}
	return (size_t)(h ^ h >> 32);
}

static bool same_key(const struct key *a, const struct key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Twice as many slots as n, a power of two. */
static size_t slots_for(size_t n)
{
	size_t slots = 16;

	while (slots < 2 * n)
		slots *= 2;
	return slots;
}

static void index_release(struct index *x)
{
	free(x->slot);
	free(x->other);
}

static size_t index_at(const struct index *x, const struct rows *r, const struct key *k)
{
	size_t at = hash(k) & x->mask;

	for (; x->slot[at]; at = (at + 1) & x->mask) {
		struct key there = key_of(x->by, &r->row[x->slot[at] - 1], false);

		if (same_key(&there, k))
			break;
	}
	return at;
}

/* The first row of that key; NULL: there is none. */
static const struct join_row *find(const struct rows *r, const struct index *x, const struct key *k)
{
	uint32_t row = x->slot[index_at(x, r, k)];

	return row ? &r->row[row - 1] : NULL;
}

/* The address that BY_..._END leaves out. */
static const uint8_t *far_address(enum by by, const struct join_row *r)
{
	return by == BY_LOCAL_END ? r->peer : r->local;
}

/* A row of that key whose other address is not `not`. */
static const struct join_row *find_other(
	const struct rows *r, const struct index *x, const struct key *k, const uint8_t not [16])
{
	size_t at = index_at(x, r, k);
	uint32_t both[2] = { x->slot[at], x->other[at] };

	for (int i = 0; i < 2; i++) {
		const struct join_row *row = both[i] ? &r->row[both[i] - 1] : NULL;

		if (row && memcmp(far_address(x->by, row), not, 16) != 0)
			return row;
	}
	return NULL;
}

static void index_put(struct index *x, const struct rows *r, size_t i)
{
	struct key k = key_of(x->by, &r->row[i], false);
	size_t at = index_at(x, r, &k);

	if (!x->slot[at])
		x->slot[at] = (uint32_t)i + 1;
	else if (x->other && !x->other[at] &&
		 memcmp(far_address(x->by, &r->row[i]),
			 far_address(x->by, &r->row[x->slot[at] - 1]), 16) != 0)
		x->other[at] = (uint32_t)i + 1;
}

static bool is_any(const uint8_t address[16])
{
	static const uint8_t any[16], any4[16] = { [10] = 0xff, 0xff };

	return memcmp(address, any, 16) == 0 || memcmp(address, any4, 16) == 0;
}

/* Has a peer, and is neither loopback nor wholly this host's. */
static bool goes_out(const struct rows *r, size_t i)
{
	return r->row[i].state != TCP_STATE_LISTEN && r->row[i].state != TCP_STATE_CLOSE &&
	       !r->row[i].loops && !r->within[i];
}

static bool belongs(const struct rows *r, enum by by, size_t i)
{
	if (by == BY_LOCAL)
		return !is_any(r->row[i].local) && !r->row[i].loops;
	if (by == BY_FLOW)
		return r->row[i].state != TCP_STATE_LISTEN;
	return goes_out(r, i) && (by == BY_PEER || !r->paired[i]);
}

static int index_make(struct index *x, const struct rows *r, enum by by)
{
	size_t slots = slots_for(r->n);

	x->by = by;
	x->mask = slots - 1;
	x->slot = mem_new(slots, sizeof(*x->slot));
	if (by == BY_LOCAL_END || by == BY_PEER_END)
		x->other = mem_new(slots, sizeof(*x->other));
	if (!x->slot || (!x->other && (by == BY_LOCAL_END || by == BY_PEER_END)))
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		if (belongs(r, by, i))
			index_put(x, r, i);
	}
	return 0;
}

int join_new(bool direct, struct join **ret_join)
{
	struct join *j = mem_new(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->direct = direct;
	*ret_join = j;
	return 0;
}

void join_free(struct join *j)
{
	if (!j)
		return;
	for (int h = 0; h < JOIN_HOSTS; h++) {
		struct rows *r = &j->rows[h];

		free(r->row);
		free(r->paired);
		free(r->within);
		index_release(&r->flow);
		index_release(&r->local);
		index_release(&r->peer);
		index_release(&r->local_end);
		index_release(&r->peer_end);
	}
	free(j->suspect);
	free(j->slot);
	free(j->result.finding);
	free(j);
}

int join_add(struct join *j, unsigned int host, const struct join_row *row)
{
	struct rows *r = &j->rows[host];

	if (r->n == JOIN_ROWS) {
		j->blind[host] = true;
		j->result.side[host].unlisted++;
		return 0;
	}
	if (r->n == r->room) {
		size_t room = r->room ? r->room * 2 : 1024;
		struct join_row *more = mem_resize(r->row, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->row = more;
		r->room = room;
	}
	r->row[r->n++] = *row;
	return 0;
}

int join_address(struct join *j, unsigned int host, const uint8_t address[16])
{
	/* As good as a listener on it. */
	struct join_row row = { .state = TCP_STATE_LISTEN };

	memcpy(row.local, address, sizeof(row.local));
	int err = join_add(j, host, &row);

	if (err == 0)
		j->rows[host].own++;
	return err;
}

void join_blind(struct join *j, unsigned int host)
{
	j->blind[host] = true;
}

/* Whom each socket of host h belongs to: one of the other host, or of its own. */
static void pair_up(struct join *j, unsigned int h)
{
	struct rows *mine = &j->rows[h], *theirs = &j->rows[!h];

	for (size_t i = 0; i < mine->n; i++) {
		struct key k = key_of(BY_FLOW, &mine->row[i], true);

		if (mine->row[i].state == TCP_STATE_LISTEN)
			continue;
		mine->within[i] = find(mine, &mine->flow, &k) != NULL;
		mine->paired[i] = !mine->within[i] && find(theirs, &theirs->flow, &k) != NULL;
	}
}

static int add_suspect(struct join *j, unsigned int host, const struct join_row *here,
	const struct join_row *there)
{
	j->result.suspects++;
	if (j->n_suspects == JOIN_SUSPECTS) {
		j->result.dropped++;
		return 0;
	}
	if (j->n_suspects == j->room) {
		size_t room = j->room ? j->room * 2 : 64;
		struct suspect *more = mem_resize(j->suspect, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		j->suspect = more;
		j->room = room;
	}
	struct suspect *s = &j->suspect[j->n_suspects++];

	*s = (struct suspect){ .host = (uint8_t)host, .here = { *here, *here } };
	if (there) {
		s->there[0] = s->there[1] = *there;
		s->has_there = true;
	}
	return 0;
}

/*
 * The other host does not have this connection. May that be because it cannot be known there, or
 * has other addresses there? Which of the reasons it is is counted.
 */
static bool may_be_missing(struct join *j, unsigned int host, const struct join_row *row)
{
	const struct rows *mine = &j->rows[host], *theirs = &j->rows[!host];
	struct join_side *side = &j->result.side[host];
	struct key peer = key_of(BY_LOCAL, row, true), local = key_of(BY_PEER, row, true);
	struct key here = key_of(BY_PEER_END, row, true), there = key_of(BY_LOCAL_END, row, true);

	if (!find(theirs, &theirs->local, &peer)) {
		/* Known by its other end: that is where it was translated to. */
		if (find_other(theirs, &theirs->peer_end, &here, row->peer))
			side->translated++;
		else
			side->elsewhere++;
		return false;
	}
	if (find(mine, &mine->local, &peer)) {
		side->both_have++;
		return false;
	}
	if (find_other(theirs, &theirs->peer_end, &here, row->peer)) {
		side->translated++;
		return false;
	}
	if (!j->direct && !find(theirs, &theirs->peer, &local) &&
		find_other(theirs, &theirs->local_end, &there, row->local)) {
		side->perhaps_nat++;
		return false;
	}
	side->unseen += j->blind[!host];
	return !j->blind[!host];
}

static int judge_alone(struct join *j, unsigned int host, const struct join_row *row)
{
	if (join_alone(row) == JOIN_NONE || !may_be_missing(j, host, row))
		return 0;
	return add_suspect(j, host, row, NULL);
}

/* From either end; each pair once, by way of A. */
static int judge_pair(struct join *j, const struct join_row *a, const struct join_row *b)
{
	j->result.joined++;
	if (join_pair(a, b) != JOIN_NONE)
		return add_suspect(j, JOIN_A, a, b);
	if (join_pair(b, a) != JOIN_NONE)
		return add_suspect(j, JOIN_B, b, a);
	return 0;
}

static int judge(struct join *j, unsigned int h)
{
	const struct rows *mine = &j->rows[h], *theirs = &j->rows[!h];
	int err = 0;

	for (size_t i = 0; i < mine->n && err == 0; i++) {
		struct key k;

		if (!goes_out(mine, i))
			continue;
		j->result.side[h].connections++;
		if (!mine->paired[i]) {
			err = judge_alone(j, h, &mine->row[i]);
		} else if (h == JOIN_A) {
			k = key_of(BY_FLOW, &mine->row[i], true);
			err = judge_pair(j, &mine->row[i], find(theirs, &theirs->flow, &k));
		}
	}
	return err;
}

/* As A sees it, whosever row it is. */
static size_t suspect_at(const struct join *j, const struct key *k)
{
	size_t at = hash(k) & j->mask;

	for (; j->slot[at]; at = (at + 1) & j->mask) {
		const struct suspect *s = &j->suspect[j->slot[at] - 1];
		struct key there = key_of(BY_FLOW, &s->here[0], s->host == JOIN_B);

		if (same_key(&there, k))
			break;
	}
	return at;
}

static int index_suspects(struct join *j)
{
	size_t slots = slots_for(j->n_suspects);

	j->mask = slots - 1;
	j->slot = mem_new(slots, sizeof(*j->slot));
	if (!j->slot)
		return -ENOMEM;
	for (size_t i = 0; i < j->n_suspects; i++) {
		struct key k =
			key_of(BY_FLOW, &j->suspect[i].here[0], j->suspect[i].host == JOIN_B);
		size_t at = suspect_at(j, &k);

		if (!j->slot[at])
			j->slot[at] = (uint32_t)i + 1;
	}
	return 0;
}

static int index_rows(struct join *j)
{
	int err = 0;

	for (int h = 0; h < JOIN_HOSTS && err == 0; h++) {
		struct rows *r = &j->rows[h];

		r->paired = mem_new(r->n + 1, sizeof(*r->paired));
		r->within = mem_new(r->n + 1, sizeof(*r->within));
		err = r->paired && r->within ? index_make(&r->flow, r, BY_FLOW) : -ENOMEM;
	}
	if (err < 0)
		return err;
	pair_up(j, JOIN_A);
	pair_up(j, JOIN_B);
	for (int h = 0; h < JOIN_HOSTS && err == 0; h++) {
		struct rows *r = &j->rows[h];

		err = index_make(&r->local, r, BY_LOCAL);
		err = err < 0 ? err : index_make(&r->peer, r, BY_PEER);
		err = err < 0 ? err : index_make(&r->local_end, r, BY_LOCAL_END);
		err = err < 0 ? err : index_make(&r->peer_end, r, BY_PEER_END);
	}
	return err;
}

int join_match(struct join *j)
{
	int err = index_rows(j);

	for (unsigned int h = 0; h < JOIN_HOSTS && err == 0; h++) {
		const struct index *x = &j->rows[h].local;

		j->result.side[h].rows = j->rows[h].n - j->rows[h].own;
		for (size_t i = 0; i <= x->mask; i++)
			j->result.side[h].addresses += x->slot[i] != 0;
		err = judge(j, h);
	}
	return err < 0 ? err : index_suspects(j);
}

size_t join_suspects(const struct join *j)
{
	size_t n = 0;

	for (size_t i = 0; i < j->n_suspects; i++)
		n += !j->suspect[i].gone;
	return n;
}

void join_again(struct join *j, unsigned int host, const struct join_row *row)
{
	struct key k = key_of(BY_FLOW, row, host == JOIN_B);
	uint32_t which = j->slot[suspect_at(j, &k)];
	struct suspect *s = which ? &j->suspect[which - 1] : NULL;

	if (!s || row->state == TCP_STATE_LISTEN)
		return;
	bool here = host == s->host;
	struct join_row *as = here ? s->here : s->there;

	/* Where there was nothing, anything at all is news. */
	if (!here && !s->has_there) {
		s->gone = true;
		return;
	}
	if (row->cookie != as[0].cookie || row->state != as[0].state)
		return;
	as[1] = *row;
	s->seen[host] = true;
}

void join_looked(struct join *j, unsigned int host, bool blind)
{
	j->result.side[host].looks++;
	for (size_t i = 0; i < j->n_suspects; i++) {
		struct suspect *s = &j->suspect[i];
		bool wanted = host == s->host || s->has_there;

		if (wanted && !s->seen[host])
			s->gone = true;
		if (wanted || !blind)
			s->looks[host]++;
		s->seen[host] = false;
	}
}

/* False: it was none, after all. */
static bool conclude(const struct suspect *s, struct join_finding *ret)
{
	enum join_cause cause =
		s->has_there ? join_pair(&s->here[1], &s->there[1]) : join_alone(&s->here[1]);
	bool checked = s->looks[JOIN_A] > 0 && s->looks[JOIN_B] > 0;

	if (s->gone || cause == JOIN_NONE)
		return false;
	if (checked && s->has_there &&
		(cause != join_pair(&s->here[0], &s->there[0]) ||
			!join_stands(cause, s->here, s->there)))
		return false;
	*ret = (struct join_finding){ .cause = cause,
		.host = s->host,
		.checked = checked,
		.has_there = s->has_there,
		.here = s->here[1],
		.there = s->there[1] };
	return true;
}

static uint64_t stuck(const struct join_finding *f)
{
	return f->here.send_queue + f->there.receive_queue;
}

/* What was checked, the worst cause, most bytes that wait, the longest silence. */
static int worse_first(const void *a, const void *b)
{
	const struct join_finding *x = a, *y = b;

	if (x->checked != y->checked)
		return x->checked ? -1 : 1;
	if (x->cause != y->cause)
		return x->cause < y->cause ? -1 : 1;
	if (stuck(x) != stuck(y))
		return stuck(x) > stuck(y) ? -1 : 1;
	if (x->here.heard_ns != y->here.heard_ns)
		return x->here.heard_ns > y->here.heard_ns ? -1 : 1;
	return memcmp(&x->here.cookie, &y->here.cookie, sizeof(x->here.cookie));
}

int join_finish(struct join *j, struct join_result *ret)
{
	struct join_result *r = &j->result;

	free(r->finding);
	r->n_findings = r->n_checked = 0;
	r->finding = mem_new(j->n_suspects + 1, sizeof(*r->finding));
	if (!r->finding)
		return -ENOMEM;
	for (size_t i = 0; i < j->n_suspects; i++) {
		if (!conclude(&j->suspect[i], &r->finding[r->n_findings]))
			continue;
		r->n_checked += r->finding[r->n_findings].checked;
		r->n_findings++;
	}
	qsort(r->finding, r->n_findings, sizeof(*r->finding), worse_first);
	*ret = *r;
	return 0;
}
