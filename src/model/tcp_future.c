/* SPDX-License-Identifier: MIT */
#include "model/tcp_future.h"

#include "base/attr.h"
#include "base/clock.h"
#include "model/tcp.h"
#include "model/tcp_stall.h"

#include <errno.h>

/* enum of idiag_timer, net/ipv4/inet_diag.c */
enum { TIMER_NONE, TIMER_RETRANSMIT, TIMER_KEEPALIVE, TIMER_TIME_WAIT, TIMER_PROBE };

enum {
	STEPS_MAX = 600, /* of one story: counters have 8 bits */
	SHIFT_MAX = 32,
	WHEEL_LEVELS = 9,
	ORPHAN_RETRIES = 8,  /* where the setting is 0 and the timer below its maximum */
	MANY_RETRANSMITS = 2 /* without a backoff: each of them was called back by ICMP */
};

/* include/net/tcp.h */
#define MS 1000000u
#define FIRST_RTO_NS NS_PER_S
#define RTO_MIN_NS (200ull * MS)
#define REQUEST_MAX_NS (120ull * NS_PER_S) /* tcp_rto_max_ms is not asked there */
#define TIME_WAIT_NS (60ull * NS_PER_S)
#define LONG_NS (400ull * 86400 * NS_PER_S) /* sums stay below 2^64 */
#define NEVER UINT64_MAX

/* How late timers are: not at all, as they are on average, as they can be. */
enum lateness { PUNCTUAL, USUAL, LATEST, LATENESSES };

struct rules {
	uint64_t retries2, orphan_retries, syn_retries, synack_retries, syn_linear;
	uint64_t keepalive_ns, interval_ns, probes, fin_ns, rto_max_ns, rto_min_ns, tick_ns;
	bool assumed;
};

struct story {
	const struct tcp_socket *s;
	struct rules r;
	enum lateness late;
	struct tcp_end end; /* all but its times */
};

static uint64_t bounded(uint64_t ns)
{
	return ns < LONG_NS ? ns : LONG_NS;
}

static bool has(const struct tcp_socket *s, unsigned int column)
{
	return row_has(s->has, column);
}

/* What the namespace has, else what the kernel begins with. */
static uint64_t setting(struct rules *r, bool known, uint64_t value, uint64_t kernels)
{
	r->assumed |= !known;
	return known ? bounded(value) : kernels;
}

#define KNOWN(column) (set && row_has(set->has, NETNS_SETTING_##column))
#define SETTING(column, kernels) \
	setting(&r, KNOWN(column), KNOWN(column) ? set->column : 0, kernels)
/* That came late: where others are known, the kernel is older. */
#define NEWER_SETTING(column, kernels, older) \
	(KNOWN(column) ? bounded(set->column) : set ? (older) : (kernels))

static struct rules rules_of(const struct netns_setting *set)
{
	struct rules r = { 0 };

	r.retries2 = SETTING(retries2, 15);
	r.orphan_retries = SETTING(orphan_retries, 0);
	r.syn_retries = SETTING(syn_retries, 6);
	r.synack_retries = SETTING(synack_retries, 5);
	r.keepalive_ns = SETTING(keepalive_ns, 7200ull * NS_PER_S);
	r.interval_ns = SETTING(keepalive_interval_ns, 75ull * NS_PER_S);
	r.probes = SETTING(keepalive_probes, 9);
	r.fin_ns = SETTING(fin_timeout_ns, TIME_WAIT_NS);
	r.syn_linear = NEWER_SETTING(syn_linear_timeouts, 4, 0);
	r.rto_max_ns = NEWER_SETTING(rto_max_ns, 120ull * NS_PER_S, 120ull * NS_PER_S);
	r.rto_min_ns = NEWER_SETTING(rto_min_ns, RTO_MIN_NS, RTO_MIN_NS);
	r.tick_ns = NEWER_SETTING(tick_ns, 4 * MS, 4 * MS);
	if (r.rto_max_ns < RTO_MIN_NS)
		r.rto_max_ns = RTO_MIN_NS;
	if (r.tick_ns == 0 || r.tick_ns > 10 * MS)
		r.tick_ns = 4 * MS;
	return r;
}

/*
 * What a timer set for so long is late: they are kept in wheels, coarser the longer it is, and
 * rounded up. kernel/time/timer.c, calc_wheel_index().
 */
