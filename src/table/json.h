/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_TABLE_JSON_H
#define MURPHY_TABLE_JSON_H

#include "base/json.h"
#include "table/table.h"

/* One cell as a value: number, text, or null when the row does not have it. */
void json_cell(struct json *j, const struct table *t, const void *row, unsigned int column);

/*
 * The cells that a row has, as members "column": value of the object that the caller has begun. A
 * cell that is missing is left out: absent is not null, and fields are only ever added.
 */
void json_row(struct json *j, const struct table *t, const void *row);

#endif
