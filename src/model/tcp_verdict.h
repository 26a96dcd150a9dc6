/* SPDX-License-Identifier: MIT */
/*
 * What one look at a TCP socket tells of it: what is wrong, and what it waits for. The checks use
 * the same predicates, and want more before they speak: several such connections, a second frame.
 *
 * Pure, of one row, and cheap: each of 400,000 sockets is judged where it is read. Thresholds and
 * what they were measured with: docs/tcp.md.
 */
#ifndef MURPHY_MODEL_TCP_VERDICT_H
#define MURPHY_MODEL_TCP_VERDICT_H

#include "model/tcp.h"

/* The worst first. */
enum tcp_verdict {
	TCP_FINE,
	TCP_PATH_MTU,
	TCP_PEER_GONE,
	TCP_SEND_STALLED,
	TCP_SYN_VOID,
	TCP_KEEPALIVE_FAILING,
	TCP_ZERO_WINDOW,
	TCP_LISTEN_OVERFLOW,
	TCP_NEVER_ACCEPTED,
	TCP_CLOSE_WAIT,
	TCP_NAGLE,
	TCP_RETRANS,
	TCP_LAST_ACK,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_HALF_OPEN,
	TCP_VERDICTS
};

/* "peer-gone", "fine". Static. */
const char *tcp_verdict_name(enum tcp_verdict v);
bool tcp_verdict_parse(const char *text, size_t len, enum tcp_verdict *ret);

/* Of the finding with the same name, whose page tells of it: "tcp". Static. */
const char *tcp_verdict_family(enum tcp_verdict v);

/* What it means, for who never met it: a line. Static. */
const char *tcp_verdict_text(enum tcp_verdict v);

enum tcp_verdict tcp_judge(const struct tcp_socket *s);

/* What keeps it from sending more at this moment. */
enum tcp_limit {
	TCP_LIMIT_NONE,        /* it is no connection that could send */
	TCP_LIMIT_APPLICATION, /* there is nothing to send */
	TCP_LIMIT_RECEIVER,    /* the peer's window is full */
	TCP_LIMIT_SEND_BUFFER, /* all that the buffer holds is on its way */
	TCP_LIMIT_CONGESTION,  /* the congestion window is full */
	TCP_LIMIT_NETWORK,     /* lost, or on its way */
	TCP_LIMIT_NAGLE,       /* a small piece waits for an ACK */
	TCP_LIMIT_OTHER,       /* it could send, and does not: pacing, a queue of the device */
	TCP_LIMITS
};

/* "receiver". Static. */
const char *tcp_limit_name(enum tcp_limit limit);

enum tcp_limit tcp_limit_of(const struct tcp_socket *s);

/* inet_diag's idiag_timer. */
enum tcp_timer {
	TCP_TIMER_NONE,
	TCP_TIMER_RETRANSMIT, /* or loss probe, or reordering */
	TCP_TIMER_KEEPALIVE,
	TCP_TIMER_TIME_WAIT,
	TCP_TIMER_PROBE,
};

/* Since anything was sent or came, an ACK too; -1: not known, or it is no connection. */
int64_t tcp_silence_ns(const struct tcp_socket *s);

/*
 * Its data was sent that often, each time without an answer: 200 ms, 0.4, 0.8 and 1.6 s after each
 * other (TCP_RTO_MIN doubled), 3 s in all.
 */
bool tcp_unanswered(const struct tcp_socket *s);
enum { TCP_UNANSWERED = 4 };

/* The same of a full segment or more, to another host: it may be too large for the path. */
bool tcp_stuck(const struct tcp_socket *s);

/*
 * What arrived behind the large one was smaller, for what is missing is all full size. Only if no
 * full segment can have been acknowledged yet, or what was sent so far was small (half a segment
 * each, on the average): SACKs of a plain loss stay when the peer goes away amid a transfer.
 */
bool tcp_small_behind(const struct tcp_socket *s);

/* Since the oldest segment was sent again for the first time; 0: not known, or it was not. */
uint64_t tcp_tried_ns(const struct tcp_socket *s);

/*
 * Though such a connection is stuck small segments pass: some arrived behind the large one, or the
 * peer was heard when the same had been tried as often.
 */
bool tcp_small_pass(const struct tcp_socket *s);
#define TCP_UNANSWERED_NS UINT64_C(3000000000)

/*
 * The same of its SYN: after 1 and 3 s, since 6.5 after 1 and 2 s (tcp_syn_linear_timeouts).
 */
bool tcp_syn_unanswered(const struct tcp_socket *s);
enum { TCP_SYN_UNANSWERED = 2 };

/* And of its keepalive probes: one may be lost. They come tcp_keepalive_intvl (75 s) apart. */
bool tcp_keepalive_unanswered(const struct tcp_socket *s);
enum { TCP_KEEPALIVE_UNANSWERED = 2 };

/* No process has it, and its end, or the data before it, was sent that often in vain. */
bool tcp_orphan_unanswered(const struct tcp_socket *s);
size_t tcp_orphan_tries(const struct tcp_socket *s);
enum { TCP_ORPHAN_UNANSWERED = 3 };

/* It has more to send, and the peer's window is shut. */
bool tcp_window_shut(const struct tcp_socket *s);

/* Its process does not read: what came fills the window. */
bool tcp_refuses(const struct tcp_socket *s);

/*
 * A small piece is held only because another is not acknowledged, for longer than an ACK takes, and
 * the peer, which would send that with whatever it sends, is silent. Not in the first 32 segments
 * of a connection: what happens once is no habit.
 */
bool tcp_nagle_suspect(const struct tcp_socket *s);
/* An ACK comes after a round trip; 12 ms are three ticks of the kernel's clock. */
#define TCP_NAGLE_NS UINT64_C(12000000)

/* A process has it, and nothing was heard of the peer, who has closed, for a minute. */
bool tcp_forgotten(const struct tcp_socket *s);
#define TCP_FORGOTTEN_NS UINT64_C(60000000000)

/* The kernel made the connection, no process has taken it. */
bool tcp_not_accepted(const struct tcp_socket *s);
#define TCP_ACCEPT_NS UINT64_C(5000000000)

/* Neither data on its way nor keepalive: nobody would notice that the peer is gone. */
bool tcp_unguarded(const struct tcp_socket *s);

#endif
