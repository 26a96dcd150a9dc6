/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which process holds a socket: a walk over the descriptors of all tasks inside the kernel
 * (kernel/bpf/task_iter.c, since 5.8). Only the fields that are used are declared; CO-RE finds
 * them in the kernel that runs, so no vmlinux.h of the build host is needed.
 */
#include "bpf/socket_owner.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SOCKFS_MAGIC 0x534f434b
#define CORE __attribute__((preserve_access_index))

struct super_block {
	unsigned long s_magic;
} CORE;

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
} CORE;

struct file {
	struct inode *f_inode;
} CORE;

struct upid {
	int nr;
} CORE;

struct pid {
	unsigned int level;
	struct upid numbers[1];
} CORE;

struct task_struct {
	struct task_struct *group_leader;
	struct pid *thread_pid;
} CORE;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} CORE;

/* Keys: inodes that were asked for. Its size is set when it is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u8);
} asked SEC(".maps");

/* The number of a process in the pid namespace of murphy, which runs this. */
static __u32 pid_of(struct task_struct *task)
{
	struct task_struct *self = (struct task_struct *)bpf_get_current_task();
	__u32 level = BPF_CORE_READ(self, thread_pid, level);
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	const char *numbers = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
	__u32 nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr),
		numbers + level * bpf_core_type_size(struct upid) +
			bpf_core_field_offset(struct upid, nr));
	return nr;
}

SEC("iter/task_file")
int socket_owner(struct bpf_iter__task_file *ctx)
{
	struct socket_owner_seen seen;
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file)
		return 0;
	__u64 inode = file->f_inode->i_ino;

	if (file->f_inode->i_sb->s_magic != SOCKFS_MAGIC || !bpf_map_lookup_elem(&asked, &inode))
		return 0;
	seen.inode = inode;
	seen.pid = pid_of(task);
	seen.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
