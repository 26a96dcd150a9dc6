/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Page tables, read as plain kernel memory: no lock of the process is taken, so that it is not held
 * up, and a table costs what copying 4 KiB costs. Tables may be freed meanwhile: after each the
 * entry that led to it is read again, for user space to compare.
 */
#include "bpf/page_table.h"
#include "bpf/task.bpf.h"

#define PF_KTHREAD 0x00200000

typedef struct {
	long counter;
} atomic_long_t;

struct mm_struct {
	void *pgd;
	atomic_long_t pgtables_bytes;
} CORE;

/* mm, next to those of task.bpf.h. */
struct task_struct___mm {
	struct mm_struct *mm;
} CORE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CORE;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PAGE_TABLE_READ);
	__type(key, __u32);
	__type(value, struct page_table_want);
} wants SEC(".maps");

struct table {
	__u64 entry[PAGE_TABLE_ENTRIES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PAGE_TABLE_READ);
	__type(key, __u32);
	__type(value, struct table);
} tables SEC(".maps");

static struct mm_struct *mm_of(struct task_struct *task)
{
	struct task_struct___mm *t = (void *)task;

	return BPF_CORE_READ(t, mm);
}

/* One task for each address space; another thread where the main one has ended before it. */
SEC("iter/task")
int page_table_tasks(struct bpf_iter__task *ctx)
{
	struct page_table_task seen = { 0 };
	struct task_struct *task = ctx->task, *leader;
	struct mm_struct *mm;

	/* Some kernel threads borrow one. */
	if (!task || task->flags & PF_KTHREAD)
		return 0;
	mm = mm_of(task);
	leader = BPF_CORE_READ(task, group_leader);
	if (!mm || (leader != task && mm_of(leader)))
		return 0;
	seen.mm = (__u64)mm;
	seen.pgd = (__u64)BPF_CORE_READ(mm, pgd);
	seen.tables_bytes = (__u64)BPF_CORE_READ(mm, pgtables_bytes.counter);
	seen.start_ns = BPF_CORE_READ(leader, start_boottime);
	seen.pid = number_of(leader);
	bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
	return 0;
}

static long read_one(__u32 i, void *unused)
{
	struct page_table_want *want = bpf_map_lookup_elem(&wants, &i);
	struct table *table = bpf_map_lookup_elem(&tables, &i);

	if (!want || !table)
		return 1;
	if (bpf_probe_read_kernel(table, sizeof(*table), (void *)want->at))
		want->at = 0;
	if (want->entry_at &&
		bpf_probe_read_kernel(&want->entry, sizeof(want->entry), (void *)want->entry_at))
		want->at = 0;
	return 0;
}

SEC("syscall")
int page_table_read(struct page_table_call *call)
{
	__u32 n = call->n;

	if (n > PAGE_TABLE_READ)
		return 1;
	bpf_loop(n, read_one, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