static uint64_t lateness(const struct story *t, uint64_t set_ns)
{
	uint64_t grain = t->r.tick_ns;

	for (int i = 1; i < WHEEL_LEVELS && set_ns >= 63 * grain; i++)
		grain *= 8;
	return t->late == PUNCTUAL ? 0 : t->late == USUAL ? grain / 2 : grain;
}

static uint64_t fires(const struct story *t, uint64_t left_ns, uint64_t set_ns)
{
	return bounded(left_ns) + lateness(t, bounded(set_ns));
}

static uint64_t doubled(uint64_t ns, uint64_t times, uint64_t most)
{
	if (times >= SHIFT_MAX || bounded(ns) << times > most)
		return most;
	return bounded(ns) << times;
}

/* An option of the socket, or what counts without it. */
static uint64_t option(struct story *t, unsigned int column, uint64_t value, uint64_t without)
{
	if (!has(t->s, column)) {
		t->end.assumed = true;
		return without;
	}
	return value ? value : without;
}

#define OPTION(column, without) option(t, TCP_SOCKET_##column, t->s->column, without)

static bool is_orphan(const struct tcp_socket *s)
{
	return s->inode == 0 &&
	       (s->state == TCP_STATE_FIN_WAIT1 || s->state == TCP_STATE_FIN_WAIT2 ||
		       s->state == TCP_STATE_LAST_ACK || s->state == TCP_STATE_CLOSING);
}

/* tcp_model_timeout(): what so many retries would take from the shortest timer on. */
static uint64_t model_timeout(const struct story *t, uint64_t retries, uint64_t base)
{
	uint64_t most = t->r.rto_max_ns, sum = 0;

	if (retries > STEPS_MAX)
		retries = STEPS_MAX;
	/* The kernel compares with the power of two below: the last doubling may exceed most. */
	for (uint64_t k = 0; k <= retries; k++)
		sum += k < SHIFT_MAX && base << k <= most ? base << k : most;
	return sum;
}

static uint64_t orphan_retries(const struct story *t, bool alive)
{
	return t->r.orphan_retries == 0 && alive ? ORPHAN_RETRIES : t->r.orphan_retries;
}

/*
 * tcp_write_err(): what ICMP said since the last ACK. Without eBPF it shows by timers that were
 * called back (tcp_ld_RTO_revert()), which takes two retransmits, and as many answers.
 */
static int errno_of(const struct story *t, bool held)
{
	if (has(t->s, TCP_SOCKET_soft_error))
		return t->s->soft_error ? (int)t->s->soft_error : ETIMEDOUT;
	return held ? EHOSTUNREACH : ETIMEDOUT;
}

/* A connection whose segments get no answer. */
struct retry {
	uint64_t n;         /* retransmitted so often */
	uint64_t rto;       /* the timer, unless the user's timeout cuts it */
	uint64_t base;      /* its first value */
	uint64_t trying_ns; /* retransmits: since the first of them; SYN: since it was sent */
	uint64_t user_ns;   /* TCP_USER_TIMEOUT, 0: none */
	uint64_t limit;     /* of trying_ns, when it was looked at last */
	bool connecting, orphan, held;
};

/* Linear at first where SYN is concerned: tcp_syn_linear_timeouts. */
static uint64_t nth_timer(const struct story *t, const struct retry *y, uint64_t k)
{
	if (y->connecting)
		k = k > t->r.syn_linear ? k - t->r.syn_linear : 0;
	return doubled(y->base, k, t->r.rto_max_ns);
}

/*
 * tcp_clamp_rto_to_user_timeout() cut the pending timer: then it is the last. Only where nothing
 * was heard since it was set, since that could have set it anew.
 */
static bool is_cut(const struct tcp_socket *s)
{
	uint64_t set_ns = bounded(s->last_sent_ns) + bounded(s->timer_ns);

	return s->retransmits > 0 && has(s, TCP_SOCKET_last_sent_ns) &&
	       has(s, TCP_SOCKET_last_ack_ns) && has(s, TCP_SOCKET_rto_ns) &&
	       s->last_ack_ns > s->last_sent_ns && set_ns + 20 * MS < s->rto_ns / 10 * 9 &&
	       s->timer_ns > 0;
}

