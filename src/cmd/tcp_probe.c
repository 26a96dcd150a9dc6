/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "act/tcp_probe.h"
#include "cmd/terminal.h"
#include "look/tcp_look.h"
#include "render/json_report.h"
#include "render/tcp.h"
#include "render/words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum { MOST_DEFAULT = 1000, MOST = 100000, SHOWN = 20 };
#define IDLE_DEFAULT_S 60.0
#define RATE_DEFAULT 100.0
#define PATIENCE_DEFAULT_S 1.0

static const struct option_row options[] = {
	{ "send", 0, NULL, "do it; without it only what would be sent is told" },
	{ "idle", 'i', "SECONDS", "connections that have been silent for so long; 60" },
	{ "port", 'p', "PORT", "only this port, here or at the peer" },
	{ "address", 'a', "ADDRESS", "only this address or ADDRESS/BITS, here or at the peer" },
	{ "process", 'P', "WHO", "only of this pid, or of processes of this name" },
	{ "max", 'm', "N", "at most so many connections, those longest silent first; 1000" },
	{ "rate", 0, "N", "segments a second, 1 to 10000; 100" },
	{ "wait", 0, "SECONDS", "for each answer; 1" },
	{ "json", 'j', NULL, "one JSON object per line; docs/json.md" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ 0 },
};

struct request {
	const struct args *args;
	struct tcp_wanted wanted;
	struct tcp_filter filter;
	struct tcp_probe_pace pace;
	double idle_s;
	uint64_t most;
	struct text_style style;
	bool json, send;
};

/* A connection that is asked, and what was known of it: the frame goes when murphy looks again. */
struct asked {
	uint64_t cookie, silent_ns, send_queue, pid;
	char *name, *local, *peer;
	bool there; /* after the answer: still there, and in the same state */
};

struct round {
	const struct request *q;
	struct arena arena;
	struct tcp_probe *probe;
	struct asked *asked;
	size_t n, eligible;
	size_t answers[TCP_ANSWERS], changed;
	bool blind;       /* not all sockets were seen, or their numbers are not known */
	const char *lack; /* why; NULL: nothing is missing */
};

static const char *answer_name(enum tcp_answer answer)
{
	static const char *const names[TCP_ANSWERS] = { "none", "alive", "forgotten", "failed" };

	return names[answer];
}

/* IPv4 is written as such in IPv6, too. */
static bool parse_address(const char *text, uint32_t *ret_family, uint8_t bytes[16])
{
	*ret_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton((int)*ret_family, text, bytes) == 1;
}

/* fe80::/10: such an address is one of an interface, and sockets do not tell which. */
static bool is_link_local(const struct tcp_probe *p)
{
	return p->family == AF_INET6 && p->peer[0] == 0xfe && (p->peer[1] & 0xc0) == 0x80;
}

static uint64_t pid_in(const struct frame *f, uint64_t netns)
{
	const struct netns *ns = table_find(frame_table(f, TABLE_netns), netns);

	return ns ? ns->pid : 0;
}

static bool is_eligible(const struct request *q, const struct tcp_socket *s)
{
	return s->state == TCP_STATE_ESTABLISHED && s->loops == 0 &&
	       (double)tcp_silence_ns(s) >= q->idle_s * 1e9;
}

/* snd_una: the queue holds what is on its way, then what was not sent yet. */
static uint32_t acked(const struct tcp_socket *s)
{
	return (uint32_t)(s->send_next + s->notsent_bytes - s->send_queue);
}

static bool prepare(struct round *r, const struct tcp_report *t, const struct tcp_connection *c)
{
	const struct table *rows = frame_table(t->frame, TABLE_tcp_socket);
	const char *local = table_text(rows, c->s->local), *peer = table_text(rows, c->s->peer);
	struct tcp_probe *p = &r->probe[r->n];
	struct asked *a = &r->asked[r->n];
	auto_strbuf from = { 0 }, to = { 0 };
	uint32_t family;

	*p = (struct tcp_probe){ .netns = c->s->netns,
		.pid = pid_in(t->frame, c->s->netns),
		.local_port = (uint16_t)c->s->local_port,
		.peer_port = (uint16_t)c->s->peer_port,
		.send_acked = acked(c->s),
		.receive_next = (uint32_t)c->s->receive_next };
	if (!parse_address(local, &family, p->local) || !parse_address(peer, &p->family, p->peer) ||
		family != p->family || is_link_local(p))
		return false;
	tcp_put_address(rows, c->s->local, c->s->local_port, false, &from);
	tcp_put_address(rows, c->s->peer, c->s->peer_port, false, &to);
	*a = (struct asked){ .cookie = c->s->cookie,
		.silent_ns = (uint64_t)tcp_silence_ns(c->s),
		.send_queue = c->s->send_queue,
		.pid = c->owner ? c->owner->pid : 0,
		.name = arena_printf(&r->arena, "%s", c->comm ? c->comm : ""),
		.local = arena_printf(&r->arena, "%s", strbuf_text(&from)),
		.peer = arena_printf(&r->arena, "%s", strbuf_text(&to)) };
	r->n++;
	return true;
}

