/* SPDX-License-Identifier: MIT */
/*
 * The TCP sockets of two hosts joined: what one of them believes of a connection, and the other
 * does not. Neither of them could tell alone (docs/tcp-join.md).
 *
 * A host that is merely busy looks like one that disagrees: while it is read, connections come and
 * go. So what the first look at both makes suspect counts only when a second look at both shows the
 * same sockets, by cookie, in the same states.
 *
 * Pure. Shape: join_add() of every socket of the first looks, join_match(), then join_again() of
 * every socket of each later look and join_looked() at its end, join_finish().
 */
#ifndef MURPHY_MODEL_TCP_JOIN_H
#define MURPHY_MODEL_TCP_JOIN_H

#include "model/tcp.h"

enum { JOIN_A, JOIN_B, JOIN_HOSTS };

/* Of each host; what is more is counted as unlisted. */
enum { JOIN_ROWS = 2000000, JOIN_SUSPECTS = 400000, JOIN_ADDRESSES = 65536 };

/* What of a socket is needed here. IPv4 addresses as ::ffff:a.b.c.d. */
struct join_row {
	uint8_t local[16], peer[16];
	uint16_t local_port, peer_port;
	uint8_t state, timer;
	uint8_t retransmits; /* or probes: unanswered */
	bool loops;
	bool has_next;   /* the two that follow are known */
	bool has_window; /* and these */
	uint32_t send_next, receive_next;
	uint64_t send_window, receive_window;
	uint64_t cookie;
	uint64_t receive_queue, send_queue, notsent, unacked;
	uint64_t acked, received;
	uint64_t heard_ns; /* since anything came; UINT64_MAX: not known */
	uint64_t pid;      /* 0: none, or not known */
	char command[16];
};

/* pid, command: 0 and "" where they are not known. -EINVAL: an address that is none. */
int join_row_of(const struct tcp_socket *s, const char *local, const char *peer, uint64_t pid,
	const char *command, struct join_row *ret);

/* Why they cannot both be right; the worst first. */
enum join_cause {
	JOIN_NONE,
	JOIN_HALF_OPEN,    /* here established, there nothing */
	JOIN_UNANSWERED,   /* the same, and what is sent here gets no answer */
	JOIN_CLOSE_WAIT,   /* there ended and forgotten, here nobody closes */
	JOIN_STALE,        /* there a state that this one cannot lead to: another connection's */
	JOIN_SEQUENCE,     /* both established, and they count differently */
	JOIN_DATA_LOST,    /* what is sent here does not arrive there */
	JOIN_ACKS_LOST,    /* it arrives, but the ACKs do not come back */
	JOIN_WINDOW_LOST,  /* here the window is shut, there it is open */
	JOIN_FIN_LOST,     /* ended here, there nobody was told */
	JOIN_CLOSING,      /* ending here, there is nothing any more */
	JOIN_NOT_ACCEPTED, /* here established, there still a SYN */
	JOIN_SYNACK_LOST,  /* here still a SYN, there one that was answered */
	JOIN_UNREAD,       /* they agree: here waits what nobody reads there */
	JOIN_CAUSES
};

/* "half-open". Static. */
const char *join_cause_name(enum join_cause c);

struct join_finding {
	enum join_cause cause;
	unsigned int host;           /* whose row is here */
	bool checked;                /* a later look at both showed the same */
	bool has_there;              /* the other host has a socket, too */
	struct join_row here, there; /* as they were seen last */
};

/* Of one host's connections that the other has not. */
struct join_side {
	size_t rows, unlisted, looks;
	size_t connections; /* that are no listeners, and have their ends on two hosts */
	size_t elsewhere;   /* to addresses that the other is not known to have */
	size_t both_have;   /* to an address that both hosts have */
	size_t translated;  /* the other has it under another address: NAT */
	size_t perhaps_nat; /* the other does not know this address: perhaps NAT */
	size_t unseen;      /* the other's table is not whole */
	size_t addresses;   /* that this host is known to have */
};

struct join_result {
	struct join_side side[JOIN_HOSTS];
	size_t joined;   /* connections that both have */
	size_t suspects; /* of the first look; with those that are beyond JOIN_SUSPECTS */
	size_t dropped;  /* of them: no room */
	struct join_finding *finding; /* the worst first */
	size_t n_findings, n_checked;
};

struct join;

/* direct: no address between the two is translated, so that none needs to be suspected. */
int join_new(bool direct, struct join **ret_join);
void join_free(struct join *j);

/* host has this address, of 16 bytes. 0 or -ENOMEM. */
int join_address(struct join *j, unsigned int host, const uint8_t address[16]);

/* "10.0.0.1", "fe80::1": false, it is none. */
bool join_address_parse(const char *text, uint8_t ret_address[16]);

/* 0 or -ENOMEM. */
int join_add(struct join *j, unsigned int host, const struct join_row *row);

/* Rows of host are missing from its first look: its silence proves nothing. */
void join_blind(struct join *j, unsigned int host);

/* The first looks are whole. 0 or -ENOMEM. */
int join_match(struct join *j);

/* Suspects that are still that; 0: no second look is needed. */
size_t join_suspects(const struct join *j);

/* A socket of a later look. */
void join_again(struct join *j, unsigned int host, const struct join_row *row);

/* A later look at host is whole, or (blind) lacks rows: then it proves no absence. */
void join_looked(struct join *j, unsigned int host, bool blind);

/* Lives as long as j. 0 or -ENOMEM. */
int join_finish(struct join *j, struct join_result *ret);

#endif
