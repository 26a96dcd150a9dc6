/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * All threads but the main ones, in one walk over the tasks inside the kernel
 * (kernel/bpf/task_iter.c, since 5.8): reading /proc/PID/task/TID/stat costs twenty times as much.
 */
#include "bpf/thread.h"
#include "bpf/task.bpf.h"

#define PF_KTHREAD 0x00200000

/* Until 5.14. */
struct task_struct___before_5_14 {
	long state;
} CORE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CORE;

static unsigned int state_of(struct task_struct *task)
{
	struct task_struct___before_5_14 *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state) | (unsigned int)task->exit_state;
	return (unsigned int)BPF_CORE_READ(old, state) | (unsigned int)task->exit_state;
}

SEC("iter/task")
int thread(struct bpf_iter__task *ctx)
{
	struct thread_seen seen = { 0 };
	struct task_struct *task = ctx->task;

	if (!task || task->group_leader == task || task->flags & PF_KTHREAD)
		return 0;
	seen.tid = number_of(task);
	seen.pid = number_of(BPF_CORE_READ(task, group_leader));
	seen.state = state_of(task);
	seen.user_ns = task->utime;
	seen.system_ns = task->stime;
	seen.start_ns = task->start_boottime;
	seen.run_ns = task->se.sum_exec_runtime;
	seen.wait_ns = task->sched_info.run_delay;
	seen.slices = task->sched_info.pcount;
	bpf_probe_read_kernel(seen.comm, sizeof(seen.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
