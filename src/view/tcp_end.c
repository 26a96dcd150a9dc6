/* SPDX-License-Identifier: MIT */
#include "view/tcp_end.h"

#include "base/human.h"

#include <errno.h>
#include <stdio.h>

static const char *name_of(int error)
{
	return error == ETIMEDOUT ? "ETIMEDOUT" : error == EHOSTUNREACH ? "EHOSTUNREACH" : "error";
}

struct tcp_end_text tcp_future_text(const struct tcp_end *end)
{
	static const char *const events[TCP_ENDS] = {
		[TCP_END_CONNECT_FAILS] = "connect() fails",
		[TCP_END_FREED] = "orphan freed",
		[TCP_END_FIN_WAIT2] = "FIN_WAIT2 gone",
		[TCP_END_TIME_WAIT] = "TIME_WAIT gone",
		[TCP_END_HALF_OPEN] = "half-open dropped",
		[TCP_END_PROBE] = "keepalive probe",
	};
	struct tcp_end_text text = { "" };
	const char *event = NULL;

	if ((unsigned int)end->what >= TCP_ENDS || end->what == TCP_END_NOTHING)
		return text;
	if (end->what == TCP_END_FAILS || end->what == TCP_END_KEEPALIVE)
		event = name_of(end->error);
	else
		event = events[end->what];
	snprintf(text.s, sizeof(text.s), "%s in %s%s", event, end->assumed ? "~" : "",
		human_span((double)end->in_ns).s);
	return text;
}
