/* SPDX-License-Identifier: MIT */
/* Connections that get no answer at all, and what this machine listens on: parts of tcp.retrans. */
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

/* Was what it sent, its SYN or data, sent again so often that nobody seems to be there? */
bool tcp_silent(const struct tcp_socket *s);

/*
 * Peers and ports that leave enough connections of this machine without an answer; in the arena,
 * NULL when there is none. doors outlives it.
 */
struct tcp_silences *tcp_silences_find(
	struct judgement *j, const struct model *m, const struct tcp_doors *doors);

/* False: their owners were asked for, judge again. */
bool tcp_silences_ask(struct judgement *j, const struct model *m, const struct tcp_silences *list);

/* A finding for each; how many. */
size_t tcp_silences_report(
	struct judgement *j, const struct model *m, const struct tcp_silences *list);

#endif
