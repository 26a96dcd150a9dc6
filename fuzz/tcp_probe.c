/* SPDX-License-Identifier: MIT */
/* What a raw socket hears: who was asked, then the packet. */
#include "fuzz/form.h"

#include "act/tcp_probe.h"
#include "base/attr.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* '4' or '6', the peer's address, ports of ours and of the peer, snd_una, rcv_nxt. */
enum { ASKED = 1 + 16 + 2 * 2 + 2 * 4, HEADER = 60 };

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* A mirror that turns our own segment round is no peer: our ports are not in its places. */
static void not_our_own(const struct tcp_probe *p)
{
	uint8_t packet[20 + TCP_PROBE_BYTES] = { 0x45, [9] = 6 };

	memcpy(packet + 12, p->local, 4);
	tcp_probe_segment(p, packet + 20);
	if (p->family == AF_INET && memcmp(p->local, p->peer, 4) != 0)
		must(tcp_probe_hear(p, packet, sizeof(packet)) == TCP_ANSWER_NONE,
			"our own segment taken for an answer");
}

int fuzz_form_tcp_probe(const char *buf, size_t len)
{
	struct tcp_probe p = { .local = { 192, 0, 2, 1 } };

	if (len < ASKED || (buf[0] != '4' && buf[0] != '6'))
		return -EINVAL;
	p.family = buf[0] == '4' ? AF_INET : AF_INET6;
	memcpy(p.peer, buf + 1, 16);
	memcpy(&p.local_port, buf + 17, 2);
	memcpy(&p.peer_port, buf + 19, 2);
	memcpy(&p.send_acked, buf + 21, 4);
	memcpy(&p.receive_next, buf + 25, 4);
	const uint8_t *packet = (const uint8_t *)buf + ASKED;
	size_t n = len - ASKED;
	enum tcp_answer answer = tcp_probe_hear(&p, packet, n);

	must(answer == TCP_ANSWER_NONE || answer == TCP_ANSWER_ALIVE ||
			answer == TCP_ANSWER_FORGOTTEN,
		"an answer that nobody can give");
	must(answer == TCP_ANSWER_NONE || n >= TCP_PROBE_BYTES, "an answer without a header");
	/* Headers decide: what comes behind them, or how much of it, does not. */
	if (n > HEADER + TCP_PROBE_BYTES)
		must(tcp_probe_hear(&p, packet, HEADER + TCP_PROBE_BYTES) == answer,
			"an answer read out of data");
	not_our_own(&p);
	return answer == TCP_ANSWER_NONE ? -ENOMSG : 0;
}
