/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp.h"

#include <stdlib.h>

/*
 * Memory of all TCP sockets of the host together against net.ipv4.tcp_mem: from its second value on
 * each socket gets less (include/net/tcp.h, tcp_under_memory_pressure()), above the third what
 * comes is dropped and what is written waits (net/core/sock.c, __sk_mem_raise_allocated()).
 */
#define PRESSURE_RATIO 1.0
#define PRESSURE_WHY "from there on buffers and windows of all connections shrink"
#define FULL_RATIO 0.95
#define FULL_WHY "above it what arrives is dropped, and writers wait"
#define ENTERED_WHY "the kernel's own count of the moments when it began to save"

/* A socket of less matters only in crowds, which are told as such. */
enum { LARGE_BYTES = 65536, SOCKETS_MAX = 256, GROUPS_MAX = 64, CULPRITS_MAX = 3 };

struct group {
	uint64_t pid; /* 0: not known, or nobody's */
	double receive_bytes, send_bytes;
	size_t sockets;
};

struct memory {
	struct reading used, pressure, most; /* bytes */
	double entered, dropped, aborted;    /* during the look, all namespaces */
	const struct tcp_socket *socket[SOCKETS_MAX];
	size_t n;
	double large_bytes; /* of these */
	struct group group[GROUPS_MAX];
	size_t groups;
};

static double size_of(const struct tcp_socket *s)
{
	return (double)s->receive_memory_bytes + (double)s->send_memory_bytes;
}

static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return s->state != TCP_STATE_LISTEN && size_of(s) >= LARGE_BYTES;
}

static void measure(const struct model *m, struct memory *z)
{
	const struct table *stats = frame_table(m->now, TABLE_sockstat);
	const struct table *sysctls = frame_table(m->now, TABLE_sysctl);
	const struct sockstat *use = frame_row(m->now, TABLE_sockstat);
	const struct sysctl *set = frame_row(m->now, TABLE_sysctl);

	z->used = use ? table_cell(stats, use, SOCKSTAT_tcp_memory_bytes)
		      : reading_none(STATE_ABSENT);
	z->pressure = set ? table_cell(sysctls, set, SYSCTL_net_tcp_mem_pressure_bytes)
			  : reading_none(STATE_ABSENT);
	z->most = set ? table_cell(sysctls, set, SYSCTL_net_tcp_mem_max_bytes)
		      : reading_none(STATE_ABSENT);
	for (table_each(struct snmp, row, frame_table(m->now, TABLE_snmp))) {
		z->entered += model_grown(m, TABLE_snmp, row, SNMP_tcp_memory_pressures);
		z->dropped += model_grown(m, TABLE_snmp, row, SNMP_tcp_receive_queue_drops);
		z->aborted += model_grown(m, TABLE_snmp, row, SNMP_tcp_abort_on_memory);
	}
}

static bool is_full(const struct memory *z)
{
	return z->used.value >= FULL_RATIO * z->most.value;
}

static bool is_short(const struct memory *z)
{
	return z->entered > 0 || z->used.value >= PRESSURE_RATIO * z->pressure.value;
}

static int compare_sizes(const void *a, const void *b)
{
	double x = size_of(*(const struct tcp_socket *const *)a);
	double y = size_of(*(const struct tcp_socket *const *)b);

	return (y > x) - (y < x);
}

/* The largest, as far as there is room: they come in no order. */
static void find_large(const struct model *m, struct memory *z)
{
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		if (!keep(s))
			continue;
		z->large_bytes += size_of(s);
		if (z->n < SOCKETS_MAX) {
			z->socket[z->n++] = s;
			continue;
		}
		size_t least = 0;

		for (size_t i = 1; i < SOCKETS_MAX; i++) {
			if (size_of(z->socket[i]) < size_of(z->socket[least]))
				least = i;
		}
		if (size_of(s) > size_of(z->socket[least]))
			z->socket[least] = s;
	}
	qsort(z->socket, z->n, sizeof(z->socket[0]), compare_sizes);
}

static int compare_groups(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	double bytes = y->receive_bytes + y->send_bytes - x->receive_bytes - x->send_bytes;

	return (bytes > 0) - (bytes < 0);
}

static void fold(const struct model *m, struct memory *z)
{
	for (size_t i = 0; i < z->n; i++) {
		const struct socket_owner *owner = tcp_owner(m, z->socket[i]->inode);
		uint64_t pid = owner ? owner->pid : 0;
		size_t at = 0;

		while (at < z->groups && z->group[at].pid != pid)
			at++;
		if (at == GROUPS_MAX)
			continue;
		if (at == z->groups)
			z->group[z->groups++] = (struct group){ .pid = pid };
		z->group[at].sockets++;
		z->group[at].receive_bytes += (double)z->socket[i]->receive_memory_bytes;
		z->group[at].send_bytes += (double)z->socket[i]->send_memory_bytes;
	}
	qsort(z->group, z->groups, sizeof(z->group[0]), compare_groups);
}

