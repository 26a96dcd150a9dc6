/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/net_drops.h"

#define NEAR_RATIO 0.9
#define NEAR_WHY "when it is full packets of new connections are dropped"
/* Full enough for drops to be its doing: others come from two packets of one flow at a time. */
#define FULL_RATIO 0.95

static void report_conntrack(struct judgement *j, const struct model *m,
	const struct netns_setting *s, double ratio, double drops, double early)
{
	struct finding *f = judge_finding(j,
		ratio >= FULL_RATIO && drops > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING,
		CONFIDENCE_CERTAIN);
	const char *enter = netns_enter(j, s->netns, netns_pid(m, s->netns));

	finding_evidence(f, "conntrack.used_ratio", UNIT_RATIO, reading_of(ratio),
		netns_source(j, s->netns, "/proc/sys/net/netfilter/nf_conntrack_count"),
		reading_of(NEAR_RATIO), NEAR_WHY);
	finding_evidence(f, "netns_setting.conntrack_entries", UNIT_COUNT,
		reading_of((double)s->conntrack_entries),
		netns_source(j, s->netns, "/proc/sys/net/netfilter/nf_conntrack_count"),
		reading_of((double)s->conntrack_max), "net.netfilter.nf_conntrack_max");
	finding_evidence(f, "conntrack.drops", UNIT_COUNT, reading_of(drops),
		netns_source(j, s->netns, "/proc/net/stat/nf_conntrack"), reading_of(0),
		"packets dropped during the look");
	finding_evidence(f, "conntrack.early_drops", UNIT_COUNT, reading_of(early),
		netns_source(j, s->netns, "/proc/net/stat/nf_conntrack"), reading_of(0),
		"connections forgotten to make room: they may break");
	finding_culprit(f, entity_host());
	f->share = ratio > 1 ? 1 : ratio;
	f->title = judge_text(j, "%s of %s entries for tracked connections are taken%s%s",
		human_number((double)s->conntrack_entries).s,
		human_number((double)s->conntrack_max).s,
		s->netns ? judge_text(j, " in network namespace %llu", (unsigned long long)s->netns)
			 : "",
		drops > 0 ? judge_text(j, ": %.0f %s dropped", drops,
				    drops == 1 ? "packet was" : "packets were")
			  : "");
	f->cause = "the firewall or NAT follows each connection in a table, and the table is full: "
		   "too many connections, entries that live too long (established ones 5 days), "
		   "or a flood";
	finding_todo(f, judge_text(j,
				"see what fills it (needs conntrack-tools):  %sconntrack -L "
				"2>/dev/null | awk '{print $1, $4}' | sort | uniq -c | sort -rn | "
				"head",
				enter));
	finding_todo(f, judge_text(j,
				"at once, twice as many, 320 bytes each:  sysctl -w "
				"net.netfilter.nf_conntrack_max=%llu",
				(unsigned long long)s->conntrack_max * 2));
	finding_todo(f, judge_text(j,
				"let idle ones go sooner:  %ssysctl -w "
				"net.netfilter.nf_conntrack_tcp_timeout_established=86400",
				enter));
	finding_todo(f, "do not track what needs no tracking (nft: notrack), such as DNS or a load "
			"balancer's traffic");
	f->refuted_if = "nf_conntrack_count falls, and drop in /proc/net/stat/nf_conntrack stands "
			"still";
}

static void conntracks(struct judgement *j, const struct model *m, size_t *told)
{
	for (table_each(struct netns_setting, s, frame_table(m->now, TABLE_netns_setting))) {
		const struct conntrack *c =
			table_find(frame_table(m->now, TABLE_conntrack), s->netns);

		if (!row_has(s->has, NETNS_SETTING_conntrack_entries) ||
			!row_has(s->has, NETNS_SETTING_conntrack_max) || s->conntrack_max == 0)
			continue;
		double ratio = (double)s->conntrack_entries / (double)s->conntrack_max;

		if (ratio < NEAR_RATIO)
			continue;
		report_conntrack(j, m, s, ratio,
			c ? model_grown(m, TABLE_conntrack, c, CONNTRACK_drops) : 0,
			c ? model_grown(m, TABLE_conntrack, c, CONNTRACK_early_drops) : 0);
		(*told)++;
	}
}

static void neighbors(struct judgement *j, const struct model *m, size_t *told)
{
	const struct table *t = frame_table(m->now, TABLE_neighbor);

	for (table_each(struct neighbor, n, t)) {
		double full = model_grown(m, TABLE_neighbor, n, NEIGHBOR_full);
		const char *version = n->family == 2 ? "ipv4" : "ipv6";

		if (full == 0)
			continue;
		struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_CERTAIN);

		finding_evidence(f, "neighbor.full", UNIT_COUNT, reading_of(full),
			n->family == 2 ? "/proc/net/stat/arp_cache" : "/proc/net/stat/ndisc_cache",
			reading_of(0), "during the look; each is a neighbour that found no place");
		finding_evidence(f, "neighbor.entries", UNIT_COUNT,
			table_cell(t, n, NEIGHBOR_entries), "/proc/net/stat",
			table_cell(t, n, NEIGHBOR_limit), "gc_thresh3");
		finding_culprit(f, entity_host());
		f->title = judge_text(j,
			"The %s table is full: %.0f times no neighbour could be added",
			n->family == 2 ? "ARP" : "NDP", full);
		f->cause = "more hosts are on the local networks than gc_thresh3 allows to know, "
			   "all namespaces together: packets to new ones are dropped";
		finding_todo(f, judge_text(j,
					"see where they are:  ip -%s neigh | awk '{print $3}' | "
					"sort | uniq -c",
					n->family == 2 ? "4" : "6"));
		finding_todo(f, judge_text(j,
					"more room: double what these say, with sysctl -w:  sysctl "
					"net.%s.neigh.default.gc_thresh2 "
					"net.%s.neigh.default.gc_thresh3",
					version, version));
		finding_todo(f, "a network of thousands of hosts in one broadcast domain, or a "
				"route that makes the whole world a neighbour (scope link), is the "
				"cause behind it");
		f->refuted_if = judge_text(j, "table_fulls in /proc/net/stat/%s stands still",
			n->family == 2 ? "arp_cache" : "ndisc_cache");
		(*told)++;
	}
}

void net_drops_tables(struct judgement *j, const struct model *m, size_t *told)
{
	conntracks(j, m, told);
	neighbors(j, m, told);
}