/* Without retrans_stamp: what the timers so far took. */
static uint64_t tried_so_far(const struct story *t, const struct retry *y)
{
	const struct tcp_socket *s = t->s;
	uint64_t left = s->timer_ns < y->rto ? s->timer_ns : y->rto;
	uint64_t sum = y->rto - left;

	for (uint64_t k = y->connecting ? 0 : 1; k < y->n && k < STEPS_MAX; k++) {
		uint64_t d = y->held ? y->rto : nth_timer(t, y, k);

		sum += d + lateness(t, d);
	}
	if (has(s, TCP_SOCKET_busy_ns) && !y->connecting && y->n > 0 && sum > s->busy_ns)
		sum = bounded(s->busy_ns);
	return sum;
}

static uint64_t first_timer(const struct story *t, const struct retry *y)
{
	const struct tcp_socket *s = t->s;
	uint64_t back = has(s, TCP_SOCKET_backoff) ? s->backoff : y->n;

	if (y->connecting)
		return back < SHIFT_MAX && y->rto < t->r.rto_max_ns ? y->rto >> back : FIRST_RTO_NS;
	if (back < SHIFT_MAX && (y->rto < t->r.rto_max_ns || back == 0))
		return y->rto >> back;
	/* At its maximum it does not tell any more what it began with. */
	return bounded(has(s, TCP_SOCKET_rtt_ns) ? s->rtt_ns : 0) + t->r.rto_min_ns;
}

static struct retry retry_of(struct story *t)
{
	const struct tcp_socket *s = t->s;
	struct retry y = { .n = s->retransmits, .connecting = s->state == TCP_STATE_SYN_SENT };

	y.rto = bounded(s->rto_ns);
	y.base = first_timer(t, &y);
	y.orphan = is_orphan(s);
	y.user_ns = OPTION(user_timeout_ns, 0);
	y.held = !y.connecting && has(s, TCP_SOCKET_backoff) && s->backoff + 1 < y.n &&
		 y.n >= MANY_RETRANSMITS && s->backoff < UINT8_MAX - 1;
	y.trying_ns = has(s, TCP_SOCKET_trying_ns) && !y.connecting ? bounded(s->trying_ns)
								    : tried_so_far(t, &y);
	t->end.unreachable = y.held;
	t->end.error = y.orphan ? 0 : errno_of(t, y.held);
	return y;
}

/* tcp_write_timeout(): is it the last time that the timer fires? */
static bool is_over(struct story *t, struct retry *y, uint64_t now)
{
	uint64_t retries = t->r.retries2, limit = y->user_ns, base = RTO_MIN_NS;

	t->end.rule = "net.ipv4.tcp_retries2";
	if (y->connecting) {
		bool own = has(t->s, TCP_SOCKET_syn_retries) && t->s->syn_retries > 0;

		retries = OPTION(syn_retries, t->r.syn_retries);
		base = FIRST_RTO_NS;
		t->end.rule = own ? "TCP_SYNCNT" : "net.ipv4.tcp_syn_retries";
		if (y->n >= retries + t->r.syn_linear && (limit == 0 || y->trying_ns + now < limit))
			return true;
	} else if (y->orphan) {
		retries = orphan_retries(t, y->rto < t->r.rto_max_ns);
		t->end.rule = "net.ipv4.tcp_orphan_retries";
	}
	if (limit > 0)
		t->end.rule = "TCP_USER_TIMEOUT";
	else
		limit = model_timeout(t, retries, base);
	y->limit = limit;
	return y->n > 0 && y->trying_ns + now >= limit;
}

static uint64_t play_retries(struct story *t)
{
	struct retry y = retry_of(t);
	uint64_t now = fires(t, t->s->timer_ns, y.rto);

	if (y.user_ns == 0 && t->end.assumed && is_cut(t->s)) {
		t->end.rule = "TCP_USER_TIMEOUT";
		t->end.assumed = false;
		return now;
	}
	for (int i = 0; i < STEPS_MAX && !is_over(t, &y, now); i++) {
		uint64_t left = NEVER;

		y.n++;
		if (!y.held)
			y.rto = y.connecting ? nth_timer(t, &y, y.n)
					     : doubled(y.rto, 1, t->r.rto_max_ns);
		if (y.user_ns > 0)
			left = y.user_ns > y.trying_ns + now ? y.user_ns - y.trying_ns - now
							     : t->r.tick_ns;
		/* The first of them sets retrans_stamp. */
		if (y.n == 1 && !y.connecting) {
			y.trying_ns = 0;
			left = NEVER;
		}
		uint64_t set_ns = y.rto < left ? y.rto : left;

		uint64_t step = fires(t, set_ns, set_ns);

		/* Always the same: as often as it takes. */
		if (y.held && step > 0 && y.limit > y.trying_ns + now)
			step *= (y.limit - y.trying_ns - now + step - 1) / step;
		now = bounded(now + step);
	}
	return now;
}

