/* SPDX-License-Identifier: MIT */
#include "check/conf.h"

#include "base/cursor.h"

#include <stdio.h>
#include <string.h>

#ifdef MURPHY_WITH_INIH

#include <ini.h>

/* libinih cuts what is longer: MAX_SECTION and MAX_NAME in ini.c, with their NUL. */
enum { NAME_MAX_BYTES = 49 };

struct conf {
	const struct conf_reader *r;
	struct cursor c;
	unsigned int line;
	bool section, key; /* there was one: keys and indented lines have a place */
	bool refused;      /* the line before; those that go on from it are not its neighbour's */
	bool lost;         /* the name of the section was refused: its keys are nobody's */
	bool indented, between; /* the line at hand; an empty one stood before it */
};

static bool wrong(struct conf *f, const char *what)
{
	f->r->wrong(f->r->arg, f->line, what);
	f->refused = true;
	return false;
}

/* libinih takes it for a comment and drops it without a word. */
static bool has_comment(struct cursor c)
{
	for (const char *at = c.at; at + 1 < c.end; at++) {
		if ((*at == ' ' || *at == '\t') && at[1] == ';')
			return true;
	}
	return false;
}

static bool take_section(struct conf *f, struct cursor c)
{
	char name[NAME_MAX_BYTES + 1];
	struct span s;

	c.at++;
	f->lost = true;
	if (!cursor_until(&c, ']', &s) || !cursor_end(&c))
		return wrong(f, "expected [name] and nothing behind it");
	if (s.len == 0 || s.len > NAME_MAX_BYTES)
		return wrong(f, "the name of a section has 1 to 49 bytes");
	span_copy(s, name, sizeof(name));
	f->section = true;
	f->key = f->refused = f->lost = false;
	f->r->section(f->r->arg, f->line, name);
	return true;
}

static bool take_key(struct conf *f, struct cursor c)
{
	const char *from = c.at;

	while (c.at < c.end && *c.at != '=' && *c.at != ':')
		c.at++;
	if (cursor_end(&c))
		return wrong(f, "expected [section], key = value, or # and a comment");
	if (f->lost) {
		f->refused = true; /* that was told */
		return false;
	}
	if (c.at == from || c.at - from > NAME_MAX_BYTES)
		return wrong(f, "the name of a key has 1 to 49 bytes");
	if (!f->section)
		return wrong(f, "expected a [section] before the first key");
	f->key = true;
	f->refused = false;
	return true;
}

/* May libinih see this line? */
static bool fit(struct conf *f, struct cursor line, int num)
{
	struct cursor c = line;

	while (c.end > c.at && (c.end[-1] == '\r' || c.end[-1] == ' ' || c.end[-1] == '\t'))
		c.end--;
	cursor_blank(&c);
	if (cursor_end(&c)) {
		f->between = true;
		return true;
	}
	f->indented = c.at > line.at;
	if (*c.at == '#' || *c.at == ';')
		return cursor_left(&line) + 3 < (size_t)num; /* half a comment is no comment */
	if (f->indented && f->refused)
		return false;
	if (cursor_left(&line) + 3 >= (size_t)num) {
		char what[100];

		snprintf(what, sizeof(what),
			"a line has at most %d bytes: go on in the next, indented", num - 4);
		return wrong(f, what);
	}
	if (memchr(c.at, '\0', cursor_left(&c)))
		return wrong(f, "a NUL byte");
	if (has_comment(c))
		return wrong(f, "what follows \" ;\" would be a comment: write ; without a blank "
				"before it");
	if (f->indented && !f->key)
		return wrong(f, "an indented line goes on from a key, and there is none");
	if (f->indented)
		return true;
	return *c.at == '[' ? take_section(f, c) : take_key(f, c);
}

/* An ini_reader: the next line, empty when it was refused. */
static char *next_line(char *str, int num, void *stream)
{
	struct conf *f = stream;
	struct cursor line;

	if (!cursor_line(&f->c, &line))
		return NULL;
	f->line++;
	if (f->line == 1)
		cursor_lit(&line, "\xef\xbb\xbf");
	bool fits = fit(f, line, num);
	size_t len = fits ? cursor_left(&line) : 0;

	/* A blank line may have any length, and nobody needs its blanks. */
	if (len + 2 > (size_t)num)
		len = 0;
	if (len > 0)
		memcpy(str, line.at, len);
	str[len] = '\n';
	str[len + 1] = '\0';
	return str;
}

static int take_value(void *user, const char *section UNUSED, const char *name, const char *value)
{
	struct conf *f = user;
	enum conf_part part = !f->indented ? CONF_VALUE : f->between ? CONF_PARAGRAPH : CONF_LINE;

	f->between = false;
	f->r->value(f->r->arg, f->line, name, value, part);
	return 1;
}

bool conf_can_read(void)
{
	return true;
}

void conf_parse(const char *buf, size_t len, const struct conf_reader *r)
{
	struct conf f = { .r = r, .c = cursor_of(buf, len) };

	if (ini_parse_stream(next_line, &f, take_value, &f) < 0)
		r->wrong(r->arg, f.line, "memory is out");
}

#else

bool conf_can_read(void)
{
	return false;
}

void conf_parse(const char *buf UNUSED, size_t len UNUSED, const struct conf_reader *r)
{
	r->wrong(r->arg, 1, "this murphy was built without libinih, and cannot read it");
}

#endif
