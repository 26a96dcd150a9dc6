/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What thread.bpf.c writes and source/thread_bpf.c reads. */
#ifndef MURPHY_BPF_THREAD_H
#define MURPHY_BPF_THREAD_H

/* A thread that is no main thread. Numbers are those of murphy's own pid namespace. */
struct thread_seen {
	unsigned long long user_ns, system_ns, start_ns;
	unsigned long long run_ns, wait_ns, slices;
	unsigned int tid, pid;
	unsigned int state; /* TASK_ bits of the kernel and those of exit_state */
	char comm[16];
};

#endif
