/* SPDX-License-Identifier: MIT */
/* Connections that no process has any more and that the kernel cannot end for want of an answer. */
#ifndef MURPHY_CHECK_TCP_ORPHAN_H
#define MURPHY_CHECK_TCP_ORPHAN_H

#include "check/tcp_silence.h"
#include "model/tcp_verdict.h"

/* A rule for those; silent and tell are the check's own. */
#define TCP_ORPHAN_RULE                                                                \
	.tries = tcp_orphan_tries, .least = TCP_ORPHANS, .least_why = TCP_ORPHANS_WHY, \
	.severity = SEVERITY_INFO, .by_address = true, .orphans = true,                \
	.tries_source = "sock_diag tcpi_retransmits, tcpi_probes"
enum { TCP_ORPHANS = 10 };
#define TCP_ORPHANS_WHY \
	"to one address; clients that vanish leave one or two, every server has them"

/* What can be done, and what refutes it. */
void tcp_orphan_advise(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z);

#endif
