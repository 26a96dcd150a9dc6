/* SPDX-License-Identifier: MIT */
/*
 * murphy tcp: which connections are shown, in which order, in which groups, whose they are, and
 * what is missing.
 */
#ifndef MURPHY_VIEW_TCP_H
#define MURPHY_VIEW_TCP_H

#include "model/tcp_future.h"
#include "model/tcp_verdict.h"
#include "model/unit.h"

enum tcp_sort {
	TCP_SORT_VERDICT, /* the worst, then those with most in their queues */
	TCP_SORT_SILENCE,
	TCP_SORT_SEND_QUEUE,
	TCP_SORT_RECEIVE_QUEUE,
	TCP_SORT_RTT,
	TCP_SORT_RETRANSMITS,
	TCP_SORTS
};

/* "send-queue". False: text is none. */
bool tcp_sort_parse(const char *text, enum tcp_sort *ret_sort);

enum tcp_by {
	TCP_BY_NONE,
	TCP_BY_PROCESS,
	TCP_BY_COMMAND,
	TCP_BY_UNIT,
	TCP_BY_PEER,
	TCP_BY_PORT,
	TCP_BY_VERDICT,
	TCP_BY_STATE,
	TCP_BYS
};

/* "peer". Static. */
const char *tcp_by_name(enum tcp_by by);
/* Is it by what owns the sockets? */
bool tcp_by_owner(enum tcp_by by);
bool tcp_by_parse(const char *text, enum tcp_by *ret_by);

/* Addresses whose first bits are those of bytes; IPv4 as ::ffff:a.b.c.d. */
struct tcp_prefix {
	uint8_t bytes[16];
	unsigned int bits; /* 0: any */
};

/* "10.0.0.0/8", "::1", "10.1.2.3". False: it is none. */
bool tcp_prefix_parse(const char *text, struct tcp_prefix *ret);

struct tcp_filter {
	struct tcp_prefix address; /* ours or the peer's */
	uint64_t pid;              /* 0: any */
	const char *comm;          /* NULL: any */
};

struct tcp_connection {
	const struct tcp_socket *s;
	enum tcp_verdict verdict;
	enum tcp_limit limit;
	const struct socket_owner *owner; /* NULL: see owned */
	const char *comm;                 /* NULL: its process is not known, or there is none */
	const char *cgroup;               /* of its process; NULL: not known */
	struct span unit;                 /* of systemd; empty: of none, or not known */
};

struct tcp_group {
	const char *name;
	uint64_t pid;              /* TCP_BY_PROCESS; 0: of no process, or not known */
	size_t connections, wrong; /* wrong: with a verdict */
	size_t verdict[TCP_VERDICTS], state[TCP_STATES];
	uint64_t receive_queue, send_queue;
	int64_t silence_ns; /* the longest; -1: not known */
};

enum { TCP_LACKS = 8 };

struct tcp_report {
	const struct frame *frame;
	enum tcp_sort sort;
	enum tcp_by by;
	size_t top; /* rows to show; 0: all */
	struct tcp_filter filter;
	bool owners; /* were asked for */
	uint64_t now_ns, cpu_ns, wall_ns, peak_bytes;
	/* set by tcp_view() */
	struct tcp_connection *row; /* in order */
	size_t n_rows;
	struct tcp_group *group; /* in order, when by is not NONE */
	size_t n_groups;
	uint64_t verdict[TCP_VERDICTS], state[TCP_STATES]; /* of all sockets, shown or not */
	uint64_t sockets, unlisted; /* unlisted: rows that were left out where they were read */
	size_t namespaces;
	const char *lack[TCP_LACKS]; /* what was lost, and what would lift that */
	size_t n_lacks;
	bool blind; /* sockets, or owners that were asked for, are not in it */
};

/* Judge and order the rows that pass the filter, but for its process. Texts are in a. 0, -ENOMEM */
int tcp_view_rows(struct tcp_report *r, struct arena *a);

/* Inodes of those whose owners matter for what is shown: *ret_n of them, in a. NULL: no memory. */
uint64_t *tcp_view_inodes(const struct tcp_report *r, struct arena *a, size_t *ret_n);

/* Whose they are, the filter by process, the groups, what is missing. 0 or -ENOMEM. */
int tcp_view_owners(struct tcp_report *r, struct arena *a);

/* What the kernel will do with it by itself. */
struct tcp_end tcp_view_end(const struct tcp_report *r, const struct tcp_connection *c);

#endif
