/* SPDX-License-Identifier: MIT */
/* What expressions know of tables beyond their schemas. Pure. */
#ifndef MURPHY_ENGINE_METRIC_H
#define MURPHY_ENGINE_METRIC_H

#include "sample/tables.h"

/* The table named so, TABLE_none when there is none. */
enum table_id metric_table(const char *name, size_t len);

/* The column of the table named so, -1 when there is none. */
int metric_column(enum table_id table, const char *name, size_t len);

/* A table without keys has one row, which needs no choice. */
bool metric_single(enum table_id table);

/*
 * Several rows, and one that stands for the machine when none is chosen: all CPUs together,
 * murphy's own network namespace. False: there is none. *ret_apart: it is no row like the others,
 * and aggregates leave it out.
 */
bool metric_whole(enum table_id table, uint64_t *ret_key, bool *ret_apart);

/* The column of from that holds the only key of table to; -1: the two cannot be joined. */
int metric_join(enum table_id from, enum table_id to);

/* The number behind a word in a column of codes: process.state "D". False: no such code. */
bool metric_code(enum table_id table, unsigned int column, const char *word, double *ret_code);

/* The word for a code into buf; false when the column has no words, or none for this one. */
bool metric_word(enum table_id table, unsigned int column, double code, char buf[16]);

/* "D, R, S..." for messages; NULL: the column has no words. */
const char *metric_words(enum table_id table, unsigned int column);

#endif
