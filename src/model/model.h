/* SPDX-License-Identifier: MIT */
/*
 * A model folds frames into facts that mean something to people. Pure: the same frames give the
 * same model. One file each, registered by its line in model.def; a later line may use an earlier
 * one.
 */
#ifndef MURPHY_MODEL_MODEL_H
#define MURPHY_MODEL_MODEL_H

#include "base/arena.h"
#include "sample/frame.h"

#define MODEL(name) struct name##_model;
#include "model/model.def"
#undef MODEL

enum model_id {
	MODEL_none, /* ends lists */
#define MODEL(name) MODEL_##name,
#include "model/model.def"
#undef MODEL
	MODELS
};

struct model {
	const struct frame *now;
	const struct frame *was; /* the frame before; NULL in the first and after a gap */
#define MODEL(name) const struct name##_model *name; /* NULL: not needed */
#include "model/model.def"
#undef MODEL
};

struct model_row {
	const char *name;
	struct need needs[NEEDS_MAX]; /* all optional: a model says itself what is unknown */
	size_t size;                  /* of struct NAME_model, zeroed before the first step */
	/*
	 * Fold m->now (and m->was) into self. What it allocates comes from a, which lives until
	 * the next step. 0 or -ENOMEM.
	 */
	int (*step)(void *self, const struct model *m, struct arena *a);
};

extern const struct model_row *const model_rows[MODELS];

/* Where struct model keeps the pointer of that model. */
const void **model_slot(struct model *m, enum model_id id);

/* A process of murphy's own, by its name: feed/reader.c names its children so. */
bool model_is_ours(const char *comm);

/* Nanoseconds between the two readings of table id, 0 when there are not two. */
uint64_t model_elapsed_ns(const struct model *m, enum table_id id);

/*
 * Rate per second of a COUNTER column of row, which is a row of m->now's table id. The row of the
 * frame before is found by its keys; a process that was not there then has no rate.
 */
struct reading model_rate(
	const struct model *m, enum table_id id, const void *row, unsigned int column);

/* The same as a plain difference over the look. */
struct reading model_delta(
	const struct model *m, enum table_id id, const void *row, unsigned int column);

/* The same as a plain number, 0 also when it is unknown: for sums of what is known. */
double model_grown(const struct model *m, enum table_id id, const void *row, unsigned int column);

#endif
