/* SPDX-License-Identifier: MIT */
/*
 * Disks in the kernel log: block/blk-core.c, fs/buffer.c, drivers/ata/libata-eh.c,
 * drivers/nvme/host/pci.c.
 *
 *   end_request: I/O error, dev sda, sector 12                                      until 3.19
 *   blk_update_request: critical medium error, dev sda, sector 12 [op 0x0:(READ) ...]  4.0 to 5.15
 *   print_req_error: I/O error, dev sda, sector 12                                  4.14 to 5.2
 *   I/O error, dev sda, sector 12 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2   since 5.16
 *       instead of "I/O" it may be "timeout", "critical space allocation", "recoverable transport",
 *       "critical target", "critical nexus" ("reservation conflict" since 6.4), "critical medium",
 *       "protection" and, since 4.13, what block/blk-core.c, blk_errors[] has
 *   Buffer I/O error on device sda1, logical block 3            also "on dev", and ", lost async
 *                                                               page write" at its end
 *   lost page write due to I/O error on sda1                                        until 4.0
 *   ata1.00: failed command: READ FPDMA QUEUED
 *   nvme nvme0: I/O 12 QID 3 timeout, aborting         "I/O tag 12 (100c) opcode ..." since 6.4
 *   nvme nvme0: controller is down; will reset: CSTS=0xffffffff
 *
 * and fs/ext4/super.c, fs/xfs/xfs_fsops.c, xfs_buf.c, fs/btrfs/super.c, fs/fat/misc.c,
 * drivers/md/raid*.c:
 *
 *   EXT4-fs error (device sda1): ext4_lookup:1789: inode #2: comm ls: deleted inode referenced: 9
 *   EXT4-fs error (device sda1) in ext4_reserve_inode_write:5703: IO failure
 *   EXT4-fs (sda1): Remounting filesystem read-only
 *   EXT4-fs (sda1): re-mounted. Quota mode: none.           "re-mounted UUID r/w. Quota" since 6.4
 *   Aborting journal on device sda1-8.
 *   XFS (sda1): Corruption detected. Unmount and run xfs_repair
 *   XFS (sda1): xfs_do_force_shutdown(0x2) called from line 1
 *   BTRFS error (device sda1 state EA): bdev /dev/sda1 errs: wr 1, rd 0, ...
 *   FAT-fs (sda1): Filesystem has been set read-only
 *   md/raid1:md0: Disk failure on sdb1, disabling device.
 */
#include "source/klog_event.h"

#include <string.h>

bool klog_between(struct span s, const char *head, const char *end, struct span *ret)
{
	size_t at, len;

	if (!span_find(s, head, &at))
		return false;
	struct span rest = span_from(s, at + strlen(head));

	if (!span_find(rest, end, &len) || len == 0)
		return false;
	*ret = span_upto(rest, len);
	return true;
}

/* What stands behind the last ": ". */
static struct span last_part(struct span s)
{
	size_t at;

	return span_find_last(s, ": ", &at) ? span_from(s, at + 2) : s;
}

/* Requests that a device need not know; file systems try them and do without. */
static bool is_optional(struct span rest)
{
	return klog_has(rest, "(DISCARD)") || klog_has(rest, "(SECURE_ERASE)") ||
	       klog_has(rest, "(WRITE_ZEROES)") || klog_has(rest, "(WRITE_SAME)");
}

/* Of whom asked, not of the device: another host holds it, or the request asked to fail early. */
static bool is_askers(struct span error)
{
	static const char *const words[] = { "operation not supported", "critical nexus",
		"reservation conflict", "nonblocking retry", "dm internal retry",
		"open zones exceeded", "active zones exceeded", "duration limit exceeded",
		"invalid" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (span_eq(error, words[i]))
			return true;
	}
	return false;
}

