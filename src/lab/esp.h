/* SPDX-License-Identifier: MIT */
/*
 * An IPsec tunnel (ESP, AES-GCM) between the two hosts of lab/hosts.h, in a guest: few kernels have
 * all that it takes. A tale gives ESP_HERE and ESP_THERE to run there.
 */
#ifndef MURPHY_LAB_ESP_H
#define MURPHY_LAB_ESP_H

#include "lab/hosts.h"

#define ESP_KEY "0x000102030405060708090a0b0c0d0e0f10111213"
#define ESP_STATE(from, to, spi)                                                               \
	"ip xfrm state add src " from " dst " to " proto esp spi " spi " reqid 1 mode tunnel " \
	"aead 'rfc4106(gcm(aes))' " ESP_KEY " 128\n"
#define ESP_POLICY(from, to, dir)                                                          \
	"ip xfrm policy add src " from " dst " to " dir " dir " tmpl src " from " dst " to \
	" proto esp reqid 1 mode tunnel\n"
#define ESP_STATES \
	ESP_STATE(HOSTS_FIRST, HOSTS_PEER, "0x101") ESP_STATE(HOSTS_PEER, HOSTS_FIRST, "0x102")

#define ESP_HERE                                              \
	ESP_STATES ESP_POLICY(HOSTS_FIRST, HOSTS_PEER, "out") \
		ESP_POLICY(HOSTS_PEER, HOSTS_FIRST, "in")
#define ESP_THERE                                             \
	ESP_STATES ESP_POLICY(HOSTS_PEER, HOSTS_FIRST, "out") \
		ESP_POLICY(HOSTS_FIRST, HOSTS_PEER, "in")

/* Of the router: 20 ms each way, with queues that lose nothing; more: words for the way there. */
#define ESP_FAR(more)                                                         \
	"tc qdisc add dev lab-b root netem limit 20000 delay 20ms " more "\n" \
	"tc qdisc add dev lab-r root netem limit 20000 delay 20ms\n"

#define ESP_BOUNDS "a guest, three network namespaces with a router, 1 connection"

extern const struct lab_guest esp_guest;

#endif
