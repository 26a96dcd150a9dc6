/* SPDX-License-Identifier: MIT */
#include "store/redact.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct redact {
	uint64_t key[2];
	struct pair {
		uint64_t was, now;
	} * hash; /* FNV-1a of paths and of what they became */
	size_t n, size;
};

int redact_new(struct redact **ret_redact)
{
	struct redact *r = mem_new(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	if (getrandom(r->key, sizeof(r->key), 0) != sizeof(r->key)) {
		int err = -errno;

		free(r);
		return err;
	}
	*ret_redact = r;
	return 0;
}

void redact_free(struct redact *r)
{
	if (!r)
		return;
	explicit_bzero(r->key, sizeof(r->key));
	free(r->hash);
	free(r);
}

static uint64_t turn(uint64_t x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = turn(v[1], 13) ^ v[0];
	v[0] = turn(v[0], 32);
	v[2] += v[3];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = turn(v[1], 17) ^ v[2];
	v[2] = turn(v[2], 32);
}

/* SipHash-2-4, Aumasson and Bernstein 2012: without the key nothing can be guessed from it. */
static uint64_t sip_hash(const uint64_t key[2], const char *s, size_t len)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
		key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };

	for (size_t at = 0; at <= len; at += 8) {
		uint64_t word = 0;

		for (size_t i = 0; i < 8 && at + i < len; i++)
			word |= (uint64_t)(unsigned char)s[at + i] << 8 * i;
		if (at + 8 > len)
			word |= (uint64_t)len << 56;
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* 40 bits: two of 10,000 names share a pseudonym once in 20,000 captures. */
static void add_pseudonym(const struct redact *r, char kind, struct span s, struct strbuf *out)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint64_t hash = sip_hash(r->key, s.at, s.len);
	char text[11] = { kind, '-' };

	for (int i = 0; i < 8; i++, hash >>= 5)
		text[2 + i] = letters[hash & 31];
	strbuf_puts(out, text);
}

static bool one_of(struct span s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq(s, list[i]))
			return true;
	}
	return false;
}

static void redact_name(const struct redact *r, struct span s, struct strbuf *out)
{
	static const char *const kept[] = { "init", "systemd", "kthreadd", "murphy" };

	if (one_of(s, kept, ARRAY_SIZE(kept)))
		strbuf_add(out, s.at, s.len);
	else
		add_pseudonym(r, 'n', s, out);
}

static void redact_address(const struct redact *r, struct span s, struct strbuf *out)
{
	static const char *const kept[] = { "0.0.0.0", "::", "*", "::1", "::ffff:0.0.0.0" };

	if (one_of(s, kept, ARRAY_SIZE(kept)) || span_starts(s, "127.") ||
		span_starts(s, "::ffff:127."))
		strbuf_add(out, s.at, s.len);
	else
		add_pseudonym(r, 'a', s, out);
}

static bool all_digits(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
	}
	return true;
}

/* sda1, vdb, nvme0n1p2, dm-0, loop7, md127: what the kernel calls disks. */
static bool is_disk(struct span s)
{
	static const char *const letter[] = { "sd", "vd", "xvd", "hd" };
	static const char *const digit[] = { "dm-", "loop", "md", "zram", "sr", "nbd", "ram" };

	for (size_t i = 0; i < ARRAY_SIZE(letter); i++) {
		size_t len = strlen(letter[i]);

		if (span_starts(s, letter[i]) && s.len > len && s.at[len] >= 'a' &&
			s.at[len] <= 'z' && all_digits(s.at + len + 1, s.len - len - 1))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(digit); i++) {
		size_t len = strlen(digit[i]);

		if (span_starts(s, digit[i]) && s.len > len && all_digits(s.at + len, s.len - len))
			return true;
	}
	if (!span_starts(s, "nvme"))
		return false;
	for (size_t i = 4; i < s.len; i++) {
		if (s.at[i] != 'n' && s.at[i] != 'p' && !all_digits(s.at + i, 1))
			return false;
	}
	return s.len > 4 && s.len < 16;
}

