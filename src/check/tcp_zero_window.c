/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp_verdict.h"

#include <string.h>

/*
 * A receiver that does not read closes its window; the sender then only probes. For milliseconds
 * that is flow control at work (bulk transfers do it all the time), so a suspect must be the same
 * connection in both frames without one byte of progress between them.
 */
static const uint64_t STILL_NS = UINT64_C(900000000);
#define STILL_WHY "the same connection in both frames, no byte acknowledged between"
/*
 * Readers pause by design: players of video, browsers in the background, and whoever has a rate
 * limit (measured: curl --limit-rate 20k reads nothing for 40 s and more, then catches up). Servers
 * give them a minute before they hang up (nginx send_timeout), so that is no news before.
 */
static const uint64_t PAUSE_NS = UINT64_C(60000000000);
#define PAUSE_WHY "players and rate limits pause for seconds by design; servers wait a minute"
/* No pause: stopped, blocked, or without a CPU for a moment while several connections wait. */
static const uint64_t STUCK_NS = UINT64_C(5000000000);
#define STUCK_WHY "the reader is stopped, blocked or idle; a commit or a collection is over by then"
enum { STUCK_FLOWS = 4 };
/* Unanswered probes: the peer is not slow but gone. One may have been lost. */
enum { DEAD_PROBES = 2 };

enum { FLOWS_MAX = 256, GROUPS_MAX = 16 };

/* A connection that stands still, from its reader's or its writer's end. */
struct flow {
	const struct tcp_socket *writer, *reader; /* one of them may be on another host: NULL */
	uint64_t writer_pid, reader_pid;          /* 0: unknown */
	bool moves;                               /* its reader does read */
};

struct flows {
	struct flow of[FLOWS_MAX];
	size_t n;
};

static bool keep(const void *row)
{
	return tcp_window_shut(row) || tcp_refuses(row);
}

static bool writer_stands(const struct model *m, const struct tcp_socket *s)
{
	const struct tcp_socket *was = tcp_window_shut(s) ? tcp_before(m, s) : NULL;

	return was && tcp_window_shut(was) && was->acked_bytes == s->acked_bytes &&
	       row_has(s->has, TCP_SOCKET_acked_bytes);
}

static bool reader_stands(const struct model *m, const struct tcp_socket *s)
{
	const struct tcp_socket *was = tcp_refuses(s) ? tcp_before(m, s) : NULL;

	return was && tcp_refuses(was) && was->received_bytes == s->received_bytes &&
	       was->receive_queue == s->receive_queue;
}

/*
 * The other end on this host: the same addresses, mirrored, perhaps in another namespace; but a
 * namespace's loopback ends in it. Interned texts of one table compare as numbers.
 */
static bool mirrors(const struct tcp_socket *a, const struct tcp_socket *b)
{
	if (a->local == a->peer && a->netns != b->netns)
		return false;
	return a->local_port == b->peer_port && a->peer_port == b->local_port &&
	       a->local == b->peer && a->peer == b->local;
}

/* It does read, if slowly: what waits in its buffer became less. That is flow control at work. */
static bool reads(const struct model *m, const struct tcp_socket *s)
{
	const struct tcp_socket *was = tcp_before(m, s);

	return was && s->receive_queue < was->receive_queue;
}

static void add_flow(struct flows *fl, struct flow flow)
{
	if (fl->n < FLOWS_MAX)
		fl->of[fl->n++] = flow;
}

static void find(const struct model *m, struct flows *fl)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);

	for (table_each(struct tcp_socket, s, t)) {
		if (writer_stands(m, s))
			add_flow(fl, (struct flow){ .writer = s });
	}
	size_t writers = fl->n;

	for (table_each(struct tcp_socket, s, t)) {
		bool paired = false;

		for (size_t i = 0; i < writers; i++) {
			/*
			 * What its writer says is enough: the
			 * reader may just miss a mark of its own.
			 */
			if (s->receive_queue > 0 && mirrors(fl->of[i].writer, s)) {
				fl->of[i].reader = s;
				fl->of[i].moves = reads(m, s);
				paired = true;
			}
		}
		if (!paired && reader_stands(m, s))
			add_flow(fl, (struct flow){ .reader = s });
	}
	size_t n = 0;

	for (size_t i = 0; i < fl->n; i++) {
		if (!fl->of[i].moves)
			fl->of[n++] = fl->of[i];
	}
	fl->n = n;
}

