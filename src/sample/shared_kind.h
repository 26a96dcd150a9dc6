/* SPDX-License-Identifier: MIT */
/* Column kind of shared_object. */
#ifndef MURPHY_SAMPLE_SHARED_KIND_H
#define MURPHY_SAMPLE_SHARED_KIND_H

enum shared_kind {
	SHARED_FILE,
	SHARED_MEMFD,
	SHARED_SYSV,
	SHARED_ANONYMOUS,
	SHARED_TMPFS,
	SHARED_HUGETLB,
	SHARED_KINDS
};

#endif
