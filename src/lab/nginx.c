/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* One process: a worker outlives a killed master, and hides the mark that the sweep looks for. */
static int write_conf(const char *dir, uint16_t port)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/nginx.conf", dir);
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	fprintf(f,
		"daemon off;\nmaster_process off;\npid %s/pid;\nerror_log /dev/null;\n"
		"events { worker_connections 256; }\n"
		"http {\n"
		"\taccess_log off;\n"
		"\tclient_body_temp_path %s/t1;\n\tproxy_temp_path %s/t2;\n"
		"\tfastcgi_temp_path %s/t3;\n\tuwsgi_temp_path %s/t4;\n\tscgi_temp_path %s/t5;\n"
		"\tserver {\n\t\tlisten 127.0.0.1:%u;\n\t\troot %s/html;\n\t}\n"
		"}\n",
		dir, dir, dir, dir, dir, dir, port, dir);
	if (fclose(f) != 0)
		return -EIO;
	snprintf(path, sizeof(path), "%s/html", dir);
	return mkdir(path, 0755) < 0 ? -errno : 0;
}

static int await_server(uint16_t port)
{
	for (int i = 0; i < 50; i++) {
		int fd = net_connect(port, false);

		if (fd >= 0) {
			close(fd);
			return 0;
		}
		scene_nap(100);
	}
	return -ETIMEDOUT;
}

static int run(struct scene *s)
{
	char conf[128], url[64];
	uint16_t port = 0;
	int listener = net_listen(1, &port), err = scene_dir(s, 4 << 20);

	if (!scene_has("nginx") || !scene_has("wrk"))
		return scene_skip(s, "nginx and wrk are not installed");
	if (listener < 0 || err < 0)
		return err < 0 ? err : listener;
	close(listener);
	err = write_conf(s->dir, port);
	if (err == 0)
		err = scene_file(s, "html/page", 10240);
	if (err < 0)
		return err;
	snprintf(conf, sizeof(conf), "%s/nginx.conf", s->dir);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/page", port);
	const char *nginx[] = { "nginx", "-p", s->dir, "-c", conf, "-e", "/dev/null", NULL };
	const char *wrk[] = { "wrk", "-t", "1", "-c", "32", "-d", "3600", url, NULL };
	pid_t server = scene_start(s, NULL, nginx);

	err = server < 0 ? server : await_server(port);
	pid_t client = err < 0 ? err : scene_start(s, NULL, wrk);

	if (client < 0)
		return client;
	scene_say(s, "wrk asks nginx (pid %d) for a page of 10 KiB as fast as it can, 32 at a time",
		(int)server);
	scene_ready(s);
	return scene_join(client) < 0 ? -ECHILD : -EPIPE;
}

const struct lab lab_nginx = {
	.name = "nginx",
	.story = "nginx serves small pages as fast as wrk can ask on loopback",
	.bounds = "two CPUs, 32 connections",
	.settle_s = 2,
	.run = run,
};
