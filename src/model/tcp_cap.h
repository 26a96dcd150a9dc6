/* SPDX-License-Identifier: MIT */
/*
 * How fast a connection can be for its buffers: a sender has no more on its way than the peer's
 * window, or its own send buffer, lets it, and gets room for more once a round trip. RFC 7323, 1.1.
 */
#ifndef MURPHY_MODEL_TCP_CAP_H
#define MURPHY_MODEL_TCP_CAP_H

#include "model/model.h"

enum tcp_cap_kind {
	TCP_CAP_NONE,
	TCP_CAP_RECEIVER, /* the peer's window, which is as large as it gets */
	TCP_CAP_SENDER,   /* our send buffer */
	TCP_CAP_OURS,     /* our own window, of a peer that sends */
	TCP_CAP_LOSS,     /* what is lost without a queue that would explain it */
};

struct tcp_cap {
	enum tcp_cap_kind kind;
	double bytes_per_s;   /* that arrived during the look */
	uint64_t rtt_ns;      /* the lowest */
	uint64_t limit_bytes; /* the window, the buffer, the congestion window */
	double busy_ratio;    /* of the look: it had something to send */
	double limited_ratio; /* of that time: it waited for such room */
	double lost;          /* segments sent again during the look */
	double lost_ratio;    /* of those sent */
};

/*
 * What capped it all through the look. Full windows on a long path read no more than 43 to 50 % as
 * limited (measured at 40 ms). TCP_CAP_NONE also for a reader that does not keep up (its window
 * moves), a lossy path, a peer nearby, and where there is only one frame.
 */
struct tcp_cap tcp_cap_of(const struct model *m, const struct tcp_socket *s);

/*
 * TCP_CAP_LOSS, or TCP_CAP_NONE: it sends all through the look as much as the congestion window
 * lets it, loses segments, and its round trip is as short as ever, so that no queue overflows on
 * the way as it does where TCP fills a link. What BBR sends is half of its window: none.
 */
struct tcp_cap tcp_cap_by_loss(const struct model *m, const struct tcp_socket *s);

/*
 * TCP_CAP_OURS, or TCP_CAP_NONE: what came filled our window once each round trip, the window is as
 * large as it was, and what came was read. Where the kernel tunes a buffer it makes the window
 * twice of what comes in a round trip, as long as it may.
 */
struct tcp_cap tcp_cap_received(const struct model *m, const struct tcp_socket *s);

bool tcp_cap_may_receive(const struct tcp_socket *s);

/* May it be capped, for all that one frame tells? A door for needs: cheap. */
bool tcp_cap_may(const struct tcp_socket *s);

#define TCP_CAP_LOOK_NS UINT64_C(900000000)
#define TCP_CAP_RTT_NS UINT64_C(5000000)
#define TCP_CAP_BUSY 0.7
#define TCP_CAP_LIMITED 0.2
#define TCP_CAP_NO_QUEUE 1.25
#define TCP_CAP_LOST 3
#define TCP_CAP_FILLED 0.7

#endif
