/* SPDX-License-Identifier: MIT */
/* Full segments that never arrive, where small ones do, or where nobody is any more. */
#include "model/tcp_verdict.h"
#include "tests/unit/build_net.h"

extern const struct check check_net_path_mtu, check_tcp_peer_gone;

#define S(seconds) ((uint64_t)(seconds)*1000000000u)

static void tell_ns(struct tcp_socket *s, uint64_t trying_ns, uint64_t heard_ns)
{
	s->trying_ns = trying_ns + S(60); /* an earlier loss, from which it did not recover */
	s->backoff = 3;                   /* 0.2, 0.4, 0.8 s: the first and the last 1.2 s apart */
	s->rto_ns = S(16) / 10;
	s->last_sent_ns = trying_ns - S(12) / 10;
	s->last_ack_ns = heard_ns;
}

/* Ten segments in flight, sent five times; tried for 9 s, and the peer was heard just before. */
static struct tcp_socket *add_stuck(struct scene *s, uint64_t cookie, const char *peer)
{
	struct tcp_socket *now = add_socket(&s->now, cookie, peer);

	now->timer = TCP_TIMER_RETRANSMIT;
	now->retransmits = 5;
	now->unacked = 10;
	now->send_mss = 1448;
	now->send_queue = 50000;
	now->notsent_bytes = 50000 - 9 * 1448 - 700; /* the last of the ten is small */
	now->path_mtu_bytes = 1500;
	now->acked_bytes = 2;
	now->has |= (has_t)1 << TCP_SOCKET_acked_bytes;
	tell_ns(now, S(9), S(9) + 200000000);
	return now;
}

static void of_one(struct tcp_socket *s, const char *verdict)
{
	assert_string_equal(tcp_verdict_name(tcp_judge(s)), verdict);
}

static void one_socket(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct tcp_socket was = *add_stuck(&s, 1, "192.0.2.9"), now = was;

	of_one(&now, "peer-gone");
	now.sacked = 1;
	of_one(&now, "path-mtu");
	now.retransmits = 3;
	of_one(&now, "fine");
	now = was;
	now.last_ack_ns = S(6);
	of_one(&now, "path-mtu");
	now.last_ack_ns = S(6) + 1;
	of_one(&now, "peer-gone");
	now.last_ack_ns = S(1);
	now.has &= ~((has_t)1 << TCP_SOCKET_rto_ns);
	of_one(&now, "peer-gone");
	/* What arrived may have been of full size: a loss. */
	now = was;
	now.sacked = 1;
	now.notsent_bytes = 50000 - 10 * 1448;
	of_one(&now, "peer-gone");
	now.sacked = 5;
	now.notsent_bytes = was.notsent_bytes;
	of_one(&now, "peer-gone");
	now.sacked = 10;
	of_one(&now, "peer-gone");
	/* Small ones, or such as every path takes, or to this host: size is not what stops them. */
	now = was;
	now.sacked = 1;
	now.unacked = 2;
	now.notsent_bytes = now.send_queue - 1447;
	of_one(&now, "peer-gone");
	now.notsent_bytes = now.send_queue - 1449;
	of_one(&now, "path-mtu");
	now.send_mss = 496;
	of_one(&now, "peer-gone");
	now.send_mss = 1200;
	of_one(&now, "path-mtu");
	now.family = 10;
	of_one(&now, "peer-gone");
	now.family = 2;
	now.loops = 1;
	of_one(&now, "peer-gone");
	/* More unsent than there is: a row that was read while it changed. */
	now.loops = 0;
	now.notsent_bytes = now.send_queue + 1;
	of_one(&now, "peer-gone");
	/* A server's last page: no process has it. */
	now = was;
	now.sacked = 1;
	now.state = TCP_STATE_FIN_WAIT1;
	now.inode = 0;
	of_one(&now, "path-mtu");
	scene_end(&s);
}

/* A transfer with losses, and then its peer loses its power: what was SACKed stays so. */
static void gone_in_midst(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct tcp_socket *now = add_stuck(&s, 1, "192.0.2.9");

	add_owner(&s, 1);
	now->retransmits = 6;
	now->sacked = 1;
	now->acked_bytes = 1447;
	of_one(now, "path-mtu");
	now->acked_bytes = 1448;
	now->segments_out = 2;
	of_one(now, "peer-gone");
	/* A pool's connection: a hundred requests of 200 bytes, and now an upload. */
	now->acked_bytes = 20000;
	now->segments_out = 120;
	of_one(now, "path-mtu");
	now->segments_out = 5000;
	now->acked_bytes = 5865162;
	assert_int_equal(scene_judge(&s, &check_net_path_mtu), VERDICT_FINE);
	assert_int_equal(scene_judge(&s, &check_tcp_peer_gone), VERDICT_SAD);
	/* Not known is not small. */
	now->acked_bytes = 0;
	now->has &= ~((has_t)1 << TCP_SOCKET_acked_bytes);
	of_one(now, "peer-gone");
	scene_end(&s);
}

