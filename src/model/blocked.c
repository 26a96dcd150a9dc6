/* SPDX-License-Identifier: MIT */
#include "model/blocked.h"

#include <errno.h>
#include <string.h>

const char *wait_kind_text(enum wait_kind k)
{
	static const char *const text[] = {
		[WAIT_UNKNOWN] = "something the kernel did not name",
		[WAIT_CHILD] = "a vfork child",
		[WAIT_THROTTLE] = "its turn to dirty memory (write throttling)",
		[WAIT_FROZEN] = "a frozen file system",
		[WAIT_NETWORK] = "a network file system's server",
		[WAIT_FUSE] = "a file system daemon in user space (FUSE)",
		[WAIT_JOURNAL] = "a journal commit",
		[WAIT_DISK] = "a block device",
		[WAIT_MEMORY] = "memory",
		[WAIT_LOCK] = "a lock that another task holds",
		[WAIT_OTHER] = "something that is not I/O of a known kind",
	};

	return text[k];
}

/* Ordered: the first symbol that occurs in the stack or the wait channel decides. */
static const struct {
	const char *symbol; /* part of a function's name */
	enum wait_kind kind;
} symbols[] = {
	{ "wait_for_vfork_done", WAIT_CHILD },
	{ "kernel_clone", WAIT_CHILD },
	{ "_do_fork", WAIT_CHILD },
	{ "balance_dirty_pages", WAIT_THROTTLE },
	{ "nfs_", WAIT_NETWORK },
	{ "nfs4_", WAIT_NETWORK },
	{ "rpc_wait", WAIT_NETWORK },
	{ "rpc_execute", WAIT_NETWORK },
	{ "cifs_", WAIT_NETWORK },
	{ "smb2_", WAIT_NETWORK },
	{ "ceph_", WAIT_NETWORK },
	{ "p9_client_rpc", WAIT_NETWORK },
	{ "request_wait_answer", WAIT_FUSE },
	{ "fuse_", WAIT_FUSE },
	{ "mem_cgroup", WAIT_MEMORY },
	{ "reclaim_throttle", WAIT_MEMORY },
	{ "try_to_free_pages", WAIT_MEMORY },
	{ "congestion_wait", WAIT_MEMORY },
	{ "jbd2_log_wait_commit", WAIT_JOURNAL },
	{ "wait_transaction_locked", WAIT_JOURNAL },
	{ "add_transaction_credits", WAIT_JOURNAL },
	{ "jbd2_", WAIT_JOURNAL },
	{ "xlog_", WAIT_JOURNAL },
	{ "xfs_log_", WAIT_JOURNAL },
	{ "btrfs_commit_transaction", WAIT_JOURNAL },
	{ "wait_current_trans", WAIT_JOURNAL },
	{ "io_schedule", WAIT_DISK },
	{ "folio_wait", WAIT_DISK },
	{ "wait_on_page", WAIT_DISK },
	{ "__lock_page", WAIT_DISK },
	{ "folio_lock", WAIT_DISK },
	{ "wait_on_buffer", WAIT_DISK },
	{ "wait_on_bit_io", WAIT_DISK },
	{ "bit_wait_io", WAIT_DISK },
	{ "wbt_wait", WAIT_DISK },
	{ "rq_qos_wait", WAIT_DISK },
	{ "blk_", WAIT_DISK },
	{ "submit_bio_wait", WAIT_DISK },
	{ "dio_", WAIT_DISK },
	{ "wb_wait_for_completion", WAIT_DISK },
	{ "filemap_", WAIT_DISK },
	{ "xfs_buf", WAIT_DISK },
	{ "rwsem_down", WAIT_LOCK },
	{ "mutex_lock", WAIT_LOCK },
	{ "__down", WAIT_LOCK },
	{ "percpu_rwsem_wait", WAIT_LOCK },
};

