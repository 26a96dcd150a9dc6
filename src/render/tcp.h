/* SPDX-License-Identifier: MIT */
/* murphy tcp: connections and what they were taken for, to text and JSON. */
#ifndef MURPHY_RENDER_TCP_H
#define MURPHY_RENDER_TCP_H

#include "render/text.h"
#include "view/tcp.h"

void tcp_text(const struct tcp_report *r, const struct text_style *style, struct strbuf *out);

/*
 * An object per line: kinds connection or connections, from row number from on at most so many, and
 * how many these were; then tcp, the last (docs/json.md).
 */
size_t tcp_json_rows(const struct tcp_report *r, size_t from, size_t most, struct strbuf *out);
void tcp_json_end(const struct tcp_report *r, int exit_code, struct strbuf *out);

/* "10.0.0.1:80", "[::1]:80", "*:80": an address and port of t, a table of sockets. */
void tcp_put_address(
	const struct table *t, text_t address, uint32_t port, bool listens, struct strbuf *out);

/* "retransmit in 12 s (5th)": what its timer will do; empty: it has none. */
void tcp_put_timer(const struct tcp_socket *s, struct strbuf *out);

#endif
