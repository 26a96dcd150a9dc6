/* SPDX-License-Identifier: MIT */
#include "feed/replay.h"

#include "table/tsv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A table that is not read again: empty, with the state and reason that the capture noted. */
static int keep_state(enum table_id id, enum state state, const char *why, struct replay *r)
{
	r->kept = table_new(schemas[id]);
	if (!r->kept)
		return -ENOMEM;
	table_fail(r->kept, state, "%s", why);
	return 0;
}

static int keep_rows(struct host *h, enum table_id id, struct replay *r)
{
	auto_strbuf text = { 0 };
	struct table_note note;
	int err = host_rows(h, schemas[id]->name, &text);

	if (err == -EFBIG)
		return keep_state(
			id, STATE_LATE, "its rows in the capture are more than 128 MiB", r);
	if (err < 0)
		return err;
	err = table_read_tsv(text.bytes, text.len, schemas[id], &note, &r->kept);
	if (err == -ENOMEM)
		return err;
	if (err < 0) {
		r->kept = table_new(schemas[id]);
		if (r->kept)
			table_fail(r->kept, STATE_BROKEN, "rows/%s.tsv of the capture: %s",
				schemas[id]->name, strerror(-err));
	}
	/* Cut while it was read: what the capture says of it is not true of what is left. */
	if (r->kept && err == 0 && r->kept->state != note.state)
		r->noted = false;
	return r->kept ? 0 : -ENOMEM;
}

int replay_begin(
	struct host *h, const struct source *s, enum table_id id, struct replay *ret_replay)
{
	struct replay r = { 0 };
	int err = 0;

	if (!host_is_live(h)) {
		r.noted = host_table_note(h, schemas[id]->name, &r.note) == 0;
		/* Another source filled it there: this one was tried and is beside the point. */
		bool other = r.noted && r.note.method[0] && strcmp(r.note.method, s->name) != 0;

		err = other ? -ENOENT : keep_rows(h, id, &r);
		if (err == -ENOENT && (other || (!r.noted && s->rows_only)))
			err = keep_state(id, STATE_ABSENT, "", &r);
		else if (err == -ENOENT && r.noted && r.note.state != STATE_OK &&
			 r.note.state != STATE_LATE)
			err = keep_state(id, r.note.state, r.note.why, &r);
		else if (err == -ENOENT)
			err = 0;
		r.noted &= !other;
	}
	if (err == 0)
		*ret_replay = r;
	return err;
}

void replay_end(const struct replay *r, struct table *t)
{
	if (!r->noted)
		return;
	t->taken_ns = r->note.taken_ns;
	t->seen = r->note.seen;
	t->lost = r->note.lost;
	/* What this murphy cannot read stays so, whatever the one that captured it could. */
	if (t->state != STATE_OK && t->state != STATE_LATE)
		return;
	t->state = r->note.state;
	snprintf(t->why, sizeof(t->why), "%s", r->note.why);
}