/* Whom to ask: those that have been silent longest first. 0 or -errno. */
static int choose(struct round *r, struct tcp_look *l)
{
	struct tcp_report t = { .frame = tcp_look_frame(l),
		.sort = TCP_SORT_SILENCE,
		.filter = r->q->filter,
		.owners = true };
	size_t n;
	int err = tcp_view_rows(&t, &r->arena);
	uint64_t *inodes = err < 0 ? NULL : tcp_view_inodes(&t, &r->arena, &n);

	if (!inodes)
		return -ENOMEM;
	err = n ? tcp_look_owners(l, inodes, n) : 0;
	if (err == 0)
		err = tcp_view_owners(&t, &r->arena);
	r->probe = arena_new(&r->arena, (t.n_rows + 1) * sizeof(*r->probe));
	r->asked = arena_new(&r->arena, (t.n_rows + 1) * sizeof(*r->asked));
	if (err < 0 || !r->probe || !r->asked)
		return err < 0 ? err : -ENOMEM;
	for (size_t i = 0; i < t.n_rows; i++) {
		if (!is_eligible(r->q, t.row[i].s))
			continue;
		r->eligible++;
		if (!row_has(t.row[i].s->has, TCP_SOCKET_send_next))
			r->lack = "the numbers of a connection take eBPF (CAP_BPF, CAP_PERFMON)";
		else if (r->n < r->q->most && !prepare(r, &t, &t.row[i]))
			r->lack = "connections with link-local addresses are not asked";
	}
	r->blind = t.blind || r->lack;
	if (t.n_lacks && !r->lack)
		r->lack = t.lack[0];
	return 0;
}

/* Is each as it was? 0 or -errno. */
static int look_again(struct round *r, struct tcp_look *l)
{
	int err = tcp_look_next(l);
	const struct table *t = frame_table(tcp_look_frame(l), TABLE_tcp_socket);

	if (err < 0)
		return err;
	for (size_t i = 0; i < r->n; i++) {
		const struct tcp_socket *s = NULL;

		for (table_each(const struct tcp_socket, row, t)) {
			if (row->cookie == r->asked[i].cookie && row->netns == r->probe[i].netns)
				s = row;
		}
		r->asked[i].there = s && s->state == TCP_STATE_ESTABLISHED && s->error == 0;
		r->changed += !r->asked[i].there;
		r->answers[r->probe[i].answer]++;
	}
	return 0;
}

static int exit_of(const struct round *r)
{
	if (!r->q->send)
		return r->blind ? EXIT_BLIND : EXIT_NOTHING;
	if (r->answers[TCP_ANSWER_FORGOTTEN])
		return EXIT_WARNING;
	return r->blind || r->answers[TCP_ANSWER_NONE] || r->answers[TCP_ANSWER_FAILED]
		       ? EXIT_BLIND
		       : EXIT_NOTHING;
}

static void put_row(const struct round *r, size_t i, struct strbuf *out)
{
	const struct tcp_probe *p = &r->probe[i];
	const struct asked *a = &r->asked[i];

	if (r->q->send)
		strbuf_printf(out, "%-10s",
			p->answer == TCP_ANSWER_NONE ? "no answer" : answer_name(p->answer));
	if (r->q->send && (p->answer == TCP_ANSWER_ALIVE || p->answer == TCP_ANSWER_FORGOTTEN))
		strbuf_printf(out, "%7s ", human_ns((double)p->rtt_ns).s);
	else if (r->q->send)
		strbuf_puts(out, "        ");
	strbuf_printf(
		out, "%-22s %-22s %8s  ", a->local, a->peer, human_ns((double)a->silent_ns).s);
	strbuf_add_printable(out, a->name, strlen(a->name));
	if (a->pid)
		strbuf_printf(out, " (%llu)", (unsigned long long)a->pid);
	if (p->answer == TCP_ANSWER_FAILED)
		strbuf_printf(out, "  not sent: %s", strerror(p->error));
	if (r->q->send && !a->there)
		strbuf_puts(out, "  and is not as it was any more");
	strbuf_putc(out, '\n');
}

