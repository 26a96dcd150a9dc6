/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/respawn.h"

#include <string.h>

/*
 * A service that ends soon after its start is started again by its supervisor, for ever. From
 * outside it looks as every shell loop does, so the parent must be one whose work it is to keep
 * services up; nobody reads the exit code after it.
 */
#define LIVED_NS 10e9
#define LIVED_WHY "a service is to stay up"
/* Seen once it may be an upgrade. So many such lives behind the parent are no upgrade. */
#define LIVES 10
#define LIVES_WHY "such lives, by the page faults of all its children that ended"
#define SEEN 3
#define SEEN_WHY "times, in so many looks of this run"

/* Their work is to start services again. Names are cut at 15 bytes by the kernel. */
static bool supervises(const struct process_facts *p)
{
	static const char *const names[] = { "runsv", "perpd", "monit", "circusd", "dinit",
		"mysqld_safe", "mariadbd-safe", "safe_asterisk", "procd", "PM2", "nodemon",
		"restartd", "god", "s6-supervise" };

	if (strstr(p->comm, "supervis"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		/* "PM2 v5.3.0: God" */
		if (strncmp(p->comm, names[i], strlen(names[i])) == 0 &&
			(p->comm[strlen(names[i])] == '\0' || p->comm[strlen(names[i])] == ' '))
			return true;
	}
	return false;
}

/*
 * Who starts short commands all day: shells and interpreters, cron, builds, monitors, and what
 * forks for each connection or probe.
 */
static bool starts_commands(const struct process_facts *p)
{
	static const char *const parts[] = { "sh", "python", "perl", "ruby", "node", "java", "php",
		"make", "ninja", "cron", "atd", "watch", "xargs", "find", "parallel", "timeout",
		"inetd", "sshd", "agent", "telegraf", "collectd", "snmpd", "nrpe", "nagios",
		"icinga", "zabbix", "keepalived", "haproxy", "apache", "httpd", "fcgiwrap",
		"postgres", "containerd", "dockerd", "conmon", "kubelet", "udev", "tmux", "screen",
		"git", "cargo", "gcc", "g++", "clang", "cc", "runc", "crun", "strace", "gdb",
		"murphy", "lua", "tcl", "expect", "emacs", "vim", "busybox", "su", "sudo", "env",
		"nice", "gitlab-runner", "jenkins", "execd", "lrmd", "dhcp", "go" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t len = strlen(parts[i]);
		bool is_word = len <= 2;

		if (is_word ? strcmp(p->comm, parts[i]) == 0 : strstr(p->comm, parts[i]) != NULL)
			return true;
	}
	/* sh, bash, dash, zsh, ksh, fish, ash */
	size_t n = strlen(p->comm);

	return n >= 2 && strcmp(p->comm + n - 2, "sh") == 0;
}

/* Init, and the systemd of a user: what they start leads its own session; orphans do not. */
static bool is_init(const struct process_facts *p)
{
	return (p->pid == 1 && !starts_commands(p)) || strcmp(p->comm, "systemd") == 0;
}

/* Init waits for the orphans of the whole machine: their faults say nothing of this service. */
static bool repeated(const struct model *m, const struct respawn *r)
{
	const struct process_facts *p = process_find(m->process, r->parent);

	return (r->lives >= LIVES && p && !is_init(p)) || r->seen >= SEEN;
}

/* "sshd@7-10.0.0.1:22-10.0.0.2:4711.service": one for each connection, from a socket unit. */
static bool of_connection(const struct process_facts *p)
{
	const char *at = p && p->cgroup ? strrchr(p->cgroup, '@') : NULL;

	return at && at[1] >= '0' && at[1] <= '9' && strchr(at, '-');
}

/* Is it a supervisor's doing (true), or of an unknown parent that repeats it (false)? */
static bool sad(const struct model *m, const struct respawn *r, bool *ret_supervised)
{
	const struct process_facts *p = process_find(m->process, r->parent);

	if (!p || !r->now || (double)r->lived_ns > LIVED_NS ||
		of_connection(process_find(m->process, r->pid)))
		return false;
	*ret_supervised = supervises(p) || (is_init(p) && r->leaders);
	if (*ret_supervised)
		return true;
	return r->seen >= SEEN && !is_init(p) && !starts_commands(p);
}

/* Kills for want of memory of processes of that name, in the whole log. */
static size_t oom_kills(const struct model *m, const char *comm)
{
	const struct table *t = frame_table(m->now, TABLE_klog_oom);
	size_t n = 0;

	for (table_each(struct klog_oom, k, table_usable(t) ? t : NULL))
		n += strcmp(table_text(t, k->comm), comm) == 0;
	return n;
}

static void add_evidence(struct judgement *j, struct finding *f, const struct respawn *r)
{
	finding_evidence_alarm(f, "respawn.lived", UNIT_NS, reading_of((double)r->lived_ns),
		judge_text(j, "/proc/PID/stat: pid %llu, then pid %llu",
			(unsigned long long)r->gone, (unsigned long long)r->pid),
		ALARM_BELOW, reading_of(LIVED_NS), LIVED_WHY);
	if (r->lives > 0)
		finding_evidence(f, "respawn.lives", UNIT_COUNT, reading_of(r->lives),
			judge_text(j, "/proc/%llu/stat cminflt", (unsigned long long)r->parent),
			reading_of(LIVES), LIVES_WHY);
	if (r->seen > 1)
		finding_evidence(f, "respawn.seen", UNIT_COUNT, reading_of(r->seen),
			"/proc/PID/stat", reading_of(SEEN), SEEN_WHY);
}

static void add_todo(
	struct judgement *j, const struct model *m, struct finding *f, const struct respawn *r)
{
	const struct process_facts *parent = process_find(m->process, r->parent);
	const struct process_facts *child = process_find(m->process, r->pid);
	const char *unit = child ? system_unit(j, child->cgroup) : NULL;

	if (parent && is_init(parent) && unit && strstr(unit, ".service"))
		finding_todo(f, judge_text(j,
					"how it ends, and how often:  journalctl -u %s -n 50; "
					"systemctl show -p NRestarts %s",
					shell_word(j, unit), shell_word(j, unit)));
	else
		finding_todo(f, judge_text(j,
					"read what it logs before it ends, in the log of %s; and "
					"the kernel's:  dmesg -T | tail",
					process_label(j, m, r->parent)));
	/* It is gone before anybody attaches to it; who starts it stays. */
	if (!parent || !is_init(parent))
		finding_todo(f, judge_text(j,
					"see the end itself:  timeout 30 strace -f -qq -e "
					"trace=execve,exit_group -p %llu",
					(unsigned long long)r->parent));
	finding_todo(f, "stop it until it is mended: a service that starts for ever burns CPU and "
			"floods logs, and its clients see it up");
	finding_todo(f, "common reasons: a configuration that does not parse, a port in use, a "
			"database that is not there, a limit of memory, a missing right");
}

/* First who is the same over time: the service's group, or its supervisor. */
static void add_culprits(
	struct judgement *j, const struct model *m, struct finding *f, const struct respawn *r)
{
	const struct process_facts *parent = process_find(m->process, r->parent);
	struct entity child = entity_process(j, m, r->pid);
	struct entity e = entity_process(j, m, r->parent);

	if (parent && is_init(parent) && child.cgroup) {
		e = entity_cgroup(j, child.cgroup);
	} else {
		e.detail = judge_text(j, "starts %s again", r->comm);
	}
	struct entity gone = {
		.kind = ENTITY_PROCESS, .name = judge_text(j, "%s", r->comm), .pid = r->gone
	};

	gone.detail = judge_text(
		j, "the one before it, lived %s at most", human_ns((double)r->lived_ns).s);
	finding_culprit(f, e);
	finding_culprit(f, child);
	/* A crash or a kill of it is why: those findings name it. */
	finding_culprit(f, gone);
}

static void report(
	struct judgement *j, const struct model *m, const struct respawn *r, bool supervised)
{
	bool again = repeated(m, r);
	struct finding *f = judge_finding(j, supervised && again ? SEVERITY_WARNING : SEVERITY_INFO,
		supervised && again ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
	size_t killed = oom_kills(m, r->comm);

	add_culprits(j, m, f, r);
	add_evidence(j, f, r);
	f->title =
		again ? judge_text(j, "%s ends within %s and is started again by %s, over and over",
				r->comm, human_ns((double)r->lived_ns).s,
				process_label(j, m, r->parent))
		      : judge_text(j, "%s ended within %s and was started again by %s", r->comm,
				human_ns((double)r->lived_ns).s, process_label(j, m, r->parent));
	f->cause = killed > 1
			   ? judge_text(j,
				     "it is killed for want of memory: %zu times in the kernel log",
				     killed)
		   : again ? judge_text(j,
				     "%s does not stay up: it fails, or it was never made to run "
				     "as a service and ends when it is done",
				     r->comm)
			   : judge_text(j,
				     "seen once: a service that fails, or somebody who restarted "
				     "%s twice in a few seconds",
				     r->comm);
	add_todo(j, m, f, r);
	f->refuted_if =
		"its exit code is 0 and it has done its work: then it is a job, for a timer "
		"and not for a supervisor";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	enum verdict verdict = VERDICT_FINE;
	bool supervised;

	if (model_elapsed_ns(m, TABLE_process) == 0)
		return judge_unknown_why(
			j, STATE_ABSENT, "who has ended since: needs two readings");
	for (size_t i = 0; i < m->respawn->n; i++) {
		const struct respawn *r = &m->respawn->row[i];

		if (!sad(m, r, &supervised))
			continue;
		report(j, m, r, supervised);
		verdict = VERDICT_SAD;
	}
	return verdict;
}

const struct check check_proc_restarting = {
	.id = "proc.restarting",
	.question = "Does a service die and come back, over and over?",
	.needs = { { .table = TABLE_process, .rate = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_klog_oom, .optional = true } },
	.models = { MODEL_process, MODEL_respawn },
	.judge = judge,
};
