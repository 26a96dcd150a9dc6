/* SPDX-License-Identifier: MIT */
#include "lab/command.h"

#include "base/cursor.h"
#include "lab/check.h"
#include "lab/guest.h"
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LOCK_FILE "/run/lock/murphy-lab"

struct options {
	const char *murphy;
	unsigned seconds; /* 0: not given */
	bool json, guest;
	const char *kernel, *console, *tap; /* --guest */
	size_t n;
	const char *names[128];
};

static bool seconds_of(const char *text, unsigned *ret_seconds)
{
	struct cursor c = cursor_of(text, strlen(text));
	uint64_t value;

	if (!cursor_u64(&c, &value) || !cursor_end(&c) || value == 0 || value > LAB_FOR_MAX_S)
		return false;
	*ret_seconds = (unsigned)value;
	return true;
}

/* One with a path after it. */
static bool option(const char *name, const char *path, struct options *o)
{
	if (path && strcmp(name, "--murphy") == 0)
		o->murphy = path;
	else if (path && strcmp(name, "--kernel") == 0)
		o->kernel = path;
	else if (path && strcmp(name, "--console") == 0)
		o->console = path;
	else if (path && strcmp(name, "--tap") == 0)
		o->tap = path;
	else
		return false;
	return true;
}

static bool parse(int argc, char *argv[], struct options *o)
{
	for (int i = 0; i < argc && argv[i]; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--json") == 0) {
			o->json = true;
		} else if (strcmp(argv[i], "--for") == 0 && next && seconds_of(next, &o->seconds)) {
			i++;
		} else if (strcmp(argv[i], "--guest") == 0) {
			o->guest = true;
		} else if (option(argv[i], next, o)) {
			i++;
		} else if (argv[i][0] != '-' && o->n < ARRAY_SIZE(o->names)) {
			o->names[o->n++] = argv[i];
		} else {
			fprintf(stderr, "murphy-lab: cannot read %s\n", argv[i]);
			return false;
		}
	}
	for (size_t i = 0; i < o->n; i++) {
		if (!lab_find(o->names[i])) {
			fprintf(stderr, "murphy-lab: no lab is called %s\n", o->names[i]);
			return false;
		}
	}
	return true;
}

static void list_json(const struct lab *lab)
{
	json_t *also = json_array();

	for (size_t i = 0; i < LAB_ALSO_MAX && lab->also[i]; i++)
		json_array_append_new(also, json_string(lab->also[i]));
	json_t *o = json_pack("{si ss ss ss ss? so sb ss ss?}", "schema_version", 1, "kind", "lab",
		"name", lab->name, "story", lab->story, "want", lab->want, "also", also, "root",
		lab->root, "bounds", lab->bounds, "guest", lab->guest ? lab->guest->why : NULL);

	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

int command_list(int argc, char *argv[])
{
	struct options o = { 0 };

	if (!parse(argc, argv, &o) || o.n > 0)
		return COMMAND_USAGE;
	for (size_t i = 0; i < n_lab_list; i++) {
		if (o.json)
			list_json(lab_list[i]);
		else
			printf("%-18s %-20s %s\n%-39s takes %s%s%s\n", lab_list[i]->name,
				lab_list[i]->want ? lab_list[i]->want : "(healthy)",
				lab_list[i]->story, "", lab_list[i]->bounds,
				lab_list[i]->guest ? "; needs --guest: " : "",
				lab_list[i]->guest ? lab_list[i]->guest->why : "");
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

/*
 * Two labs at once would be found in each other's report. A POSIX lock, since no child inherits it:
 * what a killed murphy-lab leaves behind holds up nobody. Where it cannot be had we do without.
 */
static void wait_turn(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(LOCK_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT) {
		fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0)
			fchmod(fd, 0666);
	}
	/* The descriptor stays open: the lock goes with this process. */
	while (fd >= 0 && fcntl(fd, F_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES)) {
		struct flock held = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(fd, F_GETLK, &held) == 0 && held.l_type != F_UNLCK)
			fprintf(stderr, "murphy-lab: waits until murphy-lab of pid %d has ended\n",
				(int)held.l_pid);
		if (fcntl(fd, F_SETLKW, &lock) == 0 || errno != EINTR)
			break;
	}
}

static bool find_murphy(struct options *o, char found[PATH_MAX])
{
	if (!o->murphy && lab_find_murphy(found, PATH_MAX))
		o->murphy = found;
	if (!o->murphy)
		fprintf(stderr, "murphy-lab: murphy is not beside me: say --murphy PATH\n");
	return o->murphy;
}

static struct guest_options guest_options(const struct options *o)
{
	return (struct guest_options){ .murphy = o->murphy,
		.kernel = o->kernel,
		.console = o->console,
		.seconds = o->seconds,
		.tap = o->tap };
}

int command_run(int argc, char *argv[])
{
	struct options o = { 0 };
	char found[PATH_MAX];

	if (!parse(argc, argv, &o) || o.n != 1)
		return COMMAND_USAGE;
	setlinebuf(stdout);
	wait_turn();
	if (!o.guest)
		return lab_run(lab_find(o.names[0]), o.seconds ? o.seconds : LAB_FOR_S);
	struct guest_options g;

	if (!find_murphy(&o, found))
		return 1;
	g = guest_options(&o);
	return guest_run(lab_find(o.names[0]), &g);
}

int command_show(int argc, char *argv[])
{
	struct options o = { 0 };
	char found[PATH_MAX];

	if (!parse(argc, argv, &o) || o.n != 1 || o.guest)
		return COMMAND_USAGE;
	setlinebuf(stdout);
	wait_turn();
	return find_murphy(&o, found) ? lab_show(lab_find(o.names[0]), o.murphy) : 1;
}

int command_check(int argc, char *argv[])
{
	struct options o = { 0 };
	char found[PATH_MAX];

	if (!parse(argc, argv, &o))
		return COMMAND_USAGE;
	if (!find_murphy(&o, found))
		return 1;
	setlinebuf(stdout);
	wait_turn();
	struct guest_options g = guest_options(&o);

	return o.guest ? guest_check(o.names, o.n, &g)
		       : lab_check(o.names, o.n, o.murphy, o.seconds);
}

int command_guest(int argc, char *argv[])
{
	struct options o = { 0 };
	char found[PATH_MAX];

	while (argc > 1 && option(argv[0], argv[1], &o)) {
		argc -= 2;
		argv += 2;
	}
	if (argc < 1 || argv[0][0] != '/')
		return COMMAND_USAGE;
	if (!find_murphy(&o, found))
		return 1;
	setlinebuf(stdout);
	struct guest_options g = guest_options(&o);

	return guest_program((const char *const *)argv, &g);
}

int command_peer(int argc, char *argv[])
{
	uint64_t port = 0;
	struct cursor c = cursor_of(argc > 1 ? argv[1] : "", argc > 1 ? strlen(argv[1]) : 0);

	if (argc < 1 || argc > 2 ||
		(argc > 1 && (!cursor_u64(&c, &port) || !cursor_end(&c) || port > UINT16_MAX)))
		return COMMAND_USAGE;
	return guest_peer(argv[0], (uint16_t)port);
}
