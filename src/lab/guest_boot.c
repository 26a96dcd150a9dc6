/* SPDX-License-Identifier: MIT */
#include "lab/guest_boot.h"

#include "lab/child.h"
#include "lab/guest_image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define MIB UINT64_C(1048576)

/* A guest whose power was cut holds its network device a little longer. */
enum { LOG_TAIL = 3000, TAP_TRIES = 50, TAP_PAUSE_MS = 100 };

/*
 * What each guest has: a disk; loop and veth devices and tracked connections for labs, sock_diag
 * and FUSE for murphy too.
 */
static const char *const modules[] = { "virtio_pci", "virtio_blk", "ext4", "loop", "tcp_diag",
	"fuse", "veth", "nf_conntrack", "nf_tables", "nft_ct" };
/* And one with a TAP device. */
static const char *const network[] = { "virtio_net" };
/*
 * coreutils for labs that copy; ext4 for its disk and for labs; ip, nft and a shell for those with
 * a network.
 */
static const char *const programs[] = { "/bin/cp", "/bin/rm", "/sbin/mkfs.ext4", "/sbin/debugfs",
	"/sbin/ip", "/usr/sbin/nft", "/bin/sh" };
static const char users[] = "root:x:0:0:root:/root:/bin/sh\n"
			    "nobody:x:65534:65534:nobody:/:/bin/sh\n";

static void add_modules(const struct guest_boot *b, struct image *im, const char *const list[],
	size_t n, struct strbuf *paths)
{
	for (size_t i = 0; i < n && list[i]; i++) {
		int err = image_module(im, b->place->modules, list[i], paths);

		if (err < 0)
			fprintf(stderr, "murphy-lab: kernel module %s: %s\n", list[i],
				strerror(-err));
	}
}

static int add_programs(struct image *im, const char *const list[], size_t n)
{
	for (size_t i = 0; i < n && list[i]; i++) {
		int err = image_program(im, list[i], list[i]);

		/* Not installed: a lab that needs it says so. */
		if (err < 0 && err != -ENOENT) {
			fprintf(stderr, "murphy-lab: %s: %s\n", list[i], strerror(-err));
			return err;
		}
	}
	return 0;
}

static int fill(const struct guest_boot *b, struct image *im)
{
	auto_strbuf paths = { 0 };
	char self[PATH_MAX] = "";
	/* A name: to another program /proc/self is another. */
	int err = readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 ? -errno : 0;

	if (err == 0)
		err = image_program(im, self, "/usr/bin/murphy-lab");
	if (err == 0)
		err = image_file(im, self, GUEST_INIT);
	if (err == 0 && b->options->murphy)
		err = image_program(im, b->options->murphy, "/usr/bin/murphy");
	if (err == 0)
		err = add_programs(im, programs, ARRAY_SIZE(programs));
	if (err == 0 && b->wish)
		err = add_programs(im, b->wish->programs, ARRAY_SIZE(b->wish->programs));
	/* murphy and murphy-lab lie there already. */
	if (err == 0 && b->program && !image_has(im, b->program))
		err = image_program(im, b->program, b->program);
	/* Where the libraries of this machine are that lie elsewhere than usual. */
	if (err == 0)
		image_file(im, "/etc/ld.so.cache", "/etc/ld.so.cache");
	add_modules(b, im, modules, ARRAY_SIZE(modules), &paths);
	if (b->wish)
		add_modules(b, im, b->wish->modules, ARRAY_SIZE(b->wish->modules), &paths);
	if (b->options->tap)
		add_modules(b, im, network, ARRAY_SIZE(network), &paths);
	image_bytes(im, GUEST_MODULES, 0644, strbuf_text(&paths), paths.len);
	image_bytes(im, GUEST_ARGUMENTS, 0644, b->arguments, strlen(b->arguments));
	image_bytes(im, "/etc/passwd", 0644, users, sizeof(users) - 1);
	/* Nobody to ask; labs put their own in its place. */
	image_bytes(im, "/etc/resolv.conf", 0644, NULL, 0);
	return paths.failed ? -ENOMEM : err;
}

