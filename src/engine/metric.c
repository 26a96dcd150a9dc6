/* SPDX-License-Identifier: MIT */
#include "engine/metric.h"

#include <stdio.h>
#include <string.h>

/* net/tcp_states.h */
static const char *const tcp_states[] = { NULL, "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1",
	"FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
	"NEW_SYN_RECV" };
/* include/uapi/linux/sched.h */
static const char *const policies[] = { "NORMAL", "FIFO", "RR", "BATCH", NULL, "IDLE", "DEADLINE" };

/* Columns of codes that people know by a word. words NULL: the code is that of a character. */
static const struct coded {
	enum table_id table;
	unsigned int column;
	const char *const *words;
	size_t n;
	const char *all;
} coded[] = {
	{ TABLE_process, PROCESS_state, NULL, 0, "R, S, D, T, Z, I" },
	{ TABLE_thread, THREAD_state, NULL, 0, "R, S, D, T, Z, I" },
	{ TABLE_task_wait, TASK_WAIT_state, NULL, 0, "R, S, D, T, Z, I" },
	{ TABLE_process, PROCESS_policy, policies, ARRAY_SIZE(policies),
		"NORMAL, FIFO, RR, BATCH, IDLE, DEADLINE" },
	{ TABLE_tcp_socket, TCP_SOCKET_state, tcp_states, ARRAY_SIZE(tcp_states),
		"ESTABLISHED, CLOSE_WAIT, LISTEN..." },
	{ TABLE_tcp_total, TCP_TOTAL_state, tcp_states, ARRAY_SIZE(tcp_states),
		"ESTABLISHED, CLOSE_WAIT, LISTEN..." },
};

static bool named(const char *have, const char *name, size_t len)
{
	return strncmp(have, name, len) == 0 && have[len] == '\0';
}

enum table_id metric_table(const char *name, size_t len)
{
	for (int id = 1; id < TABLES; id++) {
		if (named(schemas[id]->name, name, len))
			return (enum table_id)id;
	}
	return TABLE_none;
}

int metric_column(enum table_id table, const char *name, size_t len)
{
	const struct schema *s = schemas[table];

	for (size_t i = 0; i < s->n_columns; i++) {
		if (named(s->columns[i].name, name, len))
			return (int)i;
	}
	return -1;
}

static size_t keys_of(const struct schema *s)
{
	size_t n = 0;

	while (n < s->n_columns && s->columns[n].role == ROLE_KEY)
		n++;
	return n;
}

bool metric_single(enum table_id table)
{
	return keys_of(schemas[table]) == 0 && schemas[table]->kind == KIND_STATE;
}

bool metric_whole(enum table_id table, uint64_t *ret_key, bool *ret_apart)
{
	const struct schema *s = schemas[table];

	*ret_apart = table == TABLE_cpu;
	*ret_key = table == TABLE_cpu ? (uint64_t)-1 : 0;
	return table == TABLE_cpu || (keys_of(s) == 1 && strcmp(s->columns[0].name, "netns") == 0);
}

int metric_join(enum table_id from, enum table_id to)
{
	const struct schema *f = schemas[from], *t = schemas[to];
	const struct column *key = &t->columns[0];

	if (keys_of(t) != 1 || key->type == TYPE_text)
		return -1;
	for (size_t i = 0; i < f->n_columns; i++) {
		const struct column *c = &f->columns[i];

		if (strcmp(c->name, key->name) == 0 && c->unit == key->unit && c->type == key->type)
			return (int)i;
	}
	return -1;
}

static const struct coded *coded_of(enum table_id table, unsigned int column)
{
	for (size_t i = 0; i < ARRAY_SIZE(coded); i++) {
		if (coded[i].table == table && coded[i].column == column)
			return &coded[i];
	}
	return NULL;
}

bool metric_code(enum table_id table, unsigned int column, const char *word, double *ret_code)
{
	const struct coded *c = coded_of(table, column);

	if (!c)
		return false;
	if (!c->words) {
		*ret_code = (unsigned char)word[0];
		return word[0] != '\0' && word[1] == '\0';
	}
	for (size_t i = 0; i < c->n; i++) {
		if (c->words[i] && strcmp(c->words[i], word) == 0) {
			*ret_code = (double)i;
			return true;
		}
	}
	return false;
}

bool metric_word(enum table_id table, unsigned int column, double code, char buf[16])
{
	const struct coded *c = coded_of(table, column);

	if (!c || code < 0 || code > 255)
		return false;
	unsigned int i = (unsigned int)code;

	if (!c->words && i > ' ' && i < 0x7f)
		snprintf(buf, 16, "%c", (int)i);
	else if (c->words && i < c->n && c->words[i])
		snprintf(buf, 16, "%s", c->words[i]);
	else
		return false;
	return true;
}

const char *metric_words(enum table_id table, unsigned int column)
{
	const struct coded *c = coded_of(table, column);

	return c ? c->all : NULL;
}