/* Pieces of paths that every machine has and that say nothing of its owner. */
static const char *const common[] = { ".", "..", "usr", "bin", "sbin", "lib", "lib64", "etc", "var",
	"log", "tmp", "run", "home", "root", "srv", "opt", "mnt", "media", "boot", "efi", "dev",
	"shm", "pts", "mqueue", "hugepages", "proc", "sys", "self", "fs", "cgroup", "unified",
	"systemd", "memory", "cpu", "cpuacct", "cpu,cpuacct", "blkio", "io", "pids", "freezer",
	"cpuset", "devices", "net_cls", "net_prio", "net_cls,net_prio", "perf_event", "hugetlb",
	"rdma", "misc", "kernel", "debug", "tracing", "security", "bpf", "config", "fuse",
	"connections", "pstore", "lock", "user", "net", "task", "fd", "stat", "status", "wchan",
	"stack", "syscall", "cmdline", "limits", "schedstat", "diskstats", "block", "queue", "mm",
	"ksm", "system.slice", "user.slice", "machine.slice", "init.scope", "kubepods.slice",
	"kubepods", "docker", "lxc", "none", "tmpfs", "sysfs", "devpts", "devtmpfs", "udev",
	"overlay", "cgroup2", "debugfs", "tracefs", "securityfs", "configfs", "fusectl",
	"hugetlbfs", "binfmt_misc", "rpc_pipefs", "nsfs", "autofs", "ramfs", "rootfs" };

static void redact_piece(const struct redact *r, struct span s, struct strbuf *out)
{
	static const char *const suffix[] = { ".service", ".slice", ".scope", ".socket", ".mount",
		".swap", ".timer", ".path", ".automount", ".device", ".target", "_rimage_0",
		"_rimage_1", "_rimage_2", "_rimage_3", "_mimage_0", "_mimage_1" };
	size_t tail = 0;

	if (s.len == 0 || one_of(s, common, ARRAY_SIZE(common)) || all_digits(s.at, s.len) ||
		is_disk(s)) {
		strbuf_add(out, s.at, s.len);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(suffix); i++) {
		size_t len = strlen(suffix[i]);

		if (s.len > len && memcmp(s.at + s.len - len, suffix[i], len) == 0)
			tail = len;
	}
	add_pseudonym(r, 'p', (struct span){ s.at, s.len - tail }, out);
	strbuf_add(out, s.at + s.len - tail, tail);
}

static void redact_path(const struct redact *r, struct span s, struct strbuf *out)
{
	struct cursor c = cursor_span(s);
	struct span piece;

	while (cursor_until(&c, '/', &piece)) {
		redact_piece(r, piece, out);
		strbuf_putc(out, '/');
	}
	redact_piece(r, (struct span){ c.at, cursor_left(&c) }, out);
}

/* A reason: from each '/' to ": ", ", ", ")" or the end is taken for a path. */
static void redact_reason(const struct redact *r, const char *why, struct strbuf *out)
{
	while (*why) {
		size_t plain = strcspn(why, "/");

		strbuf_add(out, why, plain);
		why += plain;
		size_t len = 0;

		while (why[len] && why[len] != ')' &&
			!((why[len] == ':' || why[len] == ',') && why[len + 1] == ' '))
			len++;
		if (*why == '/')
			redact_path(r, (struct span){ why, len }, out);
		why += *why == '/' ? len : 0;
	}
}

static bool remember(struct redact *r, uint64_t was, uint64_t now)
{
	if (r->n == r->size) {
		size_t want = r->size ? r->size * 2 : 64;
		struct pair *hash = mem_resize(r->hash, want, sizeof(*hash));

		if (!hash)
			return false;
		r->hash = hash;
		r->size = want;
	}
	r->hash[r->n++] = (struct pair){ was, now };
	return true;
}

/* A path that is new since the last call is remembered in the order of its hash. */
static int compare_pairs(const void *a, const void *b)
{
	uint64_t va = ((const struct pair *)a)->was, vb = ((const struct pair *)b)->was;

	return (va > vb) - (va < vb);
}

static const struct pair *known(const struct redact *r, uint64_t was)
{
	struct pair key = { .was = was };

	return r->n ? bsearch(&key, r->hash, r->n, sizeof(key), compare_pairs) : NULL;
}

