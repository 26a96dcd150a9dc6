/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "lab/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>

/* linux/module.h, since 5.17 */
#define MODULE_COMPRESSED 4

enum { ARGUMENTS_MAX = 160 };

static void mount_one(const char *type, const char *target)
{
	mkdir(target, 0755);
	if (mount(type, target, type, 0, NULL) < 0)
		printf("guest: mount %s: %s\n", target, strerror(errno));
}

static void mount_all(void)
{
	static const char *const folders[] = { "/sys", "/dev", "/tmp", "/run", "/var", "/var/tmp",
		"/root" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		mkdir(folders[i], 0755);
	mount_one("sysfs", "/sys");
	mount_one("devtmpfs", "/dev");
	mount_one("devpts", "/dev/pts");
	mount_one("tmpfs", "/dev/shm");
	mount_one("tmpfs", "/tmp");
	mount_one("tmpfs", "/run");
	mount_one("cgroup2", "/sys/fs/cgroup");
	chmod("/tmp", 01777);
	chmod("/var/tmp", 01777);
}

static void load_modules(void)
{
	char text[8192], path[PATH_MAX];
	ssize_t n = scene_read(GUEST_MODULES, text, sizeof(text));
	struct cursor c = cursor_of(text, n > 0 ? (size_t)n : 0), line;

	while (cursor_line(&c, &line)) {
		span_copy((struct span){ line.at, cursor_left(&line) }, path, sizeof(path));
		size_t len = strlen(path);
		bool plain = len > 3 && strcmp(path + len - 3, ".ko") == 0;
		auto_close fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || syscall(SYS_finit_module, fd, "", plain ? 0 : MODULE_COMPRESSED) < 0)
			printf("guest: %s: %s\n", path, strerror(errno));
	}
}

/* All that there are, for labs and for what murphy reads. Their list, for a person. */
static void hand_down_controllers(char *list, size_t size)
{
	char text[512], one[64];
	ssize_t n = scene_read("/sys/fs/cgroup/cgroup.controllers", text, sizeof(text));
	struct cursor c = cursor_of(text, n > 0 ? (size_t)n : 0);
	struct span word;
	size_t len = 0;

	list[0] = '\0';
	while (cursor_word(&c, &word)) {
		snprintf(one, sizeof(one), "+%.*s", (int)word.len, word.at);
		scene_write("/sys/fs/cgroup/cgroup.subtree_control", one);
		len += (size_t)snprintf(list + len, size - len, " %.*s", (int)word.len, word.at);
		if (len >= size)
			return;
	}
}

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	auto_close fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		printf("guest: loopback: %s\n", strerror(errno));
}

/* What is printed goes to the first serial line, whose reader wants no carriage returns. */
static void open_output(void)
{
	struct termios t;
	int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	int null = open("/dev/null", O_RDONLY);

	dup2(null, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	setlinebuf(stdout);
}

/* Wait for pid, and for all orphans on the way: that is what the first process is for. */
static int wait_for(pid_t pid)
{
	int status;

	for (;;) {
		pid_t gone = wait(&status);

		if (gone < 0 && errno != EINTR)
			return 1;
		if (gone == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

static int run(const char *const argv[])
{
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		execv(argv[0], (char *const *)(uintptr_t)argv);
		printf("guest: %s: %s\n", argv[0], strerror(errno));
		fflush(stdout);
		_exit(127);
	}
	return pid < 0 ? 1 : wait_for(pid);
}

static void mount_disk(void)
{
	static const char *const mkfs[] = { "/sbin/mkfs.ext4", "-q", "/dev/vda", NULL };

	if (access("/dev/vda", F_OK) < 0 || access(mkfs[0], X_OK) < 0)
		return;
	if (run(mkfs) != 0 || mount("/dev/vda", "/var/tmp", "ext4", 0, NULL) < 0)
		printf("guest: no disk: %s\n", strerror(errno));
	chmod("/var/tmp", 01777);
}

static int run_arguments(void)
{
	static char text[16384];
	const char *argv[ARGUMENTS_MAX + 1] = { NULL };
	ssize_t len = scene_read(GUEST_ARGUMENTS, text, sizeof(text));
	size_t n = 0;

	for (char *at = text; at < text + len && n < ARGUMENTS_MAX;) {
		char *end = strchrnul(at, '\n');

		*end = '\0';
		argv[n++] = at;
		at = end + 1;
	}
	return n > 0 ? run(argv) : 1;
}

void guest_main(void)
{
	struct utsname u;
	char controllers[256];

	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	if (!guest_inside())
		return;
	mount_all();
	open_output();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	load_modules();
	hand_down_controllers(controllers, sizeof(controllers));
	loopback_up();
	mount_disk();
	uname(&u);
	printf("guest is Linux %s, %ld CPUs, cgroup v2 with%s\n", u.release,
		sysconf(_SC_NPROCESSORS_ONLN), controllers);
	int code = run_arguments();

	printf("%s%d\n", GUEST_END, code);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