/* A function whose name starts with, or holds after a "_" or the start, the symbol. */
static bool mentions(const char *text, const char *symbol)
{
	for (const char *at = strstr(text, symbol); at; at = strstr(at + 1, symbol)) {
		if (at == text || at[-1] == '<' || at[-1] == '_' || at[-1] == ' ')
			return true;
	}
	return false;
}

/*
 * sb_start_write() and its like are inline: what is seen is percpu_rwsem_wait below a function that
 * takes a superblock's write access. The rwsem of control groups (fork, exec, migration) is not it.
 * kernel/locking/percpu-rwsem.c, include/linux/fs.h.
 */
static bool frozen(const char *wchan, const char *stack)
{
	static const char *const writers[] = { "mnt_want_write", "sb_start", "vfs_write",
		"vfs_writev", "do_iter_write", "file_start_write", "page_mkwrite", "freeze_super",
		"vfs_fallocate", "do_truncate", "do_sys_ftruncate", "vfs_copy_file_range",
		"vfs_iter_write", "splice", "aio_write", "io_write" };

	if (!mentions(stack, "percpu_rwsem_wait") && !mentions(wchan, "percpu_rwsem_wait") &&
		!mentions(stack, "sb_start_write") && !mentions(wchan, "sb_start_write"))
		return false;
	if (strstr(stack, "cgroup") || strstr(stack, "copy_process"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		if (strstr(stack, writers[i]))
			return true;
	}
	return false;
}

enum wait_kind wait_kind_of(const char *wchan, const char *stack)
{
	if (frozen(wchan, stack))
		return WAIT_FROZEN;
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		if (mentions(wchan, symbols[i].symbol) || mentions(stack, symbols[i].symbol))
			return symbols[i].kind;
	}
	return wchan[0] || stack[0] ? WAIT_OTHER : WAIT_UNKNOWN;
}

const struct blocked_task *blocked_find(const struct blocked_model *bm, uint64_t tid)
{
	for (size_t i = 0; bm && i < bm->n; i++) {
		if (bm->task[i].tid == tid)
			return &bm->task[i];
	}
	return NULL;
}

/* Rose over the look; what cannot be told did not. */
static bool rose(const struct model *m, enum table_id id, const void *row, unsigned int column)
{
	struct reading delta = row ? model_delta(m, id, row, column) : reading_none(STATE_ABSENT);

	return reading_ok(delta) && delta.value > 0;
}

/* Of several threads the process counts the CPU time and the bytes of all. */
static bool process_moved(
	const struct model *m, const struct process *p, const struct process *was, const void *io)
{
	return p->user_ns + p->system_ns > was->user_ns + was->system_ns ||
	       rose(m, TABLE_process_io, io, PROCESS_IO_read_bytes) ||
	       rose(m, TABLE_process_io, io, PROCESS_IO_written_bytes) ||
	       rose(m, TABLE_process_io, io, PROCESS_IO_read_chars) ||
	       rose(m, TABLE_process_io, io, PROCESS_IO_written_chars);
}

static void fold_process(struct blocked_task *b, const struct model *m)
{
	const struct process *p = b->row;
	const struct process *was = table_find(frame_table(m->was, TABLE_process), p->pid);
	const void *io = table_find(frame_table(m->now, TABLE_process_io), p->pid);
	const void *sched = table_find(frame_table(m->now, TABLE_process_sched), p->pid);

	if (!was || was->start_ns != p->start_ns)
		return;
	if (io)
		b->written_bytes_per_s =
			model_rate(m, TABLE_process_io, io, PROCESS_IO_written_bytes);
	if (b->thread)
		return;
	b->whole_look = was->state == 'D';
	b->moved = rose(m, TABLE_process_sched, sched, PROCESS_SCHED_slices) ||
		   ((p->threads <= 1 || !sched) && process_moved(m, p, was, io));
}

