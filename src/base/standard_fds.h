/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_BASE_STANDARD_FDS_H
#define MURPHY_BASE_STANDARD_FDS_H

/*
 * For a child that may hang for ever: it lets go of what murphy's output goes to, or whoever reads
 * that (a pipe, ssh) waits for the end of the child.
 */
void standard_fds_drop(void);

#endif
