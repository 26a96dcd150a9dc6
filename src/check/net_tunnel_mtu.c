/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/net_tunnel.h"

#include <string.h>

enum { LOOPBACK = 772, UP = 1, FRAGMENTS_MIN = 20, PIECES = 2 };

/*
 * What each kind puts before a packet, over IPv4: the least, so that what does not fit with it does
 * not fit at all. A vxlan carries frames: IP 20, UDP 8, VXLAN 8, Ethernet 14.
 */
static const struct {
	const char *kind;
	uint32_t bytes;
} tunnels[] = {
	{ "vxlan", 50 },
	{ "geneve", 50 },
	{ "gre", 24 },
	{ "gretap", 38 },
	{ "ip6gre", 44 },
	{ "ip6gretap", 58 },
	{ "ipip", 20 },
	{ "sit", 20 },
	{ "ip6tnl", 40 },
	{ "vti", 0 },
	{ "vti6", 0 },
	{ "xfrm", 0 },
	{ "wireguard", 60 },
	{ "erspan", 50 },
	{ "ip6erspan", 70 },
};

static const char *kind_of(const struct model *m, const struct link *l)
{
	return row_has(l->has, LINK_kind) ? table_text(frame_table(m->now, TABLE_link), l->kind)
					  : "";
}

bool net_tunnel_is(const struct model *m, const struct link *l)
{
	const char *kind = kind_of(m, l);

	for (size_t i = 0; i < ARRAY_SIZE(tunnels); i++) {
		if (strcmp(kind, tunnels[i].kind) == 0)
			return true;
	}
	return false;
}

static uint64_t overhead(const struct model *m, const struct link *l)
{
	const char *kind = kind_of(m, l);

	for (size_t i = 0; i < ARRAY_SIZE(tunnels); i++) {
		if (strcmp(kind, tunnels[i].kind) == 0)
			return tunnels[i].bytes;
	}
	return 0;
}

/* The largest packet that any device but tunnels takes there; 0: none is known. */
static uint64_t largest_below(const struct model *m, uint64_t netns)
{
	uint64_t largest = 0;

	for (table_each(struct link, l, frame_table(m->now, TABLE_link))) {
		if (l->netns == netns && (l->flags & UP) && l->type != LOOPBACK &&
			row_has(l->has, LINK_mtu_bytes) && !net_tunnel_is(m, l) &&
			l->mtu_bytes > largest)
			largest = l->mtu_bytes;
	}
	return largest;
}

/*
 * The one that sends most of those that do not fit. One whose packets leave by another namespace
 * than its own (overlays of containers) is told by that one's fragments.
 */
static const struct link *culprit_of(const struct model *m, uint64_t below, double packets)
{
	const struct link *best = NULL;
	double most = packets / 2;

	for (table_each(struct link, l, frame_table(m->now, TABLE_link))) {
		uint64_t more = overhead(m, l);
		double sent = model_grown(m, TABLE_link, l, LINK_tx_packets);

		if (more == 0 || !(l->flags & UP) || !row_has(l->has, LINK_mtu_bytes) ||
			l->mtu_bytes + more <= below || below <= more || sent <= most)
			continue;
		most = sent;
		best = l;
	}
	return best;
}

static void report(struct judgement *j, const struct model *m, const struct snmp *row,
	const struct link *l, uint64_t below)
{
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_LIKELY);
	struct entity e = entity_interface(j, m, l);
	const char *name = shell_word(j, table_text(frame_table(m->now, TABLE_link), l->name));
	const char *enter = netns_enter(j, l->netns, netns_pid(m, l->netns));
	unsigned long long fits = below - overhead(m, l), room = l->mtu_bytes + overhead(m, l);
	double fails = model_grown(m, TABLE_snmp, row, SNMP_ip_fragment_fails);

	finding_culprit(f, e);
	finding_evidence(f, "snmp.ip_fragments_made", UNIT_COUNT,
		reading_of(model_grown(m, TABLE_snmp, row, SNMP_ip_fragments_made)),
		netns_source(j, row->netns, "/proc/net/snmp Ip FragCreates"),
		reading_of(FRAGMENTS_MIN),
		"pieces during the look; one lost, and the whole packet is");
	finding_evidence(f, "link.mtu_bytes", UNIT_BYTES, reading_of((double)l->mtu_bytes),
		judge_text(j, "rtnetlink, of %s", e.name), reading_of((double)fits),
		judge_text(j, "%llu are the most that fit with the header of %s into what is below",
			fits, kind_of(m, l)));
	finding_evidence(f, "below.mtu_bytes", UNIT_BYTES, reading_of((double)below), "rtnetlink",
		reading_none(STATE_ABSENT), "the largest of the other devices");
	if (fails > 0)
		finding_evidence(f, "snmp.ip_fragment_fails", UNIT_COUNT, reading_of(fails),
			netns_source(j, row->netns, "/proc/net/snmp Ip FragFails"),
			reading_none(STATE_ABSENT), "too large, and not to be cut: dropped");
	f->title = judge_text(
		j, "what the tunnel %s sends does not fit below it, and leaves in pieces", e.name);
	f->cause = judge_text(j,
		"its MTU of %llu leaves no room for its own header in packets of %llu bytes: each "
		"full one is cut in two, which costs both ends, and many firewalls and clouds drop "
		"the pieces",
		(unsigned long long)l->mtu_bytes, (unsigned long long)below);
	finding_todo(f, judge_text(j, "its ends and MTU:  %sip -d link show dev %s", enter, name));
	finding_todo(
		f, judge_text(j,
			   "make it fit, at both ends (connections notice):  %sip link set dev "
			   "%s mtu %llu",
			   enter, name, fits));
	finding_todo(f, judge_text(j,
				"or make room below it, where all devices on the way take it:  an "
				"MTU of %llu there",
				room));
	f->refuted_if =
		"nstat IpFragCreates stands still while the tunnel sends; or another program "
		"sends datagrams that large";
	f->share = 1;
}

bool net_tunnel_mtu(struct judgement *j, const struct model *m)
{
	bool told = false;

	for (table_each(struct snmp, row, frame_table(m->now, TABLE_snmp))) {
		double made = model_grown(m, TABLE_snmp, row, SNMP_ip_fragments_made);
		uint64_t below = made < FRAGMENTS_MIN ? 0 : largest_below(m, row->netns);
		const struct link *l = below > 0 ? culprit_of(m, below, made / PIECES) : NULL;

		if (!l)
			continue;
		report(j, m, row, l, below);
		told = true;
	}
	return told;
}