/*
 * tcp_rtx_probe0_timed_out(): something is not acknowledged, but the window is closed. The
 * retransmits are window probes then, which are not counted.
 */
static uint64_t play_closed_window(struct story *t)
{
	const struct tcp_socket *s = t->s;
	struct retry y = retry_of(t);
	uint64_t now = fires(t, s->timer_ns, y.rto), limit = 2 * t->r.rto_max_ns;

	y.n = s->backoff;
	if (!has(s, TCP_SOCKET_trying_ns))
		y.trying_ns = tried_so_far(t, &y);
	t->end.rule = y.user_ns > 0 ? "TCP_USER_TIMEOUT" : "closed window, 2 * tcp_rto_max_ms";
	t->end.error = errno_of(t, false);
	for (int i = 0; i < STEPS_MAX; i++) {
		if (y.user_ns > 0 && y.trying_ns + now > y.user_ns)
			break;
		if (bounded(s->last_ack_ns) + now > limit && y.trying_ns + now > limit)
			break;
		y.rto = doubled(y.rto, 1, t->r.rto_max_ns);
		now = bounded(now + fires(t, y.rto, y.rto));
	}
	return now;
}

/* A window that is closed: tcp_probe_timer(). */
struct probing {
	uint64_t base, n, back;
	uint64_t user_ns, since_ns; /* since the first probe */
	bool orphan, answered;
};

static uint64_t probe_timer(const struct story *t, const struct probing *p, uint64_t back)
{
	uint64_t most = 1;

	while (most < SHIFT_MAX && RTO_MIN_NS << most <= t->r.rto_max_ns)
		most++;
	return doubled(p->base, back < most ? back : most, t->r.rto_max_ns);
}

static struct probing probing_of(struct story *t)
{
	const struct tcp_socket *s = t->s;
	struct probing p = { .n = s->probes, .back = s->backoff, .orphan = is_orphan(s) };

	p.base = bounded(s->rto_ns) > RTO_MIN_NS ? bounded(s->rto_ns) : RTO_MIN_NS;
	p.user_ns = OPTION(user_timeout_ns, 0);
	p.answered = p.n == 0 && p.back > 0;
	for (uint64_t k = 1; k < p.back && k < STEPS_MAX; k++)
		p.since_ns += probe_timer(t, &p, k) + lateness(t, probe_timer(t, &p, k));
	uint64_t set_ns = probe_timer(t, &p, p.back);

	if (p.back > 0 && set_ns > s->timer_ns)
		p.since_ns += set_ns - s->timer_ns;
	t->end.error = p.orphan ? 0 : errno_of(t, false);
	return p;
}

static bool probes_are_over(struct story *t, const struct probing *p, uint64_t now)
{
	uint64_t most = t->r.retries2;

	t->end.rule = "net.ipv4.tcp_retries2";
	if (p->user_ns > 0 && p->back > 0 && p->since_ns + now >= p->user_ns) {
		t->end.rule = "TCP_USER_TIMEOUT";
		return true;
	}
	if (p->orphan) {
		bool alive = doubled(p->base, p->back, t->r.rto_max_ns) < t->r.rto_max_ns;

		t->end.rule = "net.ipv4.tcp_orphan_retries";
		most = orphan_retries(t, alive);
		if (!alive && p->back >= most)
			return true;
	}
	return p->n >= most;
}

static uint64_t play_probes(struct story *t)
{
	struct probing p = probing_of(t);
	uint64_t set_ns = probe_timer(t, &p, p.back);
	uint64_t now = fires(t, t->s->timer_ns, set_ns);

	if (p.answered && !p.orphan && p.user_ns == 0) {
		t->end.what = TCP_END_NOTHING; /* for as long as the peer likes */
		return 0;
	}
	for (int i = 0; i < STEPS_MAX && !probes_are_over(t, &p, now); i++) {
		if (p.back == 0)
			p.since_ns = 0 - now; /* begins here; only since_ns + now is looked at */
		p.n += !p.answered;
		p.back += p.back < t->r.retries2;
		set_ns = probe_timer(t, &p, p.back);
		if (p.user_ns > 0 && p.user_ns - (p.since_ns + now) < set_ns)
			set_ns = p.user_ns - (p.since_ns + now);
		now = bounded(now + fires(t, set_ns, set_ns));
	}
	return now;
}