static void add_evidence(struct finding *f, const struct memory *z)
{
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "sockstat.tcp_memory_bytes", UNIT_BYTES, z->used, "/proc/net/sockstat",
		is_full(z) ? reading_of(FULL_RATIO * z->most.value) : z->pressure,
		is_full(z) ? FULL_WHY : PRESSURE_WHY);
	finding_evidence(f, "sysctl.net_tcp_mem_max_bytes", UNIT_BYTES, z->most,
		"/proc/sys/net/ipv4/tcp_mem", none, NULL);
	finding_evidence(f, "snmp.tcp_memory_pressures", UNIT_COUNT, reading_of(z->entered),
		"/proc/net/netstat", reading_of(1), ENTERED_WHY);
	finding_evidence(f, "snmp.tcp_receive_queue_drops", UNIT_COUNT, reading_of(z->dropped),
		"/proc/net/netstat", none, "segments that came and found no memory: sent again");
	finding_evidence(f, "snmp.tcp_abort_on_memory", UNIT_COUNT, reading_of(z->aborted),
		"/proc/net/netstat", none, "connections that the kernel ended for want of it");
	finding_evidence(f, "tcp_mem.large_bytes", UNIT_BYTES, reading_of(z->large_bytes),
		"sock_diag SK_MEMINFO", none, "of sockets with 64 KiB or more each");
}

/* Who has it, and which way: unread, or not yet acknowledged. */
static const char *add_culprits(
	struct judgement *j, const struct model *m, struct finding *f, const struct memory *z)
{
	const char *first = NULL;
	int n = 0;

	for (size_t i = 0; i < z->groups && n < CULPRITS_MAX; i++) {
		const struct group *g = &z->group[i];

		if (!g->pid)
			continue;
		finding_culprit(f, entity_process(j, m, g->pid));
		finding_evidence_text(f, n == 0 ? "tcp_mem.most" : "tcp_mem.more",
			judge_text(j,
				"%s: %s it has not read, %s the peer has not acknowledged, in %zu "
				"sockets",
				process_label(j, m, g->pid), human_bytes(g->receive_bytes).s,
				human_bytes(g->send_bytes).s, g->sockets),
			"sock_diag SK_MEMINFO");
		first = first ? first : process_label(j, m, g->pid);
		n++;
	}
	if (!first)
		finding_culprit(f, entity_host());
	return first;
}

static void report(struct judgement *j, const struct model *m, const struct memory *z)
{
	bool full = is_full(z);
	struct finding *f =
		judge_finding(j, full ? SEVERITY_CRITICAL : SEVERITY_WARNING, CONFIDENCE_CERTAIN);
	const char *who;

	add_evidence(f, z);
	who = add_culprits(j, m, f, z);
	finding_victim(f, entity_host());
	f->title = judge_text(j,
		"TCP sockets have %s of the %s that net.ipv4.tcp_mem gives all of them%s%s",
		human_bytes(z->used.value).s, human_bytes(z->most.value).s,
		who ? ", most of it " : "", who ? who : "");
	f->cause = full ? "all memory for TCP is taken: what arrives is dropped, what is written "
			  "waits, on every connection of the host"
			: "the kernel saves memory of TCP: buffers and windows of every "
			  "connection of the host shrink, and with them throughput";
	f->share = z->most.value > 0 ? z->used.value / z->most.value : 0;
	finding_todo(f, "whose it is (skmem: r not read, w not acknowledged):  ss -tnmp");
	finding_todo(f, "what is not read is its process's affair:  murphy why PID");
	finding_todo(f, "in the program: read what comes or close; bound what is written ahead "
			"(SO_SNDBUF, TCP_NOTSENT_LOWAT), and the number of connections");
	finding_todo(f,
		"if the machine has the memory, larger (pages, three values; the default is "
		"5, 6 and 9 % of memory at boot):  sysctl net.ipv4.tcp_mem");
	f->refuted_if = "these stand still:  nstat -az TcpExtTCPMemoryPressures "
			"TcpExtTCPRcvQDrop TcpExtTCPAbortOnMemory";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct memory z = { .n = 0 };
	bool known = true;

	measure(m, &z);
	if (!reading_ok(z.used) || !reading_ok(z.pressure) || !reading_ok(z.most))
		return judge_unknown_why(j, STATE_ABSENT, "tcp_mem or its use is not known");
	if (!is_full(&z) && !is_short(&z))
		return VERDICT_FINE;
	find_large(m, &z);
	for (size_t i = 0; i < z.n; i++) {
		if (z.socket[i]->inode)
			known &= judge_ask(j, m, TABLE_socket_owner, z.socket[i]->inode);
	}
	if (!known)
		return VERDICT_ASK;
	fold(m, &z);
	report(j, m, &z);
	return VERDICT_SAD;
}

const struct check check_tcp_mem = {
	.id = "tcp.mem",
	.question = "Is the memory for all TCP sockets together short?",
	.needs = { { .table = TABLE_sockstat }, { .table = TABLE_sysctl },
		{ .table = TABLE_snmp, .rate = true, .optional = true },
		{ .table = TABLE_tcp_socket, .optional = true, .keep = keep },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
