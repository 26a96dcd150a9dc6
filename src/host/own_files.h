/* SPDX-License-Identifier: MIT */
/*
 * murphy's own configuration: files of the machine it runs on, whatever machine it looks at. They
 * tell root what to do about a finding and what to be silent about, so only files that root or the
 * user himself wrote are read: see own_files_read().
 */
#ifndef MURPHY_HOST_OWN_FILES_H
#define MURPHY_HOST_OWN_FILES_H

#include <stddef.h>

/* path of a file and its bytes; or why it was refused (then bytes is NULL). */
typedef void own_file_fn(
	void *arg, const char *path, const char *refused, const char *bytes, size_t len);

/*
 * Every file NAME.conf of the directory, in the order of their names, at most files_max of them and
 * file_max bytes each. A file, the directory and those above it must belong to root or to the
 * effective user, and nobody else may be able to write to them: host/own_trust.h. Links are
 * followed, and what they lead to is held to the same. Only regular files are opened, and never
 * waited for. 0, -errno of opening the directory, or -ENOMEM; what is refused is told to each().
 */
int own_files_read(
	const char *dir, size_t files_max, size_t file_max, own_file_fn *each, void *arg);

#endif
