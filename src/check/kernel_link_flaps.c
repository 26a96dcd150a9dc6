/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "check/kernel.h"

#include <string.h>

/*
 * A cable is pulled and put back once; a switch that restarts takes a link down twice. Three times
 * in an hour nobody does by hand. Of changes during the look two are one loss and its return: a
 * card that is set up or reset does that. The third is a second loss.
 */
#define FLAPS 3
#define NOW_CHANGES 3
/* While a host boots, drivers, bonds and network managers set cards up, and reset them for it. */
#define BOOT_NS (300ull * 1000000000u)

static const char *const kinds[] = { KLOG_LINK_DOWN, NULL };

struct flaps {
	const char *name;
	const struct kernel_thing *log; /* NULL: not in the log */
	const struct carrier *carrier;  /* NULL: not read */
	struct reading changes;         /* over the look */
};

static const struct carrier *carrier_of(const struct model *m, const char *name)
{
	const struct table *t = frame_table(m->now, TABLE_carrier);

	if (!table_usable(t))
		return NULL;
	for (table_each(const struct carrier, c, t)) {
		if (strcmp(table_text(t, c->name), name) == 0)
			return c;
	}
	return NULL;
}

static bool flaps_now(const struct flaps *l)
{
	return reading_ok(l->changes) && l->changes.value >= NOW_CHANGES;
}

static bool is_sad(const struct flaps *l)
{
	return flaps_now(l) || (l->log && l->log->all.day >= FLAPS && l->log->last_ns > BOOT_NS);
}

/*
 * Not an experiment or a container's end: it has a device. What is not among the interfaces here is
 * gone, or another namespace's, or no interface at all.
 */
static bool is_real(const struct model *m, const struct flaps *l)
{
	if (l->carrier)
		return !l->carrier->virtual;
	return !table_usable(frame_table(m->now, TABLE_carrier));
}

static void report(struct judgement *j, const struct model *m, const struct flaps *l)
{
	bool hour = l->log && l->log->all.hour >= FLAPS, now = flaps_now(l);
	enum severity severity = now || (hour && is_real(m, l)) ? SEVERITY_WARNING : SEVERITY_INFO;
	struct finding *f =
		judge_finding(j, severity, hour && now ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
	const char *name = judge_text(j, "%s", l->name);

	if (now || !l->log)
		f->title = judge_text(j, "The link of %s changed %.0f times during the look", name,
			l->changes.value);
	else
		f->title = judge_text(j, "The link of %s was lost %llu times in %s, the last%s",
			name, (unsigned long long)(hour ? l->log->all.hour : l->log->all.day),
			hour ? "an hour" : "a day", kernel_ago(j, m, l->log->last_ns));
	if (l->log) {
		f->since_ns = l->log->first_ns;
		f->past = !now && kernel_over(m, l->log->last_ns);
		kernel_evidence(
			j, f, KLOG_LINK_DOWN, &l->log->all, FLAPS, "nobody pulls a cable so often");
	}
	if (reading_ok(l->changes))
		finding_evidence(f, "carrier.changes", UNIT_COUNT, l->changes,
			"/sys/class/net/*/carrier_changes", reading_of(NOW_CHANGES),
			"over the look; one loss and its return are two");
	if (l->carrier)
		finding_evidence(f, "carrier.changes_since_boot", UNIT_COUNT,
			reading_of((double)l->carrier->changes), "/sys/class/net/*/carrier_changes",
			reading_none(STATE_ABSENT), NULL);
	finding_culprit(f, kernel_device(j, name));
	f->cause = "cable, plug or transceiver, the port of the switch, or its energy saving; of a "
		   "virtual one, whoever makes and removes the other end";
	finding_todo(
		f, judge_text(j, "see speed and errors:  ethtool %s; ethtool -S %s | grep -i err",
			   shell_word(j, name), shell_word(j, name)));
	finding_todo(
		f, judge_text(j, "see the light of a fibre:  ethtool -m %s", shell_word(j, name)));
	finding_todo(f, "read the log of the switch's port; change cable, then port");
	f->refuted_if = "the times are those of planned work on the switch";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *carriers = frame_table(m->now, TABLE_carrier);
	const struct table *log = frame_table(m->now, TABLE_klog_event);
	struct kernel_things things;
	bool sad = false;

	if (!table_usable(carriers) && !table_usable(log))
		return judge_unknown(j, m, TABLE_klog_event);
	kernel_fold(j, m, kinds, NULL, &things);
	for (size_t i = 0; i < things.n; i++) {
		struct flaps l = { .name = things.at[i].name, .log = &things.at[i] };

		l.carrier = carrier_of(m, l.name);
		l.changes = l.carrier ? model_delta(m, TABLE_carrier, l.carrier, CARRIER_changes)
				      : reading_none(STATE_ABSENT);
		if (!is_sad(&l))
			continue;
		report(j, m, &l);
		sad = true;
	}
	for (table_each(const struct carrier, c, table_usable(carriers) ? carriers : NULL)) {
		struct flaps l = { .name = table_text(carriers, c->name), .carrier = c };

		l.changes = model_delta(m, TABLE_carrier, c, CARRIER_changes);
		if (kernel_named(&things, l.name) || !is_sad(&l))
			continue;
		report(j, m, &l);
		sad = true;
	}
	return kernel_verdict(j, &things, sad);
}

const struct check check_kernel_link_flaps = {
	.id = "kernel.link-flaps",
	.question = "Does the link of a network interface come and go?",
	.explains = { "net.drops", "tcp.retrans" },
	.needs = {
		{ .table = TABLE_klog_event, .optional = true },
		{ .table = TABLE_carrier, .rate = true, .optional = true },
	},
	.judge = judge,
};
