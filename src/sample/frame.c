/* SPDX-License-Identifier: MIT */
#include "sample/frame.h"

void frame_release(struct frame *f)
{
	for (int i = 0; i < TABLES; i++)
		table_unref(f->at[i]);
	*f = (struct frame){ 0 };
}

uint64_t frame_elapsed_ns(const struct frame *now, const struct frame *was, enum table_id id)
{
	const struct table *a = frame_table(was, id), *b = frame_table(now, id);

	if (!table_usable(a) || !table_usable(b) || b->taken_ns <= a->taken_ns)
		return 0;
	return b->taken_ns - a->taken_ns;
}

struct reading frame_delta(const struct frame *now, const struct frame *was, enum table_id id,
	const void *row, unsigned int column)
{
	const struct table *a = frame_table(was, id), *b = frame_table(now, id);

	if (frame_elapsed_ns(now, was, id) == 0)
		return reading_none(STATE_ABSENT);
	const void *old =
		b->schema->columns[0].role == ROLE_KEY ? table_same(a, b, row) : table_only(a);
	struct reading new_value = table_cell(b, row, column);

	if (!reading_ok(new_value))
		return new_value;
	if (!old)
		return reading_none(STATE_ABSENT);
	struct reading old_value = table_cell(a, old, column);

	if (!reading_ok(old_value))
		return old_value;
	if (new_value.value < old_value.value)
		return reading_none(STATE_ABSENT);
	return reading_of(new_value.value - old_value.value);
}

struct reading frame_rate(const struct frame *now, const struct frame *was, enum table_id id,
	const void *row, unsigned int column)
{
	struct reading delta = frame_delta(now, was, id, row, column);

	if (!reading_ok(delta))
		return delta;
	return reading_of(delta.value * 1e9 / (double)frame_elapsed_ns(now, was, id));
}
