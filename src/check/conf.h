/* SPDX-License-Identifier: MIT */
/*
 * The form of murphy's own configuration: [section], key = value, # comment. Values go on in
 * indented lines. Read by libinih; what it would take silently (lines and names cut short, a value
 * that ends at " ;") is refused here, and every wrong line is told, not only the first.
 */
#ifndef MURPHY_CHECK_CONF_H
#define MURPHY_CHECK_CONF_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

enum conf_part {
	CONF_VALUE,     /* behind the = */
	CONF_LINE,      /* an indented line after it */
	CONF_PARAGRAPH, /* the same with an empty line between */
};

struct conf_reader {
	/* Lines count from 1; texts live as long as the call. */
	void (*section)(void *arg, unsigned int line, const char *name);
	void (*value)(void *arg, unsigned int line, const char *key, const char *value,
		enum conf_part part);
	void (*wrong)(void *arg, unsigned int line, const char *what);
	void *arg;
};

/* False: this murphy was built without libinih. */
bool conf_can_read(void);

/* Read it all; whatever is wrong goes to wrong(). Pure but for its callbacks. */
void conf_parse(const char *buf, size_t len, const struct conf_reader *r);

#endif
