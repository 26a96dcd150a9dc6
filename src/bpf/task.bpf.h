/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What all programs that walk tasks share. Only the fields that are used are declared; CO-RE finds
 * them in the kernel that runs, so no vmlinux.h of the build host is needed.
 */
#ifndef MURPHY_BPF_TASK_BPF_H
#define MURPHY_BPF_TASK_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define CORE __attribute__((preserve_access_index))

struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
} CORE;

struct pid {
	unsigned int level;
	struct upid numbers[1];
} CORE;

struct sched_info {
	unsigned long pcount;
	unsigned long long run_delay;
} CORE;

struct sched_entity {
	unsigned long long sum_exec_runtime;
} CORE;

struct task_struct {
	struct task_struct *group_leader;
	struct pid *thread_pid;
	unsigned int __state; /* "state" before 5.14 */
	int exit_state;
	unsigned int flags;
	unsigned long long utime, stime, start_boottime;
	struct sched_entity se;
	struct sched_info sched_info;
	char comm[16];
} CORE;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;

/* A task's number in its pid namespace of that level. */
static inline const char *upid_of(struct task_struct *task, __u32 level)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);

	return (const char *)pid + bpf_core_field_offset(struct pid, numbers) +
	       level * bpf_core_type_size(struct upid);
}

static inline __u32 upid_number(const char *upid)
{
	__u32 nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr), upid + bpf_core_field_offset(struct upid, nr));
	return nr;
}

/* The number of a task in the pid namespace of murphy, which runs this. */
static inline __u32 number_of(struct task_struct *task)
{
	struct task_struct *self = (struct task_struct *)bpf_get_current_task();

	return upid_number(upid_of(task, BPF_CORE_READ(self, thread_pid, level)));
}

#endif
