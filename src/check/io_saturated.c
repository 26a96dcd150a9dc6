/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/io.h"
#include "model/pressure.h"

#include <string.h>

static void add_evidence(struct finding *f, const struct model *m, const struct io_queue *s)
{
	static const char source[] = "/proc/diskstats";
	const struct disk_load *d = s->disk;
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "disk.queue", UNIT_COUNT, d->queue, source, reading_of(IO_QUEUE_SAD),
		"requests in flight on average: each waits behind the others");
	finding_evidence(f, "disk.wait_ns", UNIT_NS, d->wait_ns, source, reading_of(IO_WAIT_SAD_NS),
		"mean time of one request: as long as a turning disk seeks, 100 times flash");
	finding_evidence(f, "disk.busy_ratio", UNIT_RATIO, d->busy_ratio, source,
		reading_of(IO_BUSY_RATIO),
		"never judged alone: a device that serves many at once is busy with one");
	finding_evidence(f, "disk.reads_per_s", UNIT_PER_S, d->reads_per_s, source, none, NULL);
	finding_evidence(f, "disk.writes_per_s", UNIT_PER_S, d->writes_per_s, source, none, NULL);
	finding_evidence(f, "disk.request_bytes", UNIT_BYTES, d->request_bytes, source, none,
		"mean size of one request");
	finding_evidence(f, "io.waiting", UNIT_COUNT, reading_of((double)s->n_waiters),
		"/proc/PID/stack", none, "tasks that wait for it at both ends of the look");
	finding_evidence(f, "io.waiting_strangers", UNIT_COUNT, reading_of((double)s->n_strangers),
		"/proc/PID/stack", reading_of(1),
		"of them of another job than the one that fills it");
	finding_evidence(f, "pressure.io_some_ratio", UNIT_RATIO, m->pressure->io.some_now,
		"/proc/pressure/io", reading_of(IO_STALL_RATIO),
		"share of time in which a task waited for I/O");
}

static void add_people(
	struct judgement *j, struct finding *f, const struct model *m, const struct io_queue *s)
{
	finding_culprit(f, (struct entity){ .kind = ENTITY_DEVICE,
				   .name = judge_text(j, "%s", s->disk->name) });
	for (size_t i = 0; i < s->n_fillers; i++) {
		struct entity e = entity_process(j, m, s->filler[i].pid);

		e.detail = judge_text(j, "%s%s/s of I/O",
			s->filler[i].processes > 1 ? judge_text(j, "and %zu more of its job do ",
							     s->filler[i].processes - 1)
						   : "does ",
			human_bytes(s->filler[i].bytes_per_s).s);
		finding_culprit(f, e);
	}
	if (s->n_waiters > 0 && s->waiter[0].wait.mount && s->waiter[0].disk)
		finding_culprit(f, (struct entity){ .kind = ENTITY_MOUNT,
					   .name = judge_text(j, "%s", s->waiter[0].wait.target) });
	io_victims(j, f, m, s->waiter, io_queue_victims(m, s));
}

static const char *title(struct judgement *j, const struct model *m, const struct io_queue *s)
{
	const char *numbers = judge_text(j, "%s requests at a time, each takes %s",
		human_count(s->disk->queue.value).s, human_ns(s->disk->wait_ns.value).s);

	if (io_queue_victims(m, s) > 1)
		return judge_text(j, "%s is saturated: %s; %s and %zu more wait", s->disk->name,
			numbers, process_label(j, m, s->waiter[0].task->pid),
			io_queue_victims(m, s) - 1);
	if (io_queue_hurts(m, s))
		return judge_text(j, "%s is saturated: %s; %s waits", s->disk->name, numbers,
			process_label(j, m, s->waiter[0].task->pid));
	return judge_text(j, "%s is saturated%s%s: %s; nobody else is seen to wait", s->disk->name,
		s->n_fillers > 0 ? " by " : "",
		s->n_fillers > 0 ? process_label(j, m, s->filler[0].pid) : "", numbers);
}

static void advise(struct judgement *j, struct finding *f, const struct io_queue *s)
{
	finding_todo(f, judge_text(j, "see it:  iostat -xz %s 1 5", shell_word(j, s->disk->name)));
	finding_todo(f, "see who reads and writes:  pidstat -d 1 5");
	if (s->n_fillers > 0)
		io_todo_give_way(j, f, s);
	finding_todo(f, "move it to a quiet hour or another device, limit it (io.max), or get a "
			"device that does more requests");
	f->refuted_if =
		"with the first culprit stopped (kill -STOP) the queue and the waiting stay";
}

static void report(struct judgement *j, const struct model *m, struct io_queue *s, bool alone)
{
	io_queue_people(s, m, alone);
	bool sad = io_queue_hurts(m, s);
	struct finding *f = judge_finding(j, sad ? SEVERITY_WARNING : SEVERITY_INFO,
		sad && s->n_waiters > 0 && s->waiter[0].disk ? CONFIDENCE_CERTAIN
							     : CONFIDENCE_LIKELY);

	f->share = reading_ok(m->pressure->io.some_now) ? m->pressure->io.some_now.value : 0;
	f->title = title(j, m, s);
	add_evidence(f, m, s);
	add_people(j, f, m, s);
	f->cause =
		s->n_fillers > 0
			? judge_text(j,
				  "%s asks for more than the device does (%s/s of all I/O); who "
				  "needs the device too queues behind it",
				  process_label(j, m, s->filler[0].pid),
				  human_bytes(s->filler[0].bytes_per_s).s)
			: "more is asked for than the device does; no process is seen to read or "
			  "write much: many small ones, or what the kernel writes back";
	advise(j, f, s);
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct io_queue list[IO_QUEUES_MAX];
	size_t n = io_queues(m, list);

	if (n == 0 && model_elapsed_ns(m, TABLE_disk) == 0)
		return judge_unknown(j, m, TABLE_disk);
	if (n > 0 && !io_ask_waits(j, m))
		return VERDICT_ASK;
	for (size_t i = 0; i < n; i++)
		report(j, m, &list[i], n == 1);
	return n > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_io_saturated = {
	.id = "io.saturated",
	.question = "Does somebody queue for a device that does all it can?",
	.explains = { "io.stuck" },
	.needs = {
		{ .table = TABLE_disk, .rate = true },
		{ .table = TABLE_process, .rate = true, .optional = true },
		{ .table = TABLE_process_io, .rate = true, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_mount, .optional = true },
		{ .table = TABLE_task_wait, .ask = true },
	},
	.models = { MODEL_pressure, MODEL_process, MODEL_disks, MODEL_blocked },
	.judge = judge,
};
