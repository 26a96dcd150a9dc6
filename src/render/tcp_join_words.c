/* SPDX-License-Identifier: MIT */
#include "render/tcp_join_words.h"

#include "base/arena.h"

#include <arpa/inet.h>
#include <string.h>

static const struct join_words words[JOIN_CAUSES] = {
	[JOIN_HALF_OPEN] = { "Established here, and there is no such socket there: that host was "
			     "restarted, or "
			     "dropped it, or its end got lost. Nobody here will notice before "
			     "something is sent.",
		"keepalive (SO_KEEPALIVE with TCP_KEEPIDLE of minutes) or its own heartbeat finds "
		"it; a pool should test a connection before it is used",
		"an address between the two is translated, or the other host has it in a network "
		"namespace that was not read",
		true },
	[JOIN_UNANSWERED] = { "Established here, and there is no such socket there; what is sent "
			      "here gets no "
			      "answer, not even a RST: something between them drops one of the "
			      "two.",
		"TCP_USER_TIMEOUT says after how long it may fail, instead of a quarter of an hour",
		"an address between the two is translated, or the other host has it in a network "
		"namespace that was not read",
		true },
	[JOIN_CLOSE_WAIT] = { "The other side has ended it and waits no longer (FIN_WAIT2 lasts a "
			      "minute); here "
			      "the program does not close. What it would still send is answered by "
			      "a RST.",
		"close() when read() returns 0: murphy explain tcp.close-wait",
		"an address between the two is translated", true },
	[JOIN_STALE] = { "Their states cannot follow from each other: the two sockets are not of "
			 "one "
			 "connection. One is what is left of an older one, with the same ports.",
		"keepalive or TCP_USER_TIMEOUT end the older one",
		"something between them (a proxy, a firewall) ends connections in another's name",
		true },
	[JOIN_SEQUENCE] = { "Both are established and quiet, and count differently: what was sent "
			    "here is not "
			    "what arrived there. They are not of one connection, or something "
			    "between them "
			    "acknowledged what it did not pass on.",
		"an application's own acknowledgement is what can be trusted",
		"something between them changes data (a proxy, a helper of NAT)", true },
	[JOIN_DATA_LOST] = { "What is sent here does not arrive there, again and again: it gets "
			     "lost on the way.",
		"TCP_USER_TIMEOUT says after how long it may fail",
		"the number of bytes received there grows", false },
	[JOIN_ACKS_LOST] = { "What is sent here arrives there, but the ACKs do not come back: the "
			     "way back is "
			     "broken (a route, a firewall that saw only one direction).",
		"TCP_USER_TIMEOUT says after how long it may fail",
		"the number of bytes acknowledged here grows", false },
	[JOIN_WINDOW_LOST] = { "Here the window of the other is taken for shut, there it is open "
			       "and empty: what "
			       "told so got lost, and so do the answers to probes.",
		"TCP_USER_TIMEOUT says after how long it may fail", "the window opens here",
		false },
	[JOIN_FIN_LOST] = { "Ended here, and the other side was never told: what ends it is sent "
			    "in vain. There "
			    "it will be taken for alive.",
		"keepalive there finds it when this side has given up", "it leaves its state here",
		false },
	[JOIN_CLOSING] = { "It is ending here, and there is nothing there any more that could "
			   "answer. The "
			   "kernel gives up by itself (tcp_orphan_retries, tcp_fin_timeout).",
		NULL, "an address between the two is translated", true },
	[JOIN_NOT_ACCEPTED] = { "Established here; there the handshake is not done: its last ACK "
				"was dropped, since "
				"the queue of accept() is full, or never came.",
		"accept() faster there, or a longer backlog: murphy explain tcp.listen-overflow",
		"the listener there has TCP_DEFER_ACCEPT, and waits for data", false },
	[JOIN_SYNACK_LOST] = { "The SYN arrived there and is answered, but no answer arrives here: "
			       "the way back is "
			       "broken (a route, a firewall that saw only one direction).",
		NULL, "it becomes established here", false },
	[JOIN_UNREAD] = { "They agree: bytes wait here since nobody reads what has arrived there.",
		"the program there must read, or should tell that it is busy",
		"its receive queue there shrinks", false },
};

const struct join_words *join_words_of(enum join_cause c)
{
	return &words[c];
}

void join_address_text(const uint8_t address[16], char text[46])
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, address + 12, text, 46);
	else
		inet_ntop(AF_INET6, address, text, 46);
}

void join_put_end(const uint8_t address[16], uint16_t port, struct strbuf *out)
{
	char text[46];

	join_address_text(address, text);
	strbuf_printf(out, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
}

void join_put_kill(const struct join_row *r, struct strbuf *out)
{
	char local[46], peer[46];

	join_address_text(r->local, local);
	join_address_text(r->peer, peer);
	strbuf_printf(out, "ss -K src %s sport = %u dst %s dport = %u", local, r->local_port, peer,
		r->peer_port);
}

size_t join_gaps(const struct join_view *v, struct arena *a, const char *ret_gap[JOIN_GAPS])
{
	static const char letter[] = "ab";
	const struct join_result *r = v->result;
	size_t n = 0;

	for (int h = 0; h < JOIN_HOSTS; h++) {
		const struct join_side *s = &r->side[h];
		const char *me = v->host[h], *other = v->host[!h];

		if (s->unseen && n < JOIN_GAPS)
			ret_gap[n++] = arena_printf(a,
				"%zu of %s: sockets of %s are missing from what was read: look "
				"there "
				"as root",
				s->unseen, me, other);
		if (s->perhaps_nat && n < JOIN_GAPS)
			ret_gap[n++] = arena_printf(a,
				"%zu of %s: %s knows nobody by that address, but others at the "
				"same "
				"port: perhaps addresses are translated (NAT). If they are not: "
				"--direct",
				s->perhaps_nat, me, other);
		if (s->both_have && n < JOIN_GAPS)
			ret_gap[n++] =
				arena_printf(a, "%zu of %s go to an address that both hosts have",
					s->both_have, me);
		if (s->elsewhere && r->side[!h].addresses == 0 && n < JOIN_GAPS)
			ret_gap[n++] = arena_printf(a,
				"no address of %s is known from its sockets: --%c-address", other,
				letter[!h]);
	}
	return n;
}
