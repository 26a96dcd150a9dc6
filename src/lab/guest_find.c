/* SPDX-License-Identifier: MIT */
#include "lab/guest.h"

#include "base/cursor.h"
#include "base/strbuf.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#define QEMU "qemu-system-x86_64"
#define SYSTEM_CACHE "/var/cache/murphy/guest"

bool guest_inside(void)
{
	char text[4096];
	ssize_t n = scene_read("/proc/cmdline", text, sizeof(text));
	struct cursor c = cursor_of(text, n > 0 ? (size_t)n : 0);
	struct span word;

	while (cursor_word(&c, &word)) {
		if (span_eq(word, GUEST_MARK))
			return true;
	}
	return false;
}

static bool find_qemu(char path[PATH_MAX])
{
	static const char *const folders[] = { "/usr/local/bin", "/usr/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, PATH_MAX, "%s/" QEMU, folders[i]);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Where an ordinary user may unpack a kernel; root's is for all. */
static void own_cache(char path[PATH_MAX])
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (geteuid() == 0 || (!cache && !home))
		snprintf(path, PATH_MAX, "%s", SYSTEM_CACHE);
	else if (cache && cache[0] == '/')
		snprintf(path, PATH_MAX, "%s/murphy/guest", cache);
	else
		snprintf(path, PATH_MAX, "%s/.cache/murphy/guest", home ? home : "");
}

/* The modules of kernel image are below the same folder, in lib/ or (merged) usr/lib/. */
static bool modules_of(const char *folder, const char *image, char modules[PATH_MAX])
{
	static const char *const places[] = { "lib/modules", "usr/lib/modules" };
	const char *release = strstr(image, "/vmlinuz-") + strlen("/vmlinuz-");
	char file[PATH_MAX + 16];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(modules, PATH_MAX, "%s/%s/%s", folder, places[i], release);
		snprintf(file, sizeof(file), "%s/modules.dep", modules);
		if (access(file, R_OK) == 0)
			return true;
	}
	return false;
}

/* The last of the cloud kernels in folder/boot that can be read, with its modules. */
static bool find_kernel(const char *folder, struct guest_place *p)
{
	char pattern[PATH_MAX];
	bool found = false;
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/boot/vmlinuz-*-cloud-amd64", folder);
	if (glob(pattern, 0, NULL, &g) != 0)
		return false;
	for (size_t i = g.gl_pathc; i-- > 0 && !found;) {
		snprintf(p->kernel, sizeof(p->kernel), "%s", g.gl_pathv[i]);
		found = access(p->kernel, R_OK) == 0 && modules_of(folder, p->kernel, p->modules);
	}
	globfree(&g);
	return found;
}

static void tell_packages(bool qemu)
{
	bool kmod = scene_has("depmod");

	if (qemu && kmod)
		return;
	fprintf(stderr,
		"a guest needs packages:\n    sudo apt-get install --no-install-recommends%s%s\n",
		qemu ? "" : " qemu-system-x86", kmod ? "" : " kmod");
}

/* Unpacked, not installed: the machine's own boot menu stays as it is. */
static void tell_kernel(const char *folder)
{
	auto_strbuf word = { 0 };

	strbuf_add_shell_word(&word, folder);
	fprintf(stderr,
		"a guest needs Debian's cloud kernel, unpacked (about 110 MB):\n"
		"    mkdir -p %s && cd %s &&\n"
		"    apt-get download $(apt-cache depends linux-image-cloud-amd64 | sed -n "
		"'s/.*Depends: //p') &&\n"
		"    for p in linux-image-*.deb; do dpkg -x \"$p\" . && rm \"$p\"; done &&\n"
		"    for r in lib/modules/*; do /sbin/depmod -b . \"${r##*/}\"; done\n",
		strbuf_text(&word), strbuf_text(&word));
}

int guest_find(const char *given, struct guest_place *ret_place, char *why, size_t size)
{
	struct guest_place p = { 0 };
	char own[PATH_MAX];

#ifndef __x86_64__
	snprintf(why, size, "guests are for x86-64 only");
	return -ENOENT;
#endif
	own_cache(own);
	bool qemu = find_qemu(p.qemu);
	bool kernel = given ? find_kernel(given, &p)
			    : find_kernel(own, &p) || find_kernel(SYSTEM_CACHE, &p) ||
				      find_kernel("", &p);

	if (qemu && kernel) {
		*ret_place = p;
		return 0;
	}
	tell_packages(qemu);
	if (!kernel)
		tell_kernel(given ? given : own);
	snprintf(why, size, "a guest needs %s%s%s", qemu ? "" : QEMU,
		!qemu && !kernel ? " and " : "", kernel ? "" : "linux-image-cloud-amd64");
	return -ENOENT;
}