enum sign { NO_SIGN, SMALL_BEHIND, HEARD, NEWER };

/* Connections, their tries, what tells that small ones pass; then what is told of it. */
static void paths(void **state UNUSED)
{
	static const struct {
		uint64_t sockets;
		uint32_t tries;
		enum sign sign;
		enum verdict verdict, gone;
		enum confidence confidence;
	} cases[] = {
		{ 2, 4, SMALL_BEHIND, VERDICT_SAD, VERDICT_FINE, CONFIDENCE_LIKELY },
		{ 1, 5, SMALL_BEHIND, VERDICT_FINE, VERDICT_FINE, 0 },
		{ 1, 6, SMALL_BEHIND, VERDICT_SAD, VERDICT_FINE, CONFIDENCE_LIKELY },
		{ 2, 4, HEARD, VERDICT_SAD, VERDICT_FINE, CONFIDENCE_POSSIBLE },
		{ 4, 3, HEARD, VERDICT_FINE, VERDICT_FINE, 0 },
		/* A pool: all of them began, and were heard of, at the same time. */
		{ 6, 6, NO_SIGN, VERDICT_FINE, VERDICT_SAD, 0 },
		{ 2, 6, NEWER, VERDICT_SAD, VERDICT_SAD, CONFIDENCE_LIKELY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'S');
		for (uint64_t k = 0; k < cases[i].sockets; k++) {
			struct tcp_socket *one = add_stuck(&s, k, "192.0.2.9");

			one->retransmits = cases[i].tries;
			one->sacked = cases[i].sign == SMALL_BEHIND;
			if (cases[i].sign == HEARD)
				tell_ns(one, S(9), S(1));
			if (cases[i].sign == NEWER &&
				k == 1) /* it began when the other had tried 5 s */
				tell_ns(one, S(4) - 200000000, S(4));
			add_owner(&s, k);
		}
		assert_int_equal(scene_judge(&s, &check_tcp_peer_gone), cases[i].gone);
		const struct finding *f =
			scene_case(&s, &check_net_path_mtu, i, cases[i].verdict, SEVERITY_WARNING);

		if (f) {
			assert_int_equal(f->confidence, cases[i].confidence);
			assert_string_equal(f->culprits[0].name, "192.0.2.9");
			assert_int_equal(f->victims[0].pid, SELF);
			assert_non_null(strstr(f->todo[1], "ping -M do -c3 -s 1472 192.0.2.9"));
		}
		scene_end(&s);
	}
}

/* That somebody else's connections live says nothing of this peer's. */
static void another_peer(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_table(&s.now, TABLE_socket_owner);
	for (uint64_t k = 0; k < 4; k++)
		add_stuck(&s, k, "192.0.2.9");
	tell_ns(add_stuck(&s, 4, "192.0.2.10"), S(3), S(3));
	tell_ns(add_stuck(&s, 5, "192.0.2.9"), S(3), S(3));
	struct tcp_socket *elsewhere = ((struct tcp_socket *)s.now.at[TABLE_tcp_socket]->row) + 5;

	elsewhere->netns = NS;
	for (uint64_t k = 0; k < 6; k++)
		add_owner(&s, k);
	assert_int_equal(scene_judge(&s, &check_net_path_mtu), VERDICT_FINE);
	elsewhere->netns = 0;
	assert_int_equal(scene_judge(&s, &check_net_path_mtu), VERDICT_SAD);
	scene_end(&s);
}

static void over_ipv6(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t k = 0; k < 2; k++) {
		struct tcp_socket *one = add_stuck(&s, k, "2001:db8::9");

		one->family = 10;
		one->sacked = 1;
		add_owner(&s, k);
	}
	assert_int_equal(scene_judge(&s, &check_net_path_mtu), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_non_null(strstr(f->cause, "ICMPv6 packet too big"));
	assert_non_null(strstr(f->todo[0], "-s 1232 2001:db8::9"));
	assert_non_null(strstr(f->todo[1], "-s 1452 2001:db8::9"));
	scene_end(&s);
}

static void many_paths(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t k = 0; k < 1000; k++) {
		char peer[32];

		snprintf(peer, sizeof(peer), "192.0.%u.%u", (unsigned)k / 200, (unsigned)k % 100);
		add_stuck(&s, k, peer)->sacked = 1;
		add_owner(&s, k);
	}
	assert_int_equal(scene_judge(&s, &check_net_path_mtu), VERDICT_SAD);
	assert_int_equal(s.judgement.n_findings, FINDINGS_EACH_MAX);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_socket),
		cmocka_unit_test(gone_in_midst),
		cmocka_unit_test(paths),
		cmocka_unit_test(another_peer),
		cmocka_unit_test(over_ipv6),
		cmocka_unit_test(many_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
