/* SPDX-License-Identifier: MIT */
#include "view/why.h"

#include "base/human.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void why_place_words(const struct why_place *p, struct strbuf *out)
{
	strbuf_puts(out, p->text);
	if (p->oldest_ns)
		strbuf_printf(out, ", for %s", human_ns((double)p->oldest_ns).s);
}

struct words {
	struct why_report *r;
	struct arena *a;
	const struct why *y;
	const struct why_part *part; /* the leading one; NULL: there is none */
	bool shortened;              /* the text at hand names only some of the processes */
};

/* A command names so many processes: top(1) takes no more, and nobody reads them. */
enum { PIDS_SHOWN = 20 };

static void add_fact(struct words *w, const char *text)
{
	if (w->r->n_facts < WHY_FACTS)
		w->r->fact[w->r->n_facts++] = text;
}

/* Say so where a command names only some: before it, and at the end of what has none. */
static const char *with_number(struct words *w, const char *text)
{
	const char *colon = strstr(text, ":  ");
	int before = (int)(colon ? (size_t)(colon - text) : strlen(text));

	if (!w->shortened)
		return text;
	w->shortened = false;
	return arena_printf(w->a, "%.*s (the first %d of %zu)%s", before, text, PIDS_SHOWN,
		w->r->n_pids, text + before);
}

static void add_todo(struct words *w, const char *text)
{
	text = with_number(w, text);
	if (w->r->n_todo < WHY_TODO)
		w->r->todo[w->r->n_todo++] = text;
}

static const char *quoted(struct words *w, const char *text)
{
	auto_strbuf word = { 0 };

	strbuf_add_shell_word(&word, text);
	return arena_printf(w->a, "%s", word.failed ? "''" : word.bytes);
}

/* The processes as a command takes them: "12,13", "/proc/12/fd /proc/13/fd". */
static const char *pids(struct words *w, const char *before, const char *after, const char *between)
{
	const struct why_report *r = w->r;
	auto_strbuf list = { 0 };

	for (size_t i = 0; i < r->n_pids && i < PIDS_SHOWN; i++)
		strbuf_printf(&list, "%s%s%llu%s", i ? between : "", before,
			(unsigned long long)r->pid[i], after);
	w->a->failed |= list.failed;
	w->shortened |= r->n_pids > PIDS_SHOWN;
	return arena_printf(w->a, "%s", strbuf_text(&list));
}

static const char *with_commas(struct words *w)
{
	return pids(w, "", "", ",");
}

/* "3.1 threads", of all the time. */
static const char *amount(struct words *w)
{
	double threads = w->y->watched_ns ? w->part->ns / (double)w->y->watched_ns : 0;

	return arena_printf(w->a,
		threads < 0.95 ? "%s of one thread's time" : "%s threads all the time",
		threads < 0.95 ? human_ratio(threads).s : arena_printf(w->a, "%.1f", threads));
}

static const char *top_place(const struct words *w)
{
	auto_strbuf text = { 0 };

	if (w->part->n_places)
		why_place_words(&w->part->place[0], &text);
	return arena_printf(w->a, "%s", strbuf_text(&text));
}

static const char *by_group(struct words *w)
{
	const struct why_group *g = w->y->n_groups ? &w->y->group[0] : NULL;

	if (!g || w->y->n_groups < 2)
		return "";
	return arena_printf(w->a, ", most of it in threads called %s", g->name);
}

/* "; at its limit: the control group /a" */
static const char *at_limit(struct words *w)
{
	const char *group = w->y->memory.path;

	return group ? arena_printf(w->a, "; at its limit: the control group %s", group) : "";
}

static void advise_memory(struct words *w)
{
	const char *group = w->y->memory.path;

	add_todo(w, "see whose limit it is and what is in it:  murphy --only mem");
	if (group)
		add_todo(w, arena_printf(w->a,
				    "give it more, where systemd made the group:  systemctl "
				    "set-property --runtime UNIT MemoryMax=   (group %s)",
				    quoted(w, group)));
}