static int make_image(const struct guest_boot *b)
{
	struct image im = { 0 };
	int err = image_open(&im);

	if (err == 0)
		err = fill(b, &im);
	int fd = image_close(&im);

	if (err < 0 && fd >= 0)
		close(fd);
	return err < 0 ? err : fd;
}

/* Sparse, and without a name: gone with the last process that has it open. */
static int make_disk(void)
{
	struct statvfs v;
	auto_close fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 || fstatvfs(fd, &v) < 0)
		return -errno;
	uint64_t bytes = GUEST_DISK_MIB * MIB, half = (uint64_t)v.f_bavail * v.f_frsize / 2;

	if (ftruncate(fd, (off_t)(bytes < half ? bytes : half)) < 0)
		return -errno;
	int disk = fd;

	fd = -1; /* the caller's */
	return disk;
}

static int make_log(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)
		      : memfd_create("murphy-guest-log", MFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Of the namespace that we are in; it must be there. */
static int open_tap(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int err;

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (if_nametoindex(name) == 0)
		return -errno;
	auto_close fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int i = 0; i < TAP_TRIES; i++) {
		err = ioctl(fd, TUNSETIFF, &r) < 0 ? -errno : 0;
		if (err != -EBUSY)
			break;
		scene_nap(TAP_PAUSE_MS);
	}
	if (err < 0)
		return err;
	int tap = fd;

	fd = -1; /* the caller's */
	return tap;
}

/* What qemu gets beyond its arguments, open; -1: has none. */
struct parts {
	int image, disk, log, tap;
};

static void keep_open(const struct parts *p)
{
	const int fd[] = { p->image, p->disk, p->log, p->tap };

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		if (fd[i] >= 0)
			fcntl(fd[i], F_SETFD, 0);
	}
}

/*
 * Becomes qemu. Interpreted also where there is KVM: labs are about truth, not about timings, and
 * in a machine that is itself a guest /dev/kvm may be there and fail (seen). The descriptors are
 * kept open for it and opened anew by their path in /proc.
 */
static void become_qemu(const struct guest_boot *b, const struct parts *p)
{
	unsigned mib = b->wish && b->wish->memory_mib ? b->wish->memory_mib : GUEST_MEMORY_MIB;
	char memory[16], initrd[40], drive[96], serial[48], append[256], tap[40];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	snprintf(memory, sizeof(memory), "%u",
		mib < GUEST_MEMORY_MAX_MIB ? mib : GUEST_MEMORY_MAX_MIB);
	snprintf(initrd, sizeof(initrd), "/proc/self/fd/%d", p->image);
	snprintf(drive, sizeof(drive), "file=/proc/self/fd/%d,format=raw,if=virtio,cache=unsafe",
		p->disk);
	snprintf(tap, sizeof(tap), "tap,id=net,fd=%d", p->tap);
	snprintf(serial, sizeof(serial), "file:/proc/self/fd/%d", p->log);
	snprintf(append, sizeof(append), "console=ttyS1 quiet panic=-1 psi=1 " GUEST_MARK " %s",
		b->wish && b->wish->append ? b->wish->append : "");
	const char *const always[] = { b->place->qemu, "-nodefaults", "-no-user-config",
		"-no-reboot", "-display", "none", "-accel", "tcg,tb-size=256", "-cpu", "max",
		"-smp", "2", "-m", memory, "-kernel", b->place->kernel, "-initrd", initrd,
		"-append", append, "-chardev", "stdio,id=out,signal=off", "-serial", "chardev:out",
		"-serial", serial };
	const char *argv[ARRAY_SIZE(always) + 11] = { 0 };
	size_t n = ARRAY_SIZE(always);

	memcpy(argv, always, sizeof(always));
	if (p->disk >= 0) {
		argv[n++] = "-drive";
		argv[n++] = drive;
	}
	if (p->tap >= 0) {
		argv[n++] = "-netdev";
		argv[n++] = tap;
		argv[n++] = "-device";
		argv[n++] = "virtio-net-pci,netdev=net,romfile=";
	}
	if (b->wish && b->wish->device) {
		argv[n++] = "-machine";
		argv[n++] = "q35";
		argv[n++] = "-device";
		argv[n++] = b->wish->device;
	}
	keep_open(p);
	dup2(null, STDIN_FILENO);
	/* What it says matters only when the guest fails. */
	dup2(p->log, STDERR_FILENO);
	execv(b->place->qemu, (char *const *)(uintptr_t)argv);
	_exit(127);
}