/* tcp_keepalive_timer() of a connection on which nothing is under way. */
static uint64_t play_keepalive(struct story *t)
{
	const struct tcp_socket *s = t->s;
	uint64_t idle = OPTION(keepalive_idle_ns, t->r.keepalive_ns);
	uint64_t interval = OPTION(keepalive_interval_ns, t->r.interval_ns);
	uint64_t most = OPTION(keepalive_probes, t->r.probes);
	uint64_t user_ns = OPTION(user_timeout_ns, 0);
	uint64_t quiet =
		s->last_ack_ns < s->last_received_ns ? s->last_ack_ns : s->last_received_ns;
	uint64_t n = s->probes, now = fires(t, s->timer_ns, n > 0 ? interval : idle);

	quiet = bounded(quiet);
	t->end.what = n > 0 ? TCP_END_KEEPALIVE : TCP_END_PROBE;
	t->end.error = n > 0 ? errno_of(t, false) : 0;
	t->end.rule = n == 0        ? "net.ipv4.tcp_keepalive_time"
		      : user_ns > 0 ? "TCP_USER_TIMEOUT"
				    : "net.ipv4.tcp_keepalive_probes";
	for (int i = 0; i < STEPS_MAX; i++) {
		uint64_t set_ns = interval;

		if (quiet + now < idle)
			set_ns = bounded(idle) - quiet - now;
		else if (n == 0 || (user_ns > 0 ? quiet + now >= user_ns : n >= most))
			break;
		else
			n++;
		now = bounded(now + fires(t, set_ns, set_ns));
	}
	return now;
}

/* What is left of tcp_fin_timeout beyond TIME_WAIT's minute comes again, as a TIME_WAIT. */
static uint64_t play_fin_wait2(struct story *t)
{
	const struct tcp_socket *s = t->s;
	bool own = has(s, TCP_SOCKET_linger2_ns) && s->linger2_ns > 0;
	uint64_t whole = OPTION(linger2_ns, t->r.fin_ns);
	uint64_t least = bounded(s->rto_ns) / 2 * 7, now, more;

	t->end.what = TCP_END_FIN_WAIT2;
	t->end.rule = own ? "TCP_LINGER2" : "net.ipv4.tcp_fin_timeout";
	if (s->timer == TIMER_TIME_WAIT) {
		t->end.assumed = false; /* it is in its timer */
		return fires(t, s->timer_ns, whole < TIME_WAIT_NS ? whole : TIME_WAIT_NS);
	}
	if (whole != NEVER && whole < least)
		whole = least;
	more = whole > TIME_WAIT_NS && whole != NEVER ? bounded(whole) - TIME_WAIT_NS : 0;
	now = fires(t, s->timer_ns, more ? more : s->timer_ns);
	return more ? now + fires(t, more, more) : now;
}

static uint64_t play_half_open(struct story *t)
{
	const struct tcp_socket *s = t->s;
	uint64_t n = s->timer_retransmits, set_ns = doubled(FIRST_RTO_NS, n, REQUEST_MAX_NS);
	uint64_t now = fires(t, s->timer_ns, set_ns);

	t->end.assumed = true; /* TCP_SYNCNT of its listener */
	t->end.what = TCP_END_HALF_OPEN;
	t->end.rule = "net.ipv4.tcp_synack_retries";
	for (int i = 0; i < STEPS_MAX && n < t->r.synack_retries; i++) {
		set_ns = doubled(FIRST_RTO_NS, ++n, REQUEST_MAX_NS);
		now = bounded(now + fires(t, set_ns, set_ns));
	}
	return now;
}

static uint64_t play_time_wait(struct story *t)
{
	t->end.what = TCP_END_TIME_WAIT;
	t->end.rule = "TCP_TIMEWAIT_LEN";
	return fires(t, t->s->timer_ns, TIME_WAIT_NS);
}

typedef uint64_t play_fn(struct story *t);