static void put_head(const struct round *r, struct strbuf *out)
{
	if (!r->q->send)
		strbuf_printf(out,
			"Would send one ACK segment of 20 bytes, with old numbers, on each of %zu "
			"connections that have been silent for %g s,\n%g a second, and change "
			"nothing else. To do it: the same with --send\n",
			r->n, r->q->idle_s, r->q->pace.rate);
	else
		strbuf_printf(out,
			"%zu asked: %zu alive, %zu forgotten, %zu without an answer, %zu "
			"not sent; %zu not as before\n",
			r->n, r->answers[TCP_ANSWER_ALIVE], r->answers[TCP_ANSWER_FORGOTTEN],
			r->answers[TCP_ANSWER_NONE], r->answers[TCP_ANSWER_FAILED], r->changed);
	if (r->eligible > r->n)
		strbuf_printf(out, "%zu more are as silent (--max)\n", r->eligible - r->n);
	if (r->lack)
		text_command("lost", r->lack, &r->q->style, out);
}

static void put_text(const struct round *r, struct strbuf *out)
{
	/* Who has forgotten is what is sought. */
	static const enum tcp_answer order[] = { TCP_ANSWER_FORGOTTEN, TCP_ANSWER_NONE,
		TCP_ANSWER_FAILED, TCP_ANSWER_ALIVE };
	size_t shown = 0;

	put_head(r, out);
	if (r->n == 0)
		return;
	strbuf_printf(out, "\n%s%-22s %-22s %8s  process\n",
		r->q->send ? "answer       after " : "", "local", "peer", "silent");
	for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
		for (size_t i = 0; i < r->n && shown < SHOWN; i++) {
			if (r->probe[i].answer != order[k])
				continue;
			put_row(r, i, out);
			shown++;
		}
	}
	if (shown < r->n)
		strbuf_printf(out, "and %zu more\n", r->n - shown);
	if (r->answers[TCP_ANSWER_FORGOTTEN])
		strbuf_puts(out,
			"\nforgotten: the peer answers that it has no such connection (or a "
			"firewall answers for it); what is\nwritten next gets ECONNRESET. In "
			"the program: SO_KEEPALIVE, TCP_USER_TIMEOUT. End one now:  ss -K dst "
			"ADDRESS dport = :PORT\n");
	if (r->answers[TCP_ANSWER_NONE])
		strbuf_puts(out,
			"\nno answer proves nothing: the peer is off, or a firewall on the way "
			"drops such segments or their answer\n");
}

static void put_json(const struct round *r, int code, struct strbuf *out)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct tcp_probe *p = &r->probe[i];
		const struct asked *a = &r->asked[i];
		struct json j = json_begin_kind(out, "probe");

		json_member(&j, "answer", r->q->send ? answer_name(p->answer) : NULL);
		if (p->answer == TCP_ANSWER_ALIVE || p->answer == TCP_ANSWER_FORGOTTEN)
			json_member_u64(&j, "rtt_ns", p->rtt_ns);
		if (p->answer == TCP_ANSWER_FAILED)
			json_member(&j, "why", strerror(p->error));
		if (r->q->send) {
			json_key(&j, "unharmed");
			json_bool(&j, a->there);
		}
		json_member_u64(&j, "cookie", a->cookie);
		json_member_u64(&j, "netns", p->netns);
		json_member(&j, "local", a->local);
		json_member(&j, "peer", a->peer);
		json_member_u64(&j, "silent_ns", a->silent_ns);
		json_member_u64(&j, "send_queue", a->send_queue);
		if (a->pid) {
			json_member_u64(&j, "pid", a->pid);
			json_member(&j, "command", a->name);
		}
		json_end_kind(&j);
	}
	struct json j = json_begin_kind(out, "probes");

	json_key(&j, "sent");
	json_bool(&j, r->q->send);
	json_member_u64(&j, "connections", r->n);
	json_member_u64(&j, "left_out", r->eligible - r->n);
	for (int k = 0; r->q->send && k < TCP_ANSWERS; k++)
		json_member_u64(&j, answer_name((enum tcp_answer)k), r->answers[k]);
	if (r->q->send)
		json_member_u64(&j, "changed", r->changed);
	json_member(&j, "lost", r->lack);
	json_member_u64(&j, "exit_code", (uint64_t)code);
	json_end_kind(&j);
}