struct reading_lines {
	const struct guest_boot *boot;
	struct strbuf text;
	bool heard; /* the guest said something */
	int end;    /* what GUEST_END told; -1: not yet */
};

static void take_line(struct reading_lines *r, struct cursor line)
{
	struct cursor rest = line;
	uint64_t code;

	if (line.end > line.at && line.end[-1] == '\r')
		line.end--;
	r->heard = true;
	if (cursor_lit(&rest, GUEST_END) && cursor_u64(&rest, &code))
		r->end = (int)(code & 0xff);
	else
		r->boot->line(r->boot->context, line);
}

/* Whole lines; the rest of the text waits for its end. */
static void take_lines(struct reading_lines *r)
{
	size_t done = 0;

	for (;;) {
		const char *at = strbuf_text(&r->text) + done;
		const char *end = memchr(at, '\n', r->text.len - done);

		if (!end)
			break;
		take_line(r, cursor_of(at, (size_t)(end - at)));
		done += (size_t)(end - at) + 1;
	}
	if (r->text.bytes && done > 0) {
		memmove(r->text.bytes, r->text.bytes + done, r->text.len - done);
		r->text.len -= done;
	}
}

static void show_log(int log)
{
	char buf[LOG_TAIL];
	struct stat st;
	off_t size = fstat(log, &st) == 0 ? st.st_size : 0;
	ssize_t n = pread(log, buf, sizeof(buf), size > LOG_TAIL ? size - LOG_TAIL : 0);
	auto_strbuf text = { 0 };

	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n' || (buf[i] >= ' ' && buf[i] <= '~'))
			strbuf_putc(&text, buf[i]);
	}
	fprintf(stderr, "murphy-lab: the end of the guest's kernel log:\n%s\n", strbuf_text(&text));
}

/* -EAGAIN: it never came to its first line. */
static int follow(const struct guest_boot *b, struct child *c, int log)
{
	struct reading_lines r = { .boot = b, .end = -1 };
	uint64_t until;

	do {
		take_lines(&r);
		until = child_now_ms() + (r.heard ? b->silent_s : GUEST_BOOT_S) * UINT64_C(1000);
	} while (child_more(c, &r.text, until));
	bool late = child_now_ms() >= until;

	if (late)
		kill(c->pid, SIGKILL);
	child_join(c);
	strbuf_release(&r.text);
	if (r.end >= 0)
		return r.end;
	show_log(log);
	if (late && !r.heard)
		return -EAGAIN;
	return late ? -ETIME : -EPROTO;
}

static int boot_once(const struct guest_boot *b, const struct parts *p)
{
	struct child c = { 0 };
	/* Not a signal that it could take its time over: it holds nothing that has to be saved. */
	pid_t pid = child_start(&c, SIGKILL);

	if (pid == 0)
		become_qemu(b, p);
	return pid < 0 ? pid : follow(b, &c, p->log);
}

int guest_boot(const struct guest_boot *b)
{
	auto_close image = make_image(b);
	auto_close log = make_log(b->options->console);
	auto_close disk = make_disk();
	auto_close tap = b->options->tap ? open_tap(b->options->tap) : -1;
	int err = image < 0 ? image : log < 0 ? log : -EAGAIN;
	struct parts parts = { image, disk, log, tap };

	if (b->options->tap && tap < 0)
		return tap;

	for (int i = 0; i < GUEST_BOOTS_MAX && err == -EAGAIN; i++) {
		if (i > 0)
			fprintf(stderr, "murphy-lab: the guest did not boot in %d s: once more\n",
				GUEST_BOOT_S);
		err = boot_once(b, &parts);
	}
	return err == -EAGAIN ? -ETIME : err;
}
