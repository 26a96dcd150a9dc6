/* SPDX-License-Identifier: MIT */
/* Frames made of rows by hand, models stepped over them, one check judged. Include after unit.h. */
#ifndef MURPHY_TESTS_BUILD_H
#define MURPHY_TESTS_BUILD_H

#include "check/check.h"
#include "tests/unit/unit.h"

#define SECOND UINT64_C(1000000000)
#define DEV(major, minor) ((uint64_t)(major) << 32 | (minor))

/* The table of f, made OK and empty when it is not there. */
static inline struct table *build_table(struct frame *f, enum table_id id)
{
	if (!f->at[id]) {
		f->at[id] = table_new(schemas[id]);
		assert_non_null(f->at[id]);
		f->at[id]->state = STATE_OK;
		f->at[id]->taken_ns = f->boottime_ns;
	}
	return f->at[id];
}

/* A new row in which every column has a value: 0, until the test writes another. */
static inline void *build_row(struct frame *f, enum table_id id)
{
	struct table *t = build_table(f, id);
	has_t *row = table_add(t);

	assert_non_null(row);
	*row = t->schema->n_columns == 64 ? UINT64_MAX : ((has_t)1 << t->schema->n_columns) - 1;
	return row;
}

/* The cell has no value. */
static inline void build_unset(void *row, unsigned int column)
{
	*(has_t *)row &= ~((has_t)1 << column);
}

static inline text_t build_text(struct frame *f, enum table_id id, const char *text)
{
	return table_intern(build_table(f, id), text, strlen(text));
}

/* A mount; its source and options are empty. */
static inline struct mount *build_mount(
	struct frame *f, uint64_t id, uint64_t dev, const char *target, const char *fstype)
{
	struct mount *m = build_row(f, TABLE_mount);

	m->id = id;
	m->dev = dev;
	m->target = build_text(f, TABLE_mount, target);
	m->fstype = build_text(f, TABLE_mount, fstype);
	return m;
}

/* Two frames two seconds apart, and what is made of them. Zeroed, then scene_start(). */
struct scene {
	struct frame was, now;
	struct model model;
	void *self[MODELS];
	struct arena arena;
	struct judgement judgement;
};

static inline void scene_start(struct scene *s)
{
	*s = (struct scene){ 0 };
	s->was.boottime_ns = 1000 * SECOND;
	s->now.boottime_ns = 1002 * SECOND;
}

/* All models, in their order; again after rows were added. */
static inline void scene_step(struct scene *s)
{
	for (int i = 0; i < TABLES; i++) {
		if (s->was.at[i])
			assert_int_equal(table_sort(s->was.at[i]), 0);
		if (s->now.at[i])
			assert_int_equal(table_sort(s->now.at[i]), 0);
	}
	s->model = (struct model){ .now = &s->now, .was = &s->was };
	for (int i = MODEL_none + 1; i < MODELS; i++) {
		free(s->self[i]);
		s->self[i] = calloc(1, model_rows[i]->size);
		assert_non_null(s->self[i]);
		assert_int_equal(model_rows[i]->step(s->self[i], &s->model, &s->arena), 0);
		*model_slot(&s->model, (enum model_id)i) = s->self[i];
	}
}

/* As the look does: a need that is missing and not optional is UNKNOWN without a question. */
static inline enum verdict scene_judge(struct scene *s, const struct check *check)
{
	arena_release(&s->judgement.arena);
	s->judgement = (struct judgement){ .check = check };
	scene_step(s);
	for (size_t i = 0; i < NEEDS_MAX && check->needs[i].table; i++) {
		const struct need *n = &check->needs[i];

		if (!n->optional && !n->ask && !table_usable(frame_table(&s->now, n->table)))
			return judge_unknown(&s->judgement, &s->model, n->table);
	}
	return check->judge(&s->model, &s->judgement);
}

/* The first finding, which must say all that a reader needs. */
static inline const struct finding *scene_first(const struct scene *s)
{
	assert_true(s->judgement.n_findings > 0);
	const struct finding *f = s->judgement.finding[0];

	assert_string_equal(f->id, s->judgement.check->id);
	assert_true(f->n_culprits > 0 && f->n_evidence > 0 && f->n_todo > 0);
	assert_true(f->title[0] && f->cause[0] && f->refuted_if[0]);
	return f;
}

/* The finding, which must be the only one. */
static inline const struct finding *scene_only(const struct scene *s)
{
	assert_int_equal(s->judgement.n_findings, 1);
	return scene_first(s);
}

/*
 * Case i of a list: the verdict, and where it is SAD the only finding, of that severity; else NULL.
 */
static inline const struct finding *scene_case(struct scene *s, const struct check *check, size_t i,
	enum verdict want, enum severity severity)
{
	enum verdict verdict = scene_judge(s, check);

	if (verdict != want)
		fail_msg("case %zu: %s", i, verdict_name(verdict));
	if (want != VERDICT_SAD)
		return NULL;
	if (scene_only(s)->severity != severity)
		fail_msg("case %zu: %s", i, severity_name(scene_only(s)->severity));
	return scene_only(s);
}

/* SAD, by one finding of that severity. */
static inline const struct finding *scene_sad(
	struct scene *s, const struct check *check, enum severity severity)
{
	return scene_case(s, check, 0, VERDICT_SAD, severity);
}

static inline void scene_end(struct scene *s)
{
	for (int i = 0; i < MODELS; i++)
		free(s->self[i]);
	arena_release(&s->arena);
	arena_release(&s->judgement.arena);
	frame_release(&s->was);
	frame_release(&s->now);
}

#endif