/* A fast disk, or a slow CPU: the kernel works for each page longer than the disk is waited for. */
static const char *reads_again(struct words *w)
{
	return arena_printf(w->a, ", also to read again what was pushed out, %s times a second%s",
		human_number(w->y->major_faults_per_s.value).s, at_limit(w));
}

static void say_running(struct words *w)
{
	bool user = w->part->state == WHY_USER, again = !user && w->y->thrashes;

	w->r->verdict = arena_printf(w->a, "%s computes%s: %s%s%s", w->r->who,
		user ? " in its own code" : " in the kernel, which works for it", amount(w),
		by_group(w), again ? reads_again(w) : "");
	if (again)
		advise_memory(w);
	add_todo(w, arena_printf(w->a, "see in which functions:  perf top -p %s", with_commas(w)));
	if (!user)
		add_todo(w, arena_printf(w->a,
				    "count its system calls, which slows it down:  strace -c -f -p "
				    "%s",
				    with_commas(w)));
	else
		add_todo(w, arena_printf(w->a, "see which threads:  top -H -p %s", with_commas(w)));
	w->r->refuted_if =
		arena_printf(w->a, "pidstat -u -t -p %s 1 5 shows it idle", with_commas(w));
}

static void say_cpu(struct words *w)
{
	if (w->part->state == WHY_THROTTLED) {
		w->r->verdict = arena_printf(w->a,
			"%s is stopped by the CPU quota of its control group %s: %s", w->r->who,
			w->y->throttled.path, amount(w));
		add_todo(w, "see quota, use and who else is in the group:  murphy --only cpu");
		add_todo(w, arena_printf(w->a,
				    "give it more, where systemd made the group:  systemctl "
				    "set-property --runtime UNIT CPUQuota=200%%   (group %s)",
				    quoted(w, w->y->throttled.path)));
		w->r->refuted_if = "nr_throttled in the group's cpu.stat stands still";
		return;
	}
	w->r->verdict = arena_printf(w->a, "%s waits for a CPU: others have them; %s%s", w->r->who,
		amount(w), by_group(w));
	add_todo(w, "see who has them:  murphy --only cpu");
	add_todo(w,
		arena_printf(w->a, "let it go first:  renice -n -5 -p %s", pids(w, "", "", " ")));
	w->r->refuted_if = arena_printf(w->a, "the second number of %s hardly grows",
		pids(w, "/proc/", "/schedstat", ", "));
}

static void say_disk(struct words *w)
{
	w->r->verdict =
		arena_printf(w->a, "%s waits for I/O: %s; %s", w->r->who, top_place(w), amount(w));
	add_todo(w, "see whether the device is slow, stuck or full of others' requests:  "
		    "murphy --only io");
	add_todo(w, "see its queue and waiting time:  iostat -xz 1 5");
	add_todo(w, arena_printf(w->a, "see which files are open:  ls -l %s",
			    pids(w, "/proc/", "/fd", " ")));
	w->r->refuted_if = "r_await and w_await of iostat are small while it waits";
}

static void say_memory(struct words *w)
{
	w->r->verdict = arena_printf(w->a, "%s waits for memory: %s; %s%s", w->r->who, top_place(w),
		amount(w), at_limit(w));
	advise_memory(w);
	w->r->refuted_if = arena_printf(
		w->a, "majflt of pidstat -r -p %s 1 5 is near 0 while it is slow", with_commas(w));
}

static const char *show_code(struct words *w, unsigned long long holder)
{
	static const char why[] = "see the code of all threads, which stops it for a moment";
	static const char how[] = "-batch -ex 'thread apply all bt'";

	if (w->r->n_pids > 1 && holder)
		return arena_printf(w->a,
			"%s:  gdb -p $(awk '/^Tgid/ {print $2}' /proc/%llu/status) %s", why, holder,
			how);
	if (w->r->n_pids > 1)
		return arena_printf(w->a, "%s:  for p in %s; do gdb -p $p %s; done", why,
			pids(w, "", "", " "), how);
	return arena_printf(w->a, "%s:  gdb -p %s %s", why, with_commas(w), how);
}

