/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <stddef.h>

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

uint64_t model_elapsed_ns(const struct model *m, enum table_id id)
{
	const struct table *now = frame_table(m->now, id), *was = frame_table(m->was, id);

	if (!table_usable(now) || !table_usable(was) || now->taken_ns <= was->taken_ns)
		return 0;
	return now->taken_ns - was->taken_ns;
}

struct reading model_delta(
	const struct model *m, enum table_id id, const void *row, unsigned int column)
{
	const struct table *now = frame_table(m->now, id), *was = frame_table(m->was, id);

	if (model_elapsed_ns(m, id) == 0)
		return reading_none(STATE_ABSENT);
	const void *old = now->schema->columns[0].role == ROLE_KEY ? table_same(was, now, row)
								   : table_only(was);
	struct reading new_value = table_cell(now, row, column);

	if (!reading_ok(new_value))
		return new_value;
	if (!old)
		return reading_none(STATE_ABSENT);
	struct reading old_value = table_cell(was, old, column);

	if (!reading_ok(old_value))
		return old_value;
	if (new_value.value < old_value.value)
		return reading_none(STATE_ABSENT);
	return reading_of(new_value.value - old_value.value);
}

struct reading model_rate(
	const struct model *m, enum table_id id, const void *row, unsigned int column)
{
	struct reading delta = model_delta(m, id, row, column);

	if (!reading_ok(delta))
		return delta;
	return reading_of(delta.value * 1e9 / (double)model_elapsed_ns(m, id));
}
