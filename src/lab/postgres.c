/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Where this machine's newest PostgreSQL has its programs. */
static int bin_dir(char *buf, size_t size)
{
	glob_t found = { 0 };
	int err = -ENOENT;

	if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0) {
		const char *last = found.gl_pathv[found.gl_pathc - 1];

		snprintf(buf, size, "%.*s", (int)(strrchr(last, '/') - last), last);
		err = 0;
	}
	globfree(&found);
	return err;
}

/* It refuses to run as root. */
static const char *user_of(void)
{
	if (geteuid() != 0)
		return NULL;
	return getpwnam("postgres") ? "postgres" : "nobody";
}

static int make_home(struct scene *s, const char *user, char *home, size_t size)
{
	const struct passwd *pw = user ? getpwnam(user) : NULL;

	snprintf(home, size, "%s/pg", s->dir);
	if (mkdir(home, 0700) < 0 || (pw && chown(home, pw->pw_uid, pw->pw_gid) < 0))
		return -errno;
	return 0;
}

static int start(struct scene *s, const char *bin, const char *user, const char *home)
{
	char initdb[256], postgres[256];

	snprintf(initdb, sizeof(initdb), "%s/initdb", bin);
	snprintf(postgres, sizeof(postgres), "%s/postgres", bin);
	const char *init[] = { initdb, "-D", home, "-U", "lab", "-A", "trust", "-N", "-E", "UTF8",
		"--locale=C", NULL };
	const char *serve[] = { postgres, "-D", home, "-k", home, "-c", "listen_addresses=", "-c",
		"shared_buffers=64MB", "-c", "max_connections=20", NULL };

	if (scene_command(s, user, init) != 0)
		return -EIO;
	return scene_start(s, user, serve);
}

static int fill(struct scene *s, const char *pgbench, const char *user, const char *home)
{
	const char *init[] = { pgbench, "-h", home, "-U", "lab", "-i", "-q", "-s", "5", "postgres",
		NULL };

	for (int i = 0; i < 20; i++) {
		if (scene_command(s, user, init) == 0)
			return 0;
		scene_nap(500);
	}
	return -ETIMEDOUT;
}

static int run(struct scene *s)
{
	char bin[192], pgbench[256], home[128];
	const char *user = user_of();

	if (bin_dir(bin, sizeof(bin)) < 0)
		return scene_skip(s, "PostgreSQL's server is not installed");
	snprintf(pgbench, sizeof(pgbench), "%s/pgbench", bin);
	if (access(pgbench, X_OK) < 0)
		return scene_skip(s, "pgbench is not installed");
	int err = scene_dir(s, UINT64_C(512) << 20);

	if (err == 0)
		err = make_home(s, user, home, sizeof(home));
	if (err < 0)
		return err;
	pid_t server = start(s, bin, user, home);

	err = server < 0 ? server : fill(s, pgbench, user, home);
	if (err < 0)
		return err;
	const char *bench[] = { pgbench, "-h", home, "-U", "lab", "-n", "-c", "4", "-T", "3600",
		"postgres", NULL };
	pid_t client = scene_start(s, user, bench);

	if (client < 0)
		return client;
	scene_say(s, "pgbench works on an own PostgreSQL (pid %d) with 4 clients", (int)server);
	scene_ready(s);
	return scene_join(client) < 0 ? -ECHILD : -EPIPE;
}

const struct lab lab_postgres = {
	.name = "postgres",
	.story = "An own PostgreSQL under pgbench: many small commits",
	.bounds = "512 MiB of disk, 64 MiB of shared memory, two CPUs; no TCP port",
	.settle_s = 2,
	.run = run,
};
