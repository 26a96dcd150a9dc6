/* SPDX-License-Identifier: MIT */
#include "table/json.h"

#include <string.h>

void json_cell(struct json *j, const struct table *t, const void *row, unsigned int column)
{
	const struct column *c = &t->schema->columns[column];
	const char *at = (const char *)row + c->offset;
	uint32_t narrow;
	uint64_t wide;
	int64_t sign;
	double real;
	has_t has;

	memcpy(&has, row, sizeof(has));
	if (!row_has(has, column)) {
		json_none(j);
		return;
	}
	switch (c->type) {
	case TYPE_u32:
		memcpy(&narrow, at, sizeof(narrow));
		json_u64(j, narrow);
		break;
	case TYPE_u64:
		memcpy(&wide, at, sizeof(wide));
		json_u64(j, wide);
		break;
	case TYPE_s64:
		memcpy(&sign, at, sizeof(sign));
		json_s64(j, sign);
		break;
	case TYPE_f64:
		memcpy(&real, at, sizeof(real));
		json_double(j, real);
		break;
	case TYPE_text:
		memcpy(&narrow, at, sizeof(narrow));
		json_str(j, table_text(t, narrow));
		break;
	}
}

void json_row(struct json *j, const struct table *t, const void *row)
{
	has_t has;

	memcpy(&has, row, sizeof(has));
	for (unsigned int i = 0; i < t->schema->n_columns; i++) {
		if (!row_has(has, i))
			continue;
		json_key(j, t->schema->columns[i].name);
		json_cell(j, t, row, i);
	}
}