static void fold_thread(struct blocked_task *b, const struct model *m, const struct thread *t)
{
	const struct thread *was = table_find(frame_table(m->was, TABLE_thread), t->tid);

	if (!was || was->start_ns != t->start_ns || was->pid != t->pid)
		return;
	b->whole_look = was->state == 'D';
	b->moved = rose(m, TABLE_thread, t, THREAD_slices) ||
		   rose(m, TABLE_thread, t, THREAD_user_ns) ||
		   rose(m, TABLE_thread, t, THREAD_system_ns);
}

struct blocked_wait blocked_wait_of(const struct model *m, const struct blocked_task *b)
{
	const struct table *t = frame_table(m->now, TABLE_task_wait);
	const struct table *mounts = frame_table(m->now, TABLE_mount);
	const struct task_wait *w = table_find(t, b->tid);
	struct blocked_wait ret = { .wchan = "", .stack = "", .target = "", .fstype = "" };

	if (!w)
		return ret;
	ret.wchan = table_text(t, w->wchan);
	ret.stack = table_text(t, w->stack);
	ret.kind = wait_kind_of(ret.wchan, ret.stack);
	if (row_has(w->has, TASK_WAIT_mount_id))
		ret.mount = table_find(mounts, w->mount_id);
	if (!ret.mount)
		return ret;
	ret.target = table_text(mounts, ret.mount->target);
	ret.fstype = table_text(mounts, ret.mount->fstype);
	ret.disk = disks_find(m->disks, ret.mount->dev);
	/* btrfs and the like: a device number of their own; what is mounted may still be a disk. */
	if (!ret.disk)
		ret.disk = disks_named(m->disks, table_text(mounts, ret.mount->source));
	return ret;
}

static struct blocked_task *add_task(
	struct blocked_model *bm, const struct model *m, const struct process *p)
{
	const struct table *t = frame_table(m->now, TABLE_process);
	struct blocked_task *b = &bm->task[bm->n++];

	*b = (struct blocked_task){ .row = p,
		.pid = p->pid,
		.tid = p->pid,
		.start_ns = p->start_ns,
		.comm = table_text(t, p->comm),
		.kthread = p->kthread };
	b->ours = model_is_ours(b->comm);
	return b;
}

static int step(void *self, const struct model *m, struct arena *a)
{
	struct blocked_model *bm = self;
	const struct table *t = frame_table(m->now, TABLE_process);
	const struct table *threads = frame_table(m->now, TABLE_thread);
	size_t n = 0;

	*bm = (struct blocked_model){ .elapsed_ns = model_elapsed_ns(m, TABLE_process) };
	if (!table_usable(t))
		return 0;
	if (!table_usable(threads))
		threads = NULL;
	for (table_each(const struct process, p, t))
		n += p->state == 'D';
	for (table_each(const struct thread, x, threads))
		n += x->state == 'D';
	if (n == 0)
		return 0;
	bm->task = arena_new(a, n * sizeof(*bm->task));
	if (!bm->task)
		return -ENOMEM;
	for (table_each(const struct process, p, t)) {
		if (p->state == 'D')
			fold_process(add_task(bm, m, p), m);
	}
	for (table_each(const struct thread, x, threads)) {
		const struct process *p = x->state == 'D' ? table_find(t, x->pid) : NULL;

		if (!p)
			continue;
		struct blocked_task *b = add_task(bm, m, p);

		b->tid = x->tid;
		b->start_ns = x->start_ns;
		b->thread = table_text(threads, x->comm);
		fold_process(b, m);
		fold_thread(b, m, x);
	}
	return 0;
}

const struct model_row model_blocked = {
	.name = "blocked",
	.needs = {
		{ .table = TABLE_process, .rate = true, .optional = true },
		{ .table = TABLE_process_io, .rate = true, .optional = true },
		{ .table = TABLE_process_sched, .rate = true, .optional = true },
		{ .table = TABLE_thread, .rate = true, .optional = true },
	},
	.size = sizeof(struct blocked_model),
	.step = step,
};