static play_fn *plot_of_retries(struct story *t)
{
	const struct tcp_socket *s = t->s;
	bool closed = has(s, TCP_SOCKET_send_window_bytes) && s->send_window_bytes == 0;

	t->end.what = is_orphan(s) ? TCP_END_FREED : TCP_END_FAILS;
	if (!has(s, TCP_SOCKET_rto_ns) || !has(s, TCP_SOCKET_retransmits))
		return NULL;
	if (s->state == TCP_STATE_SYN_SENT) {
		t->end.what = TCP_END_CONNECT_FAILS;
		return play_retries;
	}
	if (closed && !is_orphan(s))
		return s->backoff >= 2 && bounded(s->last_ack_ns) + s->timer_ns > s->rto_ns
			       ? play_closed_window
			       : NULL;
	return s->retransmits > 0 ? play_retries : NULL;
}

/* NULL: nothing will happen by itself, or too little is known. */
static play_fn *plot_of(struct story *t)
{
	const struct tcp_socket *s = t->s;

	if (!has(s, TCP_SOCKET_timer_ns) || s->state == TCP_STATE_LISTEN ||
		s->state == TCP_STATE_CLOSE)
		return NULL;
	if (s->state == TCP_STATE_TIME_WAIT)
		return play_time_wait;
	if (s->state == TCP_STATE_FIN_WAIT2 &&
		(s->timer == TIMER_TIME_WAIT || (s->timer == TIMER_KEEPALIVE && s->inode == 0)))
		return play_fin_wait2;
	if (s->state == TCP_STATE_SYN_RECV || s->state == TCP_STATE_NEW_SYN_RECV)
		return s->timer == TIMER_RETRANSMIT ? play_half_open : NULL;
	if (s->timer == TIMER_RETRANSMIT)
		return plot_of_retries(t);
	if (s->timer == TIMER_KEEPALIVE)
		return has(s, TCP_SOCKET_last_ack_ns) && s->state != TCP_STATE_SYN_SENT
			       ? play_keepalive
			       : NULL;
	if (s->timer != TIMER_PROBE || !has(s, TCP_SOCKET_probes) || !has(s, TCP_SOCKET_rto_ns))
		return NULL;
	/* Its pace is over then: it sends, and goes on. */
	if (s->probes == 0 && s->unacked == 0 && s->notsent_bytes > 0 && tcp_window_takes_more(s))
		return NULL;
	t->end.what = is_orphan(s) ? TCP_END_FREED : TCP_END_FAILS;
	return play_probes;
}

struct tcp_end tcp_future(const struct tcp_socket *s, const struct netns_setting *set)
{
	struct story t = { .s = s, .r = rules_of(set) };
	uint64_t at[LATENESSES];
	play_fn *play = plot_of(&t);

	if (!play)
		return (struct tcp_end){ .rule = "" };
	for (t.late = PUNCTUAL; t.late < LATENESSES; t.late++) {
		at[t.late] = play(&t);
		/* What an option decides is not asked any more where the timer tells of it. */
		if (t.end.what == TCP_END_NOTHING)
			return (struct tcp_end){ .rule = "", .assumed = t.end.assumed };
	}
	t.end.in_ns = at[USUAL];
	t.end.least_ns = at[USUAL];
	t.end.most_ns = at[USUAL];
	for (int i = 0; i < LATENESSES; i++) {
		t.end.least_ns = at[i] < t.end.least_ns ? at[i] : t.end.least_ns;
		t.end.most_ns = at[i] > t.end.most_ns ? at[i] : t.end.most_ns;
	}
	t.end.settings_assumed = t.r.assumed;
	return t.end;
}

const char *tcp_end_name(enum tcp_end_what what)
{
	static const char *const names[TCP_ENDS] = { [TCP_END_NOTHING] = "nothing",
		[TCP_END_FAILS] = "fails",
		[TCP_END_CONNECT_FAILS] = "connect-fails",
		[TCP_END_FREED] = "orphan-freed",
		[TCP_END_FIN_WAIT2] = "fin-wait2-gone",
		[TCP_END_TIME_WAIT] = "time-wait-gone",
		[TCP_END_HALF_OPEN] = "half-open-dropped",
		[TCP_END_PROBE] = "keepalive-probe",
		[TCP_END_KEEPALIVE] = "keepalive-gives-up" };

	return names[(unsigned int)what < TCP_ENDS ? what : TCP_END_NOTHING];
}
