/* SPDX-License-Identifier: MIT */
/*
 * Tables that may leave the house. By the unit of a column:
 *
 *   name     "n-" and 8 letters; kept: init, systemd, kthreadd, murphy
 *   path     piece by piece "p-" and 8 letters; kept: pieces that every machine has (usr, proc,
 *            system.slice, cgroup...), numbers, disks (sda1, dm-0), and what tells the kind of a
 *            unit (.service, .slice, .scope...)
 *   address  "a-" and 8 letters; kept: loopback and any (0.0.0.0, ::)
 *   hash     made from a path: replaced so that it is made from the replaced path
 *   secret   dropped
 *
 * Everything else is a number or a word of the kernel and stays. The letters are a keyed hash with
 * a key that is thrown away: the same name is the same pseudonym within one capture, and nobody can
 * try names against it.
 */
#ifndef MURPHY_STORE_REDACT_H
#define MURPHY_STORE_REDACT_H

#include "table/table.h"

struct redact;

/* With a random key. 0 or -errno. */
int redact_new(struct redact **ret_redact);
void redact_free(struct redact *r);

/*
 * A new table without what would tell, NULL when memory is out. Tables with paths come before
 * those with hashes of them.
 */
struct table *redact_table(struct redact *r, const struct table *t) MUST_USE;

#endif