static uint64_t owner_pid(const struct model *m, const struct tcp_socket *s)
{
	const struct socket_owner *owner = s ? tcp_owner(m, s->inode) : NULL;

	return owner ? owner->pid : 0;
}

static bool ask(const struct model *m, struct judgement *j, struct flows *fl)
{
	bool known = true;

	for (size_t i = 0; i < fl->n; i++) {
		struct flow *f = &fl->of[i];

		if (f->writer && f->writer->inode)
			known &= judge_ask(j, m, TABLE_socket_owner, f->writer->inode);
		if (f->reader && f->reader->inode)
			known &= judge_ask(j, m, TABLE_socket_owner, f->reader->inode);
	}
	for (size_t i = 0; i < fl->n && known; i++) {
		fl->of[i].writer_pid = owner_pid(m, fl->of[i].writer);
		fl->of[i].reader_pid = owner_pid(m, fl->of[i].reader);
	}
	return known;
}

/* One finding: a reader here, or a writer here whose readers are elsewhere. */
static bool same_cause(const struct flow *a, const struct flow *b)
{
	if (!a->reader != !b->reader)
		return false;
	if (a->reader)
		return a->reader_pid ? a->reader_pid == b->reader_pid : a->reader == b->reader;
	return a->writer_pid ? a->writer_pid == b->writer_pid : a->writer == b->writer;
}

/* A probe or keepalive came after the last data: the remote writer still wants to send. */
static bool remote_waits(const struct tcp_socket *reader)
{
	return row_has(reader->has, TCP_SOCKET_last_ack_ns) &&
	       row_has(reader->has, TCP_SOCKET_last_received_ns) &&
	       reader->last_ack_ns + STILL_NS < reader->last_received_ns;
}

struct sum {
	size_t flows, with_writer, probed, dead;
	uint64_t unread_bytes, unsent_bytes;
	struct reading stands_ns; /* the longest: since data was sent last; probes carry none */
};

static struct reading stands_ns(const struct flow *f)
{
	if (f->writer && row_has(f->writer->has, TCP_SOCKET_last_sent_ns))
		return reading_of((double)f->writer->last_sent_ns);
	if (!f->writer && row_has(f->reader->has, TCP_SOCKET_last_received_ns))
		return reading_of((double)f->reader->last_received_ns);
	return reading_none(STATE_ABSENT);
}

static void fold(struct sum *sum, const struct flow *f)
{
	struct reading stands = stands_ns(f);

	sum->flows++;
	if (reading_ok(stands) && stands.value >= sum->stands_ns.value)
		sum->stands_ns = stands;
	if (f->writer) {
		sum->with_writer++;
		sum->unsent_bytes += f->writer->notsent_bytes;
		sum->dead += !f->reader && f->writer->probes >= DEAD_PROBES;
	}
	if (f->reader) {
		sum->unread_bytes += f->reader->receive_queue;
		sum->probed += !f->writer && remote_waits(f->reader);
	}
}

static void name_ends(
	struct judgement *j, const struct model *m, struct finding *out, const struct flow *f)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);

	if (f->reader && out->n_culprits == 0)
		finding_culprit(out, f->reader_pid ? entity_process(j, m, f->reader_pid)
						   : entity_connection(j, t, f->reader, 0));
	if (!f->reader)
		finding_culprit(out, entity_connection(j, t, f->writer, f->writer_pid));
	struct entity victim = f->writer_pid ? entity_process(j, m, f->writer_pid)
			       : f->writer   ? entity_connection(j, t, f->writer, 0)
					     : entity_connection(j, t, f->reader, 0);

	finding_victim_once(out, victim);
}