static void say_lock(struct words *w)
{
	unsigned long long holder = w->part->n_places ? w->part->place[0].holder : 0;

	w->r->verdict = arena_printf(
		w->a, "%s waits for a lock: %s; %s", w->r->who, top_place(w), amount(w));
	/* /proc/TID is there for any thread, though not listed. */
	if (holder)
		add_todo(w, arena_printf(w->a,
				    "see what the holder does:  cat /proc/%llu/comm "
				    "/proc/%llu/wchan /proc/%llu/stack",
				    holder, holder, holder));
	add_todo(w, show_code(w, holder));
	w->r->refuted_if = "the same threads are found elsewhere when asked again under load";
}

static void say_peer(struct words *w)
{
	w->r->verdict =
		arena_printf(w->a, "%s waits for %s; %s", w->r->who, top_place(w), amount(w));
	add_todo(w, "ask the same question there, of the port:  murphy why :PORT");
	add_todo(w, "see the connection: lastsnd, lastrcv, rtt, retrans:  ss -tnpio");
	w->r->refuted_if = "the peer's own log or its packets show that it answered at once";
}

static void say_idle(struct words *w)
{
	static const char *const words[] = {
		[WHY_WORK] = "waits for work",
		[WHY_CONDITION] = "waits until one of its threads has work",
		[WHY_LOCAL] = "waits for another process of this machine",
		[WHY_TIMER] = "sleeps by the clock",
		[WHY_CHILD] = "waits for a child",
		[WHY_STOPPED] = "is stopped",
		[WHY_OTHER] = "sleeps",
	};

	w->r->verdict = arena_printf(w->a, "%s has nothing to do: it %s%s%s", w->r->who,
		words[w->part->state], top_place(w)[0] ? ": " : "", top_place(w));
	if (w->part->state == WHY_STOPPED)
		add_todo(w,
			arena_printf(w->a, "let it go on:  kill -CONT %s", pids(w, "", "", " ")));
	else if (w->part->state == WHY_CHILD)
		add_todo(w, "ask about its children too:  murphy why --tree TARGET");
	else
		add_todo(w,
			"look at who should send it work: its clients, the queue before it; ask "
			"again while it is slow, or longer:  murphy why --for 30 TARGET");
	w->r->refuted_if = "requests wait for it now: its accept queue (ss -tln) or their own log";
}

static void say_zombie(struct words *w)
{
	const char *parent = w->y->reaper;

	w->r->verdict = arena_printf(w->a,
		"%s has ended and does nothing any more: it is a zombie, since its parent %s has "
		"not asked for its exit status",
		w->r->who, parent);
	add_todo(w, arena_printf(w->a,
			    "ask why the parent does not wait for its children:  murphy why %llu",
			    (unsigned long long)w->y->reaper_pid));
	add_todo(w, "see how many there are, and whose:  murphy --only proc.zombies");
	w->r->refuted_if = "it is gone when asked again";
}

/* Nobody can be advised about who is gone; what was seen until then is told. */
static void say_ended(struct words *w)
{
	w->r->verdict =
		arena_printf(w->a, "%s ended while it was watched, after %s; until then: %s",
			w->r->who, human_ns((double)w->y->watched_ns).s, w->r->verdict);
	w->r->n_todo = 0;
	add_todo(w, "see what its log says, and whether it ended on purpose:  journalctl -n 50");
	w->r->refuted_if = "";
}

