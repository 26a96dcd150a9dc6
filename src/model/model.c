/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <stddef.h>
#include <string.h>

#define MODEL(name) extern const struct model_row model_##name;
#include "model/model.def"
#undef MODEL

const struct model_row *const model_rows[MODELS] = {
#define MODEL(name) [MODEL_##name] = &model_##name,
#include "model/model.def"
#undef MODEL
};

const void **model_slot(struct model *m, enum model_id id)
{
	static const size_t offset[MODELS] = {
#define MODEL(name) [MODEL_##name] = offsetof(struct model, name),
#include "model/model.def"
#undef MODEL
	};

	return (const void **)((char *)m + offset[id]);
}

bool model_is_ours(const char *comm)
{
	return strcmp(comm, "murphy") == 0 || strcmp(comm, "murphy-reader") == 0;
}

uint64_t model_elapsed_ns(const struct model *m, enum table_id id)
{
	return frame_elapsed_ns(m->now, m->was, id);
}

struct reading model_delta(
	const struct model *m, enum table_id id, const void *row, unsigned int column)
{
	return frame_delta(m->now, m->was, id, row, column);
}

double model_grown(const struct model *m, enum table_id id, const void *row, unsigned int column)
{
	struct reading r = model_delta(m, id, row, column);

	return reading_ok(r) ? r.value : 0;
}

struct reading model_rate(
	const struct model *m, enum table_id id, const void *row, unsigned int column)
{
	return frame_rate(m->now, m->was, id, row, column);
}
