/* SPDX-License-Identifier: MIT */
/* The segment that asks a peer, and what answers mean; the bytes are of a run on Linux 6.18. */
#include "act/tcp_probe.h"
#include "tests/unit/unit.h"

#include <sys/socket.h>

static struct tcp_probe four(void)
{
	return (struct tcp_probe){ .family = AF_INET,
		.local = { 10, 99, 1, 1 },
		.peer = { 10, 99, 2, 1 },
		.local_port = 40000,
		.peer_port = 7000,
		.send_acked = 0,
		.receive_next = 0x01020304 };
}

static void one_too_small(void **state UNUSED)
{
	/* 10.99.1.1:40000 > 10.99.2.1:7000, ACK, seq 4294967295, ack 16909059, window 1 */
	static const uint8_t want[TCP_PROBE_BYTES] = { 0x9c, 0x40, 0x1b, 0x58, 0xff, 0xff, 0xff,
		0xff, 0x01, 0x02, 0x03, 0x03, 0x50, 0x10, 0x00, 0x01 };
	struct tcp_probe p = four();
	uint8_t segment[TCP_PROBE_BYTES];
	uint32_t sum = 0x0a63 + 0x0101 + 0x0a63 + 0x0201 + 6 + TCP_PROBE_BYTES;

	tcp_probe_segment(&p, segment);
	assert_memory_equal(segment, want, 16);
	for (size_t i = 0; i < TCP_PROBE_BYTES; i += 2)
		sum += (uint32_t)segment[i] << 8 | segment[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	/* IPv6's the kernel makes. */
	p.family = AF_INET6;
	tcp_probe_segment(&p, segment);
	assert_int_equal(segment[16] | segment[17], 0);
}

/* An IPv4 header of words, then a TCP header. */
struct packet {
	uint8_t bytes[80];
	size_t len;
};

static struct packet answer(unsigned int words, uint8_t flags, uint32_t sequence, uint32_t ack)
{
	struct packet p = { .len = words * 4 + TCP_PROBE_BYTES };
	uint8_t *tcp = p.bytes + (size_t)words * 4;

	if (words) {
		p.bytes[0] = (uint8_t)(0x40 | words);
		p.bytes[9] = 6;
		memcpy(p.bytes + 12, "\x0a\x63\x02\x01", 4);
	}
	memcpy(tcp, "\x1b\x58\x9c\x40", 4);
	for (int i = 0; i < 4; i++) {
		tcp[4 + i] = (uint8_t)(sequence >> (24 - 8 * i));
		tcp[8 + i] = (uint8_t)(ack >> (24 - 8 * i));
	}
	tcp[13] = flags;
	return p;
}

static enum tcp_answer heard(const struct tcp_probe *p, struct packet packet)
{
	return tcp_probe_hear(p, packet.bytes, packet.len);
}

static void what_answers_mean(void **state UNUSED)
{
	struct tcp_probe p = four();
	struct packet k = answer(5, 0x10, 0x01020304, 0);

	assert_int_equal(heard(&p, k), TCP_ANSWER_ALIVE);
	assert_int_equal(heard(&p, answer(15, 0x10, 0x01020304, 0)), TCP_ANSWER_ALIVE);
	/* It has got what was on its way, or what was written since. */
	assert_int_equal(heard(&p, answer(5, 0x10, 0x01020304, 100000)), TCP_ANSWER_ALIVE);
	assert_int_equal(heard(&p, answer(5, 0x10, 0x01020304, 1 << 30)), TCP_ANSWER_ALIVE);
	assert_int_equal(heard(&p, answer(5, 0x10, 0x01020304, (1 << 30) + 1)), TCP_ANSWER_NONE);
	/* Another connection's. */
	assert_int_equal(heard(&p, answer(5, 0x12, 0x01020304, 0)), TCP_ANSWER_NONE);
	/* Data that it sent before it knew all that it has acknowledged. */
	assert_int_equal(heard(&p, answer(5, 0x18, 0x01020304, 0xffffff00)), TCP_ANSWER_NONE);
	assert_int_equal(heard(&p, answer(5, 0x04, 0x01020303, 0)), TCP_ANSWER_FORGOTTEN);
	/* Of somebody else's asking. */
	assert_int_equal(heard(&p, answer(5, 0x14, 0, 5)), TCP_ANSWER_NONE);
	assert_int_equal(heard(&p, answer(5, 0x02, 0x01020304, 0)), TCP_ANSWER_NONE);
	k.bytes[9] = 17;
	assert_int_equal(heard(&p, k), TCP_ANSWER_NONE);
	k = answer(5, 0x10, 0, 0);
	k.bytes[15] = 2; /* another host */
	assert_int_equal(heard(&p, k), TCP_ANSWER_NONE);
	k = answer(5, 0x10, 0, 0);
	k.bytes[23] = 0; /* another port */
	assert_int_equal(heard(&p, k), TCP_ANSWER_NONE);
	p.family = AF_INET6;
	assert_int_equal(heard(&p, answer(0, 0x10, 0, 0)), TCP_ANSWER_ALIVE);
}

/* Whatever comes, in whatever length. */
static void nonsense(void **state UNUSED)
{
	struct tcp_probe p = four();
	uint32_t seed = 4711;

	for (int i = 0; i < 200000; i++) {
		uint8_t bytes[80];
		size_t len = (size_t)i % sizeof(bytes);
		uint8_t *packet = malloc(len ? len : 1);

		assert_non_null(packet);
		for (size_t k = 0; k < len; k++)
			packet[k] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		if (len)
			packet[0] = (uint8_t)(0x40 | (i & 0xf));
		p.family = i % 3 ? AF_INET : AF_INET6;
		assert_int_equal(tcp_probe_hear(&p, packet, len), TCP_ANSWER_NONE);
		free(packet);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_too_small),
		cmocka_unit_test(what_answers_mean),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
