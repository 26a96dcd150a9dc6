/* SPDX-License-Identifier: MIT */
/* What is said of each cause: tcp_join.c and tcp_join_json.c. */
#ifndef MURPHY_RENDER_TCP_JOIN_WORDS_H
#define MURPHY_RENDER_TCP_JOIN_WORDS_H

#include "render/tcp_join.h"

struct join_words {
	const char *says;    /* "here" has the socket that the finding is of, "there" the other */
	const char *program; /* what its program can do; NULL: nothing */
	const char *refuted; /* if */
	bool kill;           /* ss -K here ends it */
};

const struct join_words *join_words_of(enum join_cause c);

/* "10.0.0.1:80", "[fe80::1]:80". */
void join_put_end(const uint8_t address[16], uint16_t port, struct strbuf *out);

/* "10.0.0.1". text has room for 46 bytes. */
void join_address_text(const uint8_t address[16], char text[46]);

/* The command that ends the socket. */
void join_put_kill(const struct join_row *r, struct strbuf *out);

/* What was not judged of host's connections, and what would help; a line each. Arena's texts. */
enum { JOIN_GAPS = 8 };
size_t join_gaps(const struct join_view *v, struct arena *a, const char *ret_gap[JOIN_GAPS]);

#endif
