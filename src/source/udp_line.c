/* SPDX-License-Identifier: MIT */
#include "source/udp_line.h"

#include <string.h>
#include <sys/socket.h>

static bool take_address(
	struct span word, uint8_t ret_bytes[16], uint32_t *ret_family, uint32_t *ret_port)
{
	struct cursor c = cursor_span(word);
	struct span digits;
	uint64_t port;

	if (!cursor_until(&c, ':', &digits) || (digits.len != 8 && digits.len != 32) ||
		!cursor_x64(&c, &port) || !cursor_end(&c) || port > UINT16_MAX)
		return false;
	for (size_t i = 0; i < digits.len / 8; i++) {
		struct cursor part = cursor_of(digits.at + 8 * i, 8);
		uint64_t value;

		if (!cursor_x64(&part, &value) || !cursor_end(&part))
			return false;
		uint32_t stored = (uint32_t)value;

		memcpy(ret_bytes + 4 * i, &stored, sizeof(stored));
	}
	*ret_family = digits.len == 8 ? AF_INET : AF_INET6;
	*ret_port = (uint32_t)port;
	return true;
}

bool udp_line_head(struct cursor *c)
{
	struct cursor line;
	struct span word;

	return cursor_line(c, &line) && cursor_word(&line, &word) && span_eq(word, "sl");
}

bool udp_line_next(struct cursor *c, struct cursor *ret_line)
{
	while (cursor_line(c, ret_line)) {
		cursor_blank(ret_line);
		if (!cursor_end(ret_line))
			return !cursor_end(c) || c->at[-1] == '\n';
	}
	return false;
}

bool udp_line_ends(struct cursor line, struct udp_line *ret_line)
{
	struct udp_line l = { 0 };
	struct span slot, local, peer;
	uint64_t state;

	if (!cursor_word(&line, &slot) || !cursor_word(&line, &local) ||
		!cursor_word(&line, &peer) || !cursor_x64(&line, &state) || state > UINT8_MAX ||
		!take_address(local, l.local, &l.family, &l.local_port) ||
		!take_address(peer, l.peer, &l.family, &l.peer_port))
		return false;
	l.state = (uint32_t)state;
	l.rest = line;
	*ret_line = l;
	return true;
}

bool udp_line_rest(struct udp_line *l)
{
	struct cursor c = l->rest;
	struct span word;
	uint64_t out;

	if (!cursor_x64(&c, &out) || !cursor_lit(&c, ":") || !cursor_x64(&c, &l->receive_queue) ||
		!cursor_word(&c, &word) || !cursor_word(&c, &word) || !cursor_u64(&c, &l->uid) ||
		!cursor_word(&c, &word) || !cursor_u64(&c, &l->inode))
		return false;
	l->has_drops =
		cursor_word(&c, &word) && cursor_word(&c, &word) && cursor_u64(&c, &l->drops);
	return true;
}