static int probe(const struct request *q, struct tcp_look *l)
{
	struct round r = { .q = q };
	auto_strbuf out = { 0 };
	int err = tcp_look_next(l);

	if (err == 0)
		err = choose(&r, l);
	if (err == 0 && q->send && r.n > 0) {
		tcp_probe_all(r.probe, r.n, &q->pace);
		err = look_again(&r, l);
	}
	int code = exit_of(&r);

	if (err < 0) {
		log_error("could not look: %s", strerror(-err));
		arena_release(&r.arena);
		return EXIT_INTERNAL;
	}
	if (q->json)
		put_json(&r, code, &out);
	else
		put_text(&r, &out);
	out.failed |= r.arena.failed;
	int printed = print_text(&out);

	arena_release(&r.arena);
	return printed == EXIT_NOTHING ? code : printed;
}

static int parse_who(struct request *q)
{
	const struct args *a = q->args;
	const char *port = args_get(a, "port"), *process = args_get(a, "process");
	const char *address = args_get(a, "address"), *most = args_get(a, "max");
	uint64_t value = 0;

	if (port && (!parse_whole(port, &value) || value == 0 || value > UINT16_MAX))
		return usage_error(a->command, "--port takes 1 to 65535, not '%s'", port);
	q->wanted.port = (uint32_t)value;
	if (address && !tcp_prefix_parse(address, &q->filter.address))
		return usage_error(a->command,
			"--address takes one such as 10.0.0.1, 10.0.0.0/8 or fe80::/10, not '%s'",
			address);
	if (process && (!*process || strcmp(process, "0") == 0))
		return usage_error(
			a->command, "--process takes a pid or a name, not '%s'", process);
	if (process && !parse_whole(process, &q->filter.pid))
		q->filter.comm = process;
	if (most && (!parse_whole(most, &q->most) || q->most == 0 || q->most > MOST))
		return usage_error(a->command, "--max takes 1 to %d, not '%s'", MOST, most);
	return -1;
}

/* -1: it is understood; else an exit code. */
static int parse(struct request *q)
{
	const struct args *a = q->args;
	double patience_s = PATIENCE_DEFAULT_S;
	const char *rate = args_get(a, "rate");
	uint64_t n = 0;

	if (!terminal_style(args_get(a, "color"), &q->style))
		return usage_error(a->command, "--color takes auto, always or never, not '%s'",
			args_get(a, "color"));
	if (rate && (!parse_whole(rate, &n) || n == 0 || n > 10000))
		return usage_error(a->command, "--rate takes 1 to 10000, not '%s'", rate);
	q->pace.rate = rate ? (double)n : RATE_DEFAULT;
	if ((args_get(a, "idle") && !args_seconds(a, "idle", 0, 1e7, &q->idle_s)) ||
		(args_get(a, "wait") && !args_seconds(a, "wait", 0.01, 60, &patience_s)))
		return EXIT_USAGE;
	q->pace.patience_ns = (uint64_t)(patience_s * 1e9);
	return parse_who(q);
}

static int run(const struct args *a)
{
	struct request q = { .args = a,
		.idle_s = IDLE_DEFAULT_S,
		.most = MOST_DEFAULT,
		.wanted = { .states = 1u << TCP_STATE_ESTABLISHED, .all = true },
		.json = args_get(a, "json") != NULL,
		.send = args_get(a, "send") != NULL };
	struct tcp_look *l = NULL;
	struct host *h = NULL;
	int code = parse(&q);

	if (code < 0)
		code = terminal_open_host(NULL, &h);
	if (code >= 0)
		return code;
	int err = tcp_look_new(h, &q.wanted, &l);

	code = err < 0 ? EXIT_INTERNAL : probe(&q, l);
	if (err < 0)
		log_error("could not look: %s", strerror(-err));
	tcp_look_free(l);
	host_free(h);
	return code;
}

const struct command command_tcp_probe = {
	.name = "tcp probe",
	.help = "ask the peers of silent connections whether they still have them (--send: sends)",
	.text = "A peer that lost its power and came back knows nothing of its old connections, "
		"and nothing here tells so before something is written. This asks: it sends one "
		"ACK segment with old numbers on each connection that has been silent, which "
		"changes nothing on either side, whatever is on its way. Who has the connection "
		"answers with an ACK, who has forgotten it with a RST that our own kernel ignores "
		"because of its old number. No answer proves nothing. It sends only with --send, "
		"at --rate, and is never a part "
		"of a diagnosis. Wants root: eBPF for the numbers, CAP_NET_RAW to send, "
		"CAP_SYS_ADMIN for other network namespaces. Exit status: 0 all are alive, or "
		"nothing was sent, 1 some are forgotten, 3 some did not answer or could not be "
		"asked.",
	.options = options,
	.run = run,
};
