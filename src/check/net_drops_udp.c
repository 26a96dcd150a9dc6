/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/net_drops.h"
#include "model/process.h"
#include "model/tcp.h"

/* Of what came for sockets: below it a burst is lost now and then, as UDP is meant to. */
#define SHARE_SAD 0.01
#define SHARE_WHY "UDP may lose a little in bursts; a steady percent is missed by who waits for it"
/* Of what came: broken on the way, or by the card. */
#define CHECKSUM_SHARE 0.01

/* What one namespace lost, IPv4 and IPv6 together. */
struct udp {
	const struct snmp *row;
	double received, full, checksum, memory;
};

static struct udp look_at(const struct model *m, const struct snmp *row)
{
	struct udp u = { .row = row };
	enum table_id id = TABLE_snmp;

	u.received = model_grown(m, id, row, SNMP_udp_in_datagrams) +
		     model_grown(m, id, row, SNMP_udp6_in_datagrams);
	u.full = model_grown(m, id, row, SNMP_udp_receive_buffer_errors) +
		 model_grown(m, id, row, SNMP_udp6_receive_buffer_errors);
	u.checksum = model_grown(m, id, row, SNMP_udp_checksum_errors) +
		     model_grown(m, id, row, SNMP_udp6_checksum_errors);
	u.memory = model_grown(m, id, row, SNMP_udp_memory_errors) +
		   model_grown(m, id, row, SNMP_udp6_memory_errors);
	return u;
}

static double share(double lost, const struct udp *u)
{
	return lost / (u->received + u->full + u->checksum + u->memory);
}

/* Whose buffer is full now and dropped most; else who dropped most since it was opened. */
static const struct udp_socket *suspect(const struct model *m, uint64_t netns)
{
	const struct udp_socket *best = NULL;

	for (table_each(struct udp_socket, s, frame_table(m->now, TABLE_udp_socket))) {
		if (s->netns != netns || s->drops == 0)
			continue;
		bool waits = s->receive_queue > 0, best_waits = best && best->receive_queue > 0;

		if (!best || (waits && !best_waits) ||
			(waits == best_waits && s->drops > best->drops))
			best = s;
	}
	return best;
}

static const char *why_slow(const struct model *m, uint64_t pid)
{
	const struct process_facts *p = process_find(m->process, pid);

	if (!p)
		return "its process takes datagrams more slowly than they come";
	if (p->state == 'T' || p->state == 't')
		return "it is stopped (SIGSTOP or a debugger)";
	if (p->state == 'D')
		return "it is blocked in the kernel, most often by a disk";
	if (reading_ok(p->cpu_ratio) && p->cpu_ratio.value <= 0.02)
		return "it used no CPU during the look: it does not read at all";
	if (reading_ok(p->cpu_ratio) && p->cpu_ratio.value >= 0.8)
		return "it is busy on a CPU: one thread reads and cannot keep up";
	return "it takes datagrams more slowly than they come";
}

static void add_todo(struct judgement *j, const struct model *m, struct finding *f,
	const struct udp *u, const struct udp_socket *s, uint64_t pid)
{
	const char *enter = netns_enter(j, u->row->netns, pid ? pid : netns_pid(m, u->row->netns));

	finding_todo(f, judge_text(j, "watch the queues and drops (Recv-Q; skmem: d):  %sss -uanmp",
				enter));
	if (pid)
		finding_todo(f, judge_text(j,
					"see what its threads wait for:  grep . "
					"/proc/%llu/task/*/wchan /proc/%llu/task/*/syscall",
					(unsigned long long)pid, (unsigned long long)pid));
	finding_todo(f, "first let it read faster: a thread that only reads, recvmmsg(), more "
			"sockets with SO_REUSEPORT");
	finding_todo(
		f, judge_text(j,
			   "for bursts, a larger buffer: SO_RCVBUF in the program, allowed up "
			   "to (raise it if that is less than 8 MiB):  %ssysctl net.core.rmem_max",
			   enter));
	if (s && pid)
		finding_todo(f, judge_text(j, "if it is stuck:  %s", restart_command(j, m, pid)));
}

static void report_full(
	struct judgement *j, const struct model *m, const struct udp *u, const struct udp_socket *s)
{
	const struct table *t = frame_table(m->now, TABLE_udp_socket);
	const struct socket_owner *owner = s ? tcp_owner(m, s->inode) : NULL;
	const char *snmp = netns_source(j, u->row->netns, "/proc/net/snmp, snmp6");
	uint64_t pid = owner ? owner->pid : 0;
	struct finding *f =
		judge_finding(j, share(u->full, u) >= SHARE_SAD ? SEVERITY_WARNING : SEVERITY_INFO,
			s && s->receive_queue > 0 ? CONFIDENCE_CERTAIN
			: s                       ? CONFIDENCE_LIKELY
						  : CONFIDENCE_POSSIBLE);

