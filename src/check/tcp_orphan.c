/* SPDX-License-Identifier: MIT */
#include "check/tcp_orphan.h"

#include "check/entity.h"

void tcp_orphan_advise(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	const char *address = table_text(frame_table(m->now, TABLE_tcp_socket), z->first->peer);
	uint64_t netns = z->first->netns;
	const char *enter = netns_enter(j, netns, netns_pid(m, netns));

	finding_evidence(f, "tcp_socket.send_queue", UNIT_BYTES, reading_of((double)z->bytes),
		"sock_diag Send-Q", reading_none(STATE_ABSENT), "memory of the kernel until then");
	finding_todo(f, judge_text(j, "see them (timer:(on,NEXT,TRIES)):  %sss -tano dst %s", enter,
				address));
	finding_todo(f, judge_text(j, "does it answer at all:  %sping -c3 -W1 %s", enter, address));
	finding_todo(f,
		"nothing, as a rule: the kernel gives up by itself; where there are tens of "
		"thousands, compare them with net.ipv4.tcp_max_orphans:  "
		"grep TCP: /proc/net/sockstat");
	finding_todo(f, judge_text(j, "end them now:  %sss -K dst %s", enter, address));
	f->refuted_if = "they end, or their number to this address falls";
}