static const char *state_text(const struct model *m, uint64_t pid)
{
	const struct process_facts *p = process_find(m->process, pid);

	if (p && (p->state == 'T' || p->state == 't'))
		return "it is stopped (SIGSTOP, or a debugger holds it)";
	if (p && p->state == 'D')
		return "it is blocked in the kernel, most often by a disk or a network file system";
	if (p && reading_ok(p->wait_ratio) && p->wait_ratio.value > 0.5)
		return "it is runnable and gets no CPU";
	return "it waits for something else first (a lock, a disk, another connection) or has "
	       "forgotten this socket";
}

static void say_reader(struct judgement *j, const struct model *m, struct finding *out,
	const struct flow *f, const struct sum *sum)
{
	const char *who = f->reader_pid ? process_label(j, m, f->reader_pid) : "A process here";

	finding_evidence(out, "tcp_socket.receive_queue", UNIT_BYTES,
		reading_of((double)sum->unread_bytes), "sock_diag Recv-Q", reading_of(0),
		"received and not read, the same in both frames");
	finding_evidence_alarm(out, "tcp_socket.receive_window_bytes", UNIT_BYTES,
		table_cell(frame_table(m->now, TABLE_tcp_socket), f->reader,
			TCP_SOCKET_receive_window_bytes),
		"sock_diag tcpi_rcv_wnd", ALARM_BELOW, reading_of((double)f->reader->receive_mss),
		"less than one segment: the peer may not send");
	out->title = judge_text(j, "%s does not read %zu connection%s: %s wait, the window is shut",
		who, sum->flows, sum->flows == 1 ? "" : "s",
		human_bytes((double)sum->unread_bytes).s);
	out->cause = judge_text(j,
		"%s does not read what it was sent, so TCP tells the writer to "
		"stop; %s",
		who, state_text(m, f->reader_pid));
	if (f->reader_pid) {
		unsigned long long pid = f->reader_pid;

		finding_todo(
			out, judge_text(j, "look at its sockets:  %sss -tinmp | grep -A1 pid=%llu,",
				     netns_enter(j, f->reader->netns, pid), pid));
		finding_todo(out, judge_text(j,
					  "see what its threads wait for:  grep . "
					  "/proc/%llu/task/*/wchan /proc/%llu/task/*/syscall",
					  pid, pid));
		finding_todo(out, judge_text(j, "if it was stopped:  kill -CONT %llu", pid));
		finding_todo(out, judge_text(j, "if it hangs:  %s", restart_command(j, m, pid)));
	} else {
		finding_todo(out, "see whose it is, as root:  ss -tnp");
	}
	finding_todo(out,
		"in the program: read in a thread that nothing else can block, bound what "
		"is queued, and close clients that fall behind");
	out->refuted_if = "Recv-Q of these connections falls, or the reader pauses on purpose";
}

static void say_remote(struct judgement *j, const struct model *m, struct finding *out,
	const struct flow *f, const struct sum *sum)
{
	const char *who = f->writer_pid ? process_label(j, m, f->writer_pid) : "a process here";
	bool dead = sum->dead == sum->flows;

	finding_evidence(out, "tcp_socket.probes", UNIT_COUNT, reading_of(f->writer->probes),
		"sock_diag tcpi_probes", reading_of(DEAD_PROBES),
		"that many unanswered: the peer is gone; fewer: it lives and does not read");
	out->title = judge_text(j, "%zu peer%s of %s %s: %s cannot be sent", sum->flows,
		sum->flows == 1 ? "" : "s", who,
		dead ? "shut the window and vanished" : "will not take more data",
		human_bytes((double)sum->unsent_bytes).s);
	out->cause =
		dead ? "the peer announced a window of 0 and then stopped answering probes: its "
		       "host is down or the path is cut"
		     : "the program at the other end does not read: the window that it "
		       "announces is 0, and it answers probes";
	finding_todo(out,
		judge_text(j,
			"look at them (timer: persist; snd_wnd; notsent):  %sss -tinop "
			"'( dport = :%u )'",
			netns_enter(j, f->writer->netns, f->writer_pid), f->writer->peer_port));
	finding_todo(out,
		"look at the peer's host: is that process stopped, stuck, out of CPU or disk?");
	finding_todo(out, "in the program: a time-out for writes (TCP_USER_TIMEOUT does not count "
			  "while probes are answered), and not one thread for all peers");
	out->refuted_if = "bytes_acked of these connections grows";
}