	finding_evidence(f, "snmp.udp_receive_buffer_errors", UNIT_COUNT, reading_of(u->full), snmp,
		reading_of(DROPS_MIN), DROPS_MIN_WHY);
	finding_evidence(f, "udp.lost_ratio", UNIT_RATIO, reading_of(share(u->full, u)), snmp,
		reading_of(SHARE_SAD), SHARE_WHY);
	if (s) {
		struct entity bound = entity_bound(j, t, s->family, s->local, s->local_port, pid);

		finding_evidence(f, "udp_socket.receive_queue", UNIT_BYTES,
			reading_of((double)s->receive_queue),
			netns_source(j, u->row->netns, "/proc/net/udp, udp6"),
			reading_none(STATE_ABSENT), "waits to be read now, with its overhead");
		finding_evidence(f, "udp_socket.drops", UNIT_COUNT, reading_of((double)s->drops),
			netns_source(j, u->row->netns, "/proc/net/udp, udp6"),
			reading_none(STATE_ABSENT), "since the socket was opened");
		if (pid)
			finding_culprit(f, entity_process(j, m, pid));
		finding_culprit(f, bound);
		f->title = judge_text(j, "UDP %s loses %s of what comes: its buffer is full%s%s",
			bound.name, human_ratio(share(u->full, u)).s, pid ? ", " : "",
			pid ? process_label(j, m, pid) : "");
	} else {
		finding_culprit(f, entity_host());
		f->title = judge_text(j, "UDP sockets lose %s of what comes: buffers are full",
			human_ratio(share(u->full, u)).s);
	}
	f->share = share(u->full, u);
	f->cause = judge_text(j,
		"the receive buffer of the socket is full, so the kernel drops "
		"what comes; %s",
		pid ? why_slow(m, pid) : "its process takes datagrams more slowly than they come");
	add_todo(j, m, f, u, s, pid);
	f->refuted_if = judge_text(j,
		"nobody wants these datagrams (a socket bound to a multicast group and "
		"forgotten), or this stands still:  %snstat -az UdpRcvbufErrors Udp6RcvbufErrors",
		netns_enter(j, u->row->netns, pid ? pid : netns_pid(m, u->row->netns)));
}

static void report_checksum(struct judgement *j, const struct udp *u)
{
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_CERTAIN);
	const char *snmp = netns_source(j, u->row->netns, "/proc/net/snmp, snmp6");

	finding_evidence(f, "snmp.udp_checksum_errors", UNIT_COUNT, reading_of(u->checksum), snmp,
		reading_of(DROPS_MIN), DROPS_MIN_WHY);
	finding_culprit(f, entity_host());
	f->title = judge_text(j, "%.0f UDP datagrams came with a wrong checksum", u->checksum);
	f->cause = "they were changed on the way: a faulty card, cable or memory, or a tunnel or a "
		   "driver that computes the checksum wrongly";
	finding_todo(
		f, "see where they come from:  tcpdump -c 50 -vvni any udp | grep -i 'bad udp'");
	finding_todo(f, "see whether the card counts errors too:  ip -s -s link");
	f->refuted_if = "this stands still:  nstat -az UdpInCsumErrors";
}

static void report_memory(struct judgement *j, const struct udp *u)
{
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_CERTAIN);

	finding_evidence(f, "snmp.udp_memory_errors", UNIT_COUNT, reading_of(u->memory),
		netns_source(j, u->row->netns, "/proc/net/snmp, snmp6"), reading_of(DROPS_MIN),
		DROPS_MIN_WHY);
	finding_culprit(f, entity_host());
	f->title = judge_text(
		j, "%.0f UDP datagrams were dropped: UDP may use no more memory", u->memory);
	f->cause = "all UDP sockets together have reached net.ipv4.udp_mem; whoever does not read "
		   "takes it from all";
	finding_todo(f, "see who holds most (Recv-Q):  ss -uanmp | sort -rnk2 | head");
	finding_todo(f, "see use and limit, in pages:  grep UDP /proc/net/sockstat; sysctl "
			"net.ipv4.udp_mem");
	f->refuted_if = "this stands still:  nstat -az UdpMemErrors";
}

static bool is_full(const struct udp *u)
{
	return u->full >= DROPS_MIN;
}

bool net_drops_udp(struct judgement *j, const struct model *m, size_t *told)
{
	bool known = true;

	for (table_each(struct snmp, row, frame_table(m->now, TABLE_snmp))) {
		struct udp u = look_at(m, row);

		if (is_full(&u))
			known &= judge_ask(j, m, TABLE_udp_socket, row->netns);
	}
	if (!known)
		return false;
	for (table_each(struct snmp, row, frame_table(m->now, TABLE_snmp))) {
		struct udp u = look_at(m, row);
		const struct udp_socket *s = is_full(&u) ? suspect(m, row->netns) : NULL;

		if (s && s->inode)
			known &= judge_ask(j, m, TABLE_socket_owner, s->inode);
	}
	if (!known)
		return false;
	for (table_each(struct snmp, row, frame_table(m->now, TABLE_snmp))) {
		struct udp u = look_at(m, row);
		bool broken = u.checksum >= DROPS_MIN && share(u.checksum, &u) >= CHECKSUM_SHARE;
		bool memory = u.memory >= DROPS_MIN;

		if (is_full(&u))
			report_full(j, m, &u, suspect(m, row->netns));
		if (broken)
			report_checksum(j, &u);
		if (memory)
			report_memory(j, &u);
		*told += is_full(&u) + broken + memory;
	}
	return true;
}