static bool redact_text(struct redact *r, const struct column *c, const struct table *t,
	struct table *to, void *row)
{
	auto_strbuf out = { 0 };
	text_t text;

	memcpy(&text, (char *)row + c->offset, sizeof(text));
	const char *s = table_text(t, text);
	struct span was = { s, strlen(s) };

	if (was.len == 0 || c->unit == UNIT_SECRET)
		was.len = 0;
	else if (c->unit == UNIT_NAME)
		redact_name(r, was, &out);
	else if (c->unit == UNIT_PATH)
		redact_path(r, was, &out);
	else if (c->unit == UNIT_ADDRESS)
		redact_address(r, was, &out);
	else
		strbuf_add(&out, was.at, was.len);
	text = table_intern(to, strbuf_text(&out), out.len);
	memcpy((char *)row + c->offset, &text, sizeof(text));
	if (c->unit == UNIT_PATH && was.len &&
		!remember(r, hash_fnv64(was.at, was.len), hash_fnv64(strbuf_text(&out), out.len)))
		return false;
	return !out.failed && (text != 0 || out.len == 0);
}

static void redact_hash(const struct redact *r, const struct column *c, void *row)
{
	uint64_t value;

	memcpy(&value, (char *)row + c->offset, sizeof(value));
	const struct pair *pair = known(r, value);

	value = pair ? pair->now : sip_hash(r->key, (const char *)&value, sizeof(value));
	memcpy((char *)row + c->offset, &value, sizeof(value));
}

static bool redact_columns(struct redact *r, const struct table *t, struct table *to,
	bool (*is)(const struct column *))
{
	for (size_t k = 0; k < to->n; k++) {
		void *row = table_at(to, k);
		has_t has;

		memcpy(&has, row, sizeof(has));
		for (unsigned int i = 0; i < t->schema->n_columns; i++) {
			const struct column *c = &t->schema->columns[i];

			if (!row_has(has, i) || !is(c))
				continue;
			if (c->unit == UNIT_SECRET)
				has &= ~((has_t)1 << i);
			if (c->type == TYPE_text && !redact_text(r, c, t, to, row))
				return false;
			if (c->type == TYPE_u64 && c->unit == UNIT_HASH)
				redact_hash(r, c, row);
			if (c->type != TYPE_text && c->unit == UNIT_SECRET)
				memset((char *)row + c->offset, 0, c->type == TYPE_u32 ? 4 : 8);
		}
		memcpy(row, &has, sizeof(has));
	}
	return true;
}

static bool is_hash(const struct column *c)
{
	return c->unit == UNIT_HASH;
}

static bool is_other(const struct column *c)
{
	return c->unit != UNIT_HASH;
}

/* Sort what was remembered; a path that came twice became the same twice. */
static void sort_pairs(struct redact *r)
{
	size_t kept = 0;

	if (r->n > 0)
		qsort(r->hash, r->n, sizeof(*r->hash), compare_pairs);
	for (size_t i = 0; i < r->n; i++) {
		if (kept == 0 || r->hash[kept - 1].was != r->hash[i].was)
			r->hash[kept++] = r->hash[i];
	}
	r->n = kept;
}

struct table *redact_table(struct redact *r, const struct table *t)
{
	struct table *to = table_new(t->schema);
	auto_strbuf why = { 0 };

	if (!to)
		return NULL;
	to->state = t->state;
	to->method = t->method;
	memcpy(to->cell, t->cell, sizeof(to->cell));
	to->taken_ns = t->taken_ns;
	to->cost_ns = t->cost_ns;
	to->seen = t->seen;
	to->lost = t->lost;
	redact_reason(r, t->why, &why);
	snprintf(to->why, sizeof(to->why), "%s", strbuf_text(&why));
	bool ok = !why.failed;

	for (size_t k = 0; ok && k < t->n; k++) {
		void *row = table_add(to);

		ok = row != NULL;
		if (ok)
			memcpy(row, table_at(t, k), t->schema->row_size);
	}
	ok = ok && redact_columns(r, t, to, is_other);
	sort_pairs(r);
	ok = ok && redact_columns(r, t, to, is_hash);
	if (!ok) {
		table_unref(to);
		return NULL;
	}
	return to;
}
