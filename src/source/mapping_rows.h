/* SPDX-License-Identifier: MIT */
/* Rows of the table mapping: one for all mappings of one name. */
#ifndef MURPHY_SOURCE_MAPPING_ROWS_H
#define MURPHY_SOURCE_MAPPING_ROWS_H

#include "source/page_vma.h"
#include "table/table.h"

struct mapping;

/* A new row of v alone; NULL when memory is out. Until the next. */
struct mapping *mapping_add(struct table *t, const struct page_vma *v);

/* Of rows from first on make one of each name, with the sums. */
void mapping_fold(struct table *t, size_t first);

#endif
