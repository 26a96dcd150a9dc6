/* SPDX-License-Identifier: MIT */
/*
 * What the kernel will do with a connection by itself, and when: its own rules, played forward from
 * one row. It holds as long as nobody says anything on that connection; docs/tcp-ends.md.
 */
#ifndef MURPHY_MODEL_TCP_FUTURE_H
#define MURPHY_MODEL_TCP_FUTURE_H

#include "sample/tables.h"

#include <stdbool.h>
#include <stdint.h>

enum tcp_end_what {
	TCP_END_NOTHING,       /* no timer of the kernel will end or probe it */
	TCP_END_FAILS,         /* its program is told so: .error */
	TCP_END_CONNECT_FAILS, /* the same of connect(2) */
	TCP_END_FREED,         /* an orphan goes: there is nobody to tell */
	TCP_END_FIN_WAIT2,     /* gone */
	TCP_END_TIME_WAIT,     /* gone */
	TCP_END_HALF_OPEN,     /* in SYN_RECV: forgotten */
	TCP_END_PROBE,         /* the next keepalive probe; nothing ends */
	TCP_END_KEEPALIVE,     /* keepalive gives up: .error */
	TCP_ENDS
};

struct tcp_end {
	enum tcp_end_what what;
	int error; /* errno, 0: nobody gets one */
	uint64_t in_ns, least_ns,
		most_ns;  /* from when the row was read; the kernel's timers are late */
	const char *rule; /* what decides: "net.ipv4.tcp_retries2", static */
	bool assumed; /* an option that only eBPF shows (TCP_USER_TIMEOUT...) counts as not set */
	bool settings_assumed; /* settings of the namespace are unknown: the kernel's defaults */
	bool unreachable; /* by the timers, not by soft_error: .error may be another of ICMP's */
};

/* Pure. set NULL: unknown. Needs state, inode and timer of the row, and what its timer counts. */
struct tcp_end tcp_future(const struct tcp_socket *s, const struct netns_setting *set);

/* "fails", "connect-fails", "freed"...: the name that JSON has; "nothing". */
const char *tcp_end_name(enum tcp_end_what what);

#endif
