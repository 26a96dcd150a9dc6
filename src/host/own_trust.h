/* SPDX-License-Identifier: MIT */
/* Could anybody else than root, or who runs murphy, have written this? */
#ifndef MURPHY_HOST_OWN_TRUST_H
#define MURPHY_HOST_OWN_TRUST_H

#include "base/strbuf.h"

#include <sys/types.h>

/*
 * Is fd of that kind (S_IFREG, S_IFDIR), does it belong to root or to the effective user, and may
 * nobody else write to it: not others; not a group (but root's) when that user is root; and nobody
 * whom an access control list names. False: ret_why says what was expected.
 */
bool own_trusted(int fd, mode_t kind, struct strbuf *ret_why);

/*
 * The same of every directory above directory fd: who may write to one of them could put another
 * tree there. A sticky one (/tmp) keeps the names of those who own them. path names fd to people.
 */
bool own_trusted_above(int fd, const char *path, struct strbuf *ret_why);

#endif