/* "... error, dev sda, sector 12" */
static bool find_request(struct span s, struct klog_found *ret)
{
	static const char middle[] = " error, dev ";
	size_t at;

	if (!span_find(s, middle, &at) || !klog_between(s, middle, ", sector ", &ret->device))
		return false;
	ret->kind = KLOG_IO;
	ret->what = last_part(span_upto(s, at));
	/* Until 5.2 the request has no name: many a SCSI disk's refused one is a discard. */
	bool scsi = span_starts(ret->device, "sd") || span_starts(ret->device, "dm-");

	ret->refused = scsi && span_eq(ret->what, "critical target") && !klog_has(s, " op 0x");
	return !is_askers(ret->what) && !is_optional(span_from(s, at));
}

static bool find_buffer(struct span s, struct klog_found *ret)
{
	static const char lost[] = "lost page write due to I/O error on ";

	if (span_starts(s, lost)) {
		ret->kind = KLOG_LOST_WRITE;
		ret->device = span_from(s, sizeof(lost) - 1);
		return ret->device.len > 0;
	}
	if (!span_starts(s, "Buffer I/O error on dev"))
		return false;
	ret->kind = klog_has(s, " page write") ? KLOG_LOST_WRITE : KLOG_BUFFER;
	return klog_between(s, " on device ", ", logical block ", &ret->device) ||
	       klog_between(s, " on dev ", ", logical block ", &ret->device);
}

static bool find_nvme(struct span s, struct klog_found *ret)
{
	static const struct {
		const char *has, *what;
	} lines[] = {
		{ " timeout, ", "timeout" },
		{ ": controller is down", "controller is down" },
		{ ": Removing after probe failure", "removed" },
		{ ": Device not ready; aborting", "not ready" },
	};

	if (!klog_between(s, "nvme ", ": ", &ret->device))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!klog_has(s, lines[i].has))
			continue;
		ret->kind = KLOG_DRIVER;
		ret->what = span_of(lines[i].what);
		return true;
	}
	return false;
}

static bool find_ata(struct span s, struct klog_found *ret)
{
	static const char failed[] = ": failed command: ";
	size_t at;

	if (!span_find(s, failed, &at))
		return false;
	ret->kind = KLOG_DRIVER;
	ret->device = span_upto(s, at);
	ret->what = span_from(s, at + sizeof(failed) - 1);
	return true;
}

bool klog_command(struct span s, struct span *disk, bool *ret_data)
{
	static const char mark[] = " CDB: ";
	size_t at;

	if (span_find(s, mark, &at)) {
		if (!klog_between(span_upto(s, at), " [", "]", disk))
			*disk = (struct span){ 0 };
		s = span_from(s, at + sizeof(mark) - 1);
	} else if (!span_starts(s, "Read(") && !span_starts(s, "Write(") &&
		   !span_starts(s, "Write same(") && !span_starts(s, "Unmap")) {
		return false;
	}
	*ret_data = span_starts(s, "Read(") || span_starts(s, "Write(");
	return true;
}

bool klog_find_disk(struct span s, struct klog_found *ret)
{
	if (span_starts(s, "nvme "))
		return find_nvme(s, ret) || find_request(s, ret);
	if (span_starts(s, "ata"))
		return find_ata(s, ret);
	return find_request(s, ret) || find_buffer(s, ret);
}

/* The name up to a bracket or blank: "sda1) in", "sda1 state EA):". */
static bool take_device(struct span s, const char *head, struct span *ret)
{
	size_t len = 0;

	if (!span_starts(s, head))
		return false;
	s = span_from(s, strlen(head));
	while (len < s.len && s.at[len] != ')' && s.at[len] != ' ')
		len++;
	*ret = span_upto(s, len);
	return len > 0 && len < s.len;
}

/* "ext4_lookup:1789: ..." and "in ext4_lookup:1789: ..." tell the function. */
static struct span function_of(struct span s)
{
	size_t at;

	if (!span_find(s, ")", &at))
		return (struct span){ 0 };
	struct cursor c = cursor_span(span_from(s, at + 1));
	struct span word;

	cursor_lit(&c, ":");
	cursor_blank(&c);
	cursor_lit(&c, "in ");
	return cursor_until(&c, ':', &word) ? word : (struct span){ 0 };
}

