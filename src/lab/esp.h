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
/* What goes from one host to the other takes the tunnel between its ends near and far. */
#define ESP_POLICY(from, to, dir, near, far)                                                \
	"ip xfrm policy add src " from " dst " to " dir " dir " tmpl src " near " dst " far \
	" proto esp reqid 1 mode tunnel\n"
/* Each way the same SPI: it is of its receiver. */
#define ESP_STATES(near, far) ESP_STATE(near, far, "0x101") ESP_STATE(far, near, "0x101")
#define ESP_END(here, there, near, far) \
	ESP_STATES(near, far)           \
	ESP_POLICY(here, there, "out", near, far) ESP_POLICY(there, here, "in", far, near)

/* From host to host. */
#define ESP_HERE ESP_END(HOSTS_FIRST, HOSTS_PEER, HOSTS_FIRST, HOSTS_PEER)
#define ESP_THERE ESP_END(HOSTS_PEER, HOSTS_FIRST, HOSTS_PEER, HOSTS_FIRST)
/* From the router, the first host's gateway, on. */
#define ESP_GATEWAY                                                \
	ESP_END(HOSTS_FIRST, HOSTS_PEER, HOSTS_ROUTER, HOSTS_PEER) \
	ESP_POLICY(HOSTS_PEER, HOSTS_FIRST, "fwd", HOSTS_PEER, HOSTS_ROUTER)
#define ESP_THERE_GATEWAY ESP_END(HOSTS_PEER, HOSTS_FIRST, HOSTS_PEER, HOSTS_ROUTER)

/* Of the router: so long each way, with queues that lose nothing. */
#define ESP_FAR(delay)                                                    \
	"tc qdisc add dev lab-b root netem limit 20000 delay " delay "\n" \
	"tc qdisc add dev lab-r root netem limit 20000 delay " delay "\n"
/* What it drops of the way there, and no queue of this machine counts. */
#define ESP_DROP(which)                                                         \
	"nft add table ip lab\n"                                                \
	"nft 'add chain ip lab way { type filter hook forward priority 0; }'\n" \
	"nft 'add rule ip lab way oif lab-b " which " drop'\n"

#define ESP_BOUNDS "a guest, three network namespaces with a router, 1 connection"

extern const struct lab_guest esp_guest;

#endif
