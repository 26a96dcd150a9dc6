/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which process holds a socket: a walk over the descriptors of all tasks inside the kernel
 * (kernel/bpf/task_iter.c, since 5.8).
 */
#include "bpf/socket_owner.h"
#include "bpf/task.bpf.h"

#include <stdbool.h>

#define SOCKFS_MAGIC 0x534f434b

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

/* Of many that were asked for user space finds out which: to put them into the map takes longer. */
bool all;

SEC("iter/task_file")
int socket_owner(struct bpf_iter__task_file *ctx)
{
	struct socket_owner_seen seen;
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file)
		return 0;
	__u64 inode = file->f_inode->i_ino;

	if (file->f_inode->i_sb->s_magic != SOCKFS_MAGIC ||
		(!all && !bpf_map_lookup_elem(&asked, &inode)))
		return 0;
	seen.inode = inode;
	seen.pid = number_of(BPF_CORE_READ(task, group_leader));
	seen.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
