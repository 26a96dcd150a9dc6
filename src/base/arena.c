/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 8192 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(16) char bytes[];
};

void arena_release(struct arena *a)
{
	for (struct arena_block *b = a->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){ 0 };
}

void *arena_new(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size_t want = (size + 15) & ~(size_t)15;

	if (!a->head || a->head->size - a->head->used < want) {
		size_t room = want > BLOCK_BYTES ? want : BLOCK_BYTES;
		struct arena_block *b = mem_new(1, sizeof(*b) + room);

		if (!b) {
			a->failed = true;
			return NULL;
		}
		b->size = room;
		b->next = a->head;
		a->head = b;
	}
	void *at = a->head->bytes + a->head->used;

	a->head->used += want;
	return at;
}

char *arena_dup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_new(a, len + 1);

	if (copy)
		memcpy(copy, s, len);
	return copy;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	static char empty[1];
	va_list again;

	va_copy(again, ap);
	int len = vsnprintf(NULL, 0, fmt, again);

	va_end(again);
	char *text = len < 0 ? NULL : arena_new(a, (size_t)len + 1);

	if (!text) {
		a->failed = true;
		return empty;
	}
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	return text;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *text = arena_vprintf(a, fmt, ap);

	va_end(ap);
	return text;
}
