/* SPDX-License-Identifier: MIT */
/*
 * Connections that get no answer, by the peer that gives none, and what this machine listens on:
 * shared by the checks of what was sent in vain.
 */
#ifndef MURPHY_CHECK_TCP_SILENCE_H
#define MURPHY_CHECK_TCP_SILENCE_H

#include "check/check.h"

/* Ports that are listened on, sorted: each of 100,000 connections may ask for its own. */
struct tcp_door {
	uint32_t port;
	uint64_t netns;
};

struct tcp_doors {
	struct tcp_door *at; /* in the judgement's arena */
	size_t n;
};

struct tcp_doors tcp_doors_of(struct judgement *j, const struct model *m);
bool tcp_listens(const struct tcp_doors *d, uint32_t port, uint64_t netns);
/* In whatever namespace. */
bool tcp_listens_anywhere(const struct tcp_doors *d, uint32_t port);

/* Connections towards one peer that get no answer. */
struct tcp_silence {
	const struct tcp_socket *first;
	struct entity peer; /* as the finding names it */
	size_t sockets;
	size_t tries;     /* most of one of them */
	uint64_t bytes;   /* that wait to be acknowledged, in all */
	uint64_t last_ns; /* the longest since an ACK came; 0: unknown */
};

struct tcp_silence_rule {
	bool (*silent)(const struct tcp_doors *d, const struct tcp_socket *s);
	size_t (*tries)(const struct tcp_socket *s); /* NULL: nothing is tried */
	/* A finding from so many connections on, or, if that is not 0, one that tried so often. */
	size_t least, alone;
	const char *least_why, *alone_why;
	enum severity severity, alone_severity;
	bool by_address; /* whatever the peer's port: its ends are ephemeral */
	bool still;      /* only who was in that state in the frame before */
	bool orphans;    /* no process has them: nobody is asked for, nobody a victim */
	const char *tries_source;
	/* Title, cause, what to do, what refutes it: all that only this check knows. */
	void (*tell)(struct judgement *j, const struct model *m, struct finding *f,
		const struct tcp_silence *z);
};

/* All of a check: finds, asks, reports. Wants tcp_socket with listeners, and socket_owner. */
enum verdict tcp_silence_judge(
	const struct model *m, struct judgement *j, const struct tcp_silence_rule *rule);

#endif