static void add_facts(struct words *w)
{
	const struct why *y = w->y;
	const char *group = y->throttled.path;

	if (y->ended + y->zombies > 0 && y->ended + y->zombies < w->r->n_pids)
		add_fact(w, arena_printf(w->a, "process.state  %zu of %zu ended meanwhile",
				    y->ended + y->zombies, w->r->n_pids));
	if (w->r->lacks)
		add_fact(w, arena_printf(w->a, "processes of it may be missing: %s", w->r->lacks));
	if (y->throttled.amount > 0)
		add_fact(w, arena_printf(w->a, "cgroup.cpu_throttled_ns  %s of %s, in %s",
				    human_ns(y->throttled.amount).s,
				    human_ns((double)y->watched_ns).s, group));
	if (y->memory.amount > 0)
		add_fact(w, arena_printf(w->a, "cgroup.memory_limit_hits  %s, in %s",
				    human_number(y->memory.amount).s, y->memory.path));
	if (y->stall.amount > 0)
		add_fact(w, arena_printf(w->a, "cgroup.memory_stall_ns  %s of %s, in %s",
				    human_ns(y->stall.amount).s, human_ns((double)y->watched_ns).s,
				    y->stall.path));
	if (y->clients > 0)
		add_fact(w, arena_printf(w->a,
				    "tcp_socket.last_received_ns  %zu %s for an answer of it, the "
				    "oldest for %s",
				    y->clients, y->clients == 1 ? "client waits" : "clients wait",
				    human_ns((double)y->client_oldest_ns).s));
	if (y->not_accepted > 0)
		add_fact(w, arena_printf(w->a,
				    "tcp_socket.receive_queue  %zu connections wait to be accepted",
				    y->not_accepted));
	if (reading_ok(y->major_faults_per_s) && y->major_faults_per_s.value >= 1)
		add_fact(w,
			arena_printf(w->a, "process.major_faults  %s/s: pages that had to be read",
				human_count(y->major_faults_per_s.value).s));
	if (reading_ok(y->read_bytes_per_s) && y->read_bytes_per_s.value >= 1)
		add_fact(w, arena_printf(w->a, "process_io.read_bytes  %s/s",
				    human_bytes(y->read_bytes_per_s.value).s));
	if (reading_ok(y->block_ratio))
		add_fact(w, arena_printf(w->a, "process.block_delay_ns  %s of all time, measured",
				    human_ratio(y->block_ratio.value).s));
	else if (y->sampled)
		add_fact(w, "kernel.task_delayacct is 0: waits for disk and memory are sampled, "
			    "not measured; "
			    "to measure from now on:  sysctl kernel.task_delayacct=1");
	if (!y->sampled)
		add_fact(w, "two frames, no samples: what it sleeps in is not known");
	if (w->r->denied)
		add_fact(w,
			"which calls it sleeps in needs root with CAP_SYS_PTRACE over it: locks, "
			"peers and idle threads are not told apart");
}

int why_explain(struct why_report *r, struct arena *a)
{
	struct words w = { .r = r, .a = a, .y = r->why };

	for (size_t i = 0; i < r->why->n_parts; i++) {
		if (r->why->part[i].state == r->why->leading)
			w.part = &r->why->part[i];
	}
	r->verdict = "nothing was seen of it";
	r->refuted_if = "";
	if (r->n_pids > 0 && r->why->zombies == r->n_pids)
		say_zombie(&w);
	else if (w.part && w.part->state <= WHY_SYSTEM)
		say_running(&w);
	else if (w.part && w.part->state <= WHY_THROTTLED)
		say_cpu(&w);
	else if (w.part && w.part->state == WHY_DISK)
		say_disk(&w);
	else if (w.part && w.part->state == WHY_MEMORY)
		say_memory(&w);
	else if (w.part && w.part->state == WHY_LOCK)
		say_lock(&w);
	else if (w.part && w.part->state == WHY_PEER)
		say_peer(&w);
	else if (w.part)
		say_idle(&w);
	if (r->n_pids > 0 && r->why->ended == r->n_pids)
		say_ended(&w);
	r->refuted_if = with_number(&w, r->refuted_if);
	add_facts(&w);
	return a->failed ? -ENOMEM : 0;
}