/* A reader of this host that shows itself that it does not come to read. */
static bool stuck(const struct model *m, uint64_t pid, size_t flows)
{
	const struct process_facts *p = process_find(m->process, pid);

	if (!p)
		return false;
	if (p->state == 'T' || p->state == 't' || p->state == 'D')
		return true;
	return flows >= STUCK_FLOWS && reading_ok(p->cpu_ratio) && p->cpu_ratio.value == 0;
}

static void report(struct judgement *j, const struct model *m, const struct flows *fl, size_t first)
{
	const struct flow *f = &fl->of[first];
	struct finding *out = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_LIKELY);
	struct sum sum = { 0 };

	for (size_t i = first; i < fl->n; i++) {
		if (!same_cause(f, &fl->of[i]))
			continue;
		fold(&sum, &fl->of[i]);
		name_ends(j, m, out, &fl->of[i]);
	}
	bool is_stuck = f->reader && stuck(m, f->reader_pid, sum.flows);
	double sad_ns = (double)(is_stuck ? STUCK_NS : PAUSE_NS);

	/* A full buffer that nobody wants to fill further makes nobody wait. */
	if (sum.with_writer + sum.probed == 0) {
		out->severity = SEVERITY_INFO;
		out->confidence = CONFIDENCE_POSSIBLE;
	}
	if (reading_ok(sum.stands_ns) && sum.stands_ns.value < sad_ns)
		out->severity = SEVERITY_INFO;
	if (f->reader && sum.with_writer > 0)
		out->confidence = CONFIDENCE_CERTAIN; /* both ends say so */
	finding_evidence(out, "zero_window.connections", UNIT_COUNT, reading_of((double)sum.flows),
		"sock_diag", reading_none(STATE_ABSENT), STILL_WHY);
	finding_evidence(out, "zero_window.standstill_ns", UNIT_NS, sum.stands_ns,
		"sock_diag tcpi_last_data_sent, tcpi_last_data_recv", reading_of(sad_ns),
		is_stuck ? STUCK_WHY : PAUSE_WHY);
	if (f->writer)
		finding_evidence(out, "tcp_socket.notsent_bytes", UNIT_BYTES,
			reading_of((double)sum.unsent_bytes), "sock_diag tcpi_notsent_bytes",
			reading_of(0), "written and held back by the window");
	if (f->reader)
		say_reader(j, m, out, f, &sum);
	else
		say_remote(j, m, out, f, &sum);
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct flows fl = { .n = 0 };

	if (!table_usable(frame_table(m->now, TABLE_tcp_socket)))
		return judge_unknown(j, m, TABLE_tcp_socket);
	if (model_elapsed_ns(m, TABLE_tcp_socket) < STILL_NS)
		return judge_unknown_why(
			j, STATE_ABSENT, "one look at the sockets shows no standstill");
	find(m, &fl);
	if (fl.n == 0)
		return VERDICT_FINE;
	if (!ask(m, j, &fl))
		return VERDICT_ASK;
	bool done[FLOWS_MAX] = { false };

	for (size_t i = 0, groups = 0; i < fl.n && groups < GROUPS_MAX; i++) {
		if (done[i])
			continue;
		for (size_t k = i; k < fl.n; k++)
			done[k] |= same_cause(&fl.of[i], &fl.of[k]);
		report(j, m, &fl, i);
		groups++;
	}
	return VERDICT_SAD;
}

const struct check check_tcp_zero_window = {
	.id = "tcp.zero-window",
	.question = "Does a receiver that does not read hold up its sender?",
	.needs = { { .table = TABLE_tcp_socket, .rate = true, .keep = keep },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