static bool find_ext(struct span s, struct klog_found *ret)
{
	struct span tail;

	if (s.len < 8 || memcmp(s.at + 4, "-fs ", 4) != 0)
		return false;
	tail = span_from(s, 8);
	if (take_device(tail, "error (device ", &ret->device)) {
		ret->kind = KLOG_FS;
		ret->what = function_of(s);
		return true;
	}
	if (!take_device(tail, "(", &ret->device))
		return false;
	if (klog_has(s, "emounting filesystem read-only"))
		ret->kind = KLOG_READ_ONLY;
	else if (klog_has(s, "): re-mounted") ||
		 (klog_has(s, "mounted filesystem") && !klog_has(s, "unmount")))
		ret->kind = KLOG_MOUNTED;
	return ret->kind != NULL;
}

static bool find_fat(struct span s, struct klog_found *ret)
{
	if (!take_device(s, "FAT-fs (", &ret->device))
		return false;
	if (klog_has(s, "set read-only"))
		ret->kind = KLOG_READ_ONLY;
	else if (klog_has(s, "): error, "))
		ret->kind = KLOG_FS;
	return ret->kind != NULL;
}

static bool find_xfs(struct span s, struct klog_found *ret)
{
	static const struct {
		const char *has, *kind, *what;
	} lines[] = {
		{ "hutting down filesystem", KLOG_READ_ONLY, "shut down" },
		{ "has been shut down", KLOG_READ_ONLY, "shut down" },
		{ "xfs_do_force_shutdown", KLOG_READ_ONLY, "shut down" },
		{ "Corruption ", KLOG_FS, "corruption" },
		{ "orruption detected", KLOG_FS, "corruption" },
		{ "etadata I/O error", KLOG_FS, "metadata I/O error" },
		{ "og I/O error", KLOG_FS, "log I/O error" },
		{ "writeback error", KLOG_LOST_WRITE, "writeback error" },
		{ ": Mounting ", KLOG_MOUNTED, "" },
	};

	if (!take_device(s, "XFS (", &ret->device))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!klog_has(s, lines[i].has))
			continue;
		ret->kind = lines[i].kind;
		ret->what = span_of(lines[i].what);
		return true;
	}
	return false;
}

static bool find_btrfs(struct span s, struct klog_found *ret)
{
	size_t at;

	if (!span_find(s, "(device ", &at) ||
		!take_device(span_from(s, at), "(device ", &ret->device))
		return false;
	struct span level = span_upto(s, at);

	if (klog_has(s, "forced readonly"))
		ret->kind = KLOG_READ_ONLY;
	else if (klog_has(level, "error") || klog_has(level, "critical") ||
		 klog_has(s, " csum failed "))
		ret->kind = KLOG_FS;
	return ret->kind != NULL;
}

/* The journal's device has its inode number behind it: "sda1-8"; one of its own has not: "dm-3". */
static bool find_journal(struct span s, struct klog_found *ret)
{
	size_t at;

	if (!klog_between(s, "Aborting journal on device ", ".", &ret->device))
		return false;
	if (span_find_last(ret->device, "-", &at) && !span_eq(span_upto(ret->device, at), "dm"))
		ret->device = span_upto(ret->device, at);
	ret->kind = KLOG_FS;
	ret->what = span_of("journal aborted");
	return true;
}

bool klog_find_fs(struct span s, struct klog_found *ret)
{
	if (span_starts(s, "EXT"))
		return find_ext(s, ret);
	if (span_starts(s, "XFS "))
		return find_xfs(s, ret);
	if (span_starts(s, "BTRFS"))
		return find_btrfs(s, ret);
	if (span_starts(s, "FAT-fs "))
		return find_fat(s, ret);
	if (span_starts(s, "Aborting journal "))
		return find_journal(s, ret);
	if (!span_starts(s, "md/raid") || !klog_has(s, ": Disk failure on ") ||
		!klog_between(s, ":", ": Disk", &ret->device))
		return false;
	ret->kind = KLOG_RAID;
	return true;
}
