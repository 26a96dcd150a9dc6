#!/bin/sh
# SPDX-License-Identifier: MIT
# What hangs, fails or babbles harms its own table only, and murphy answers in time.
# hang.sh MURPHY HANGFS: in a mount namespace of its own, files of /proc are replaced one set after
# the other by files that never answer a read, fail it, or give noise.
set -u
if [ "${1:-}" != inside ]; then
	[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root for a mount namespace"; exit 77; }
	[ -c /dev/fuse ] || { echo "skipped: no /dev/fuse"; exit 77; }
	exec unshare --mount --propagation private sh "$0" inside "$@"
fi
murphy=$2 hangfs=$3 dir=$(mktemp -d) failed=0
"$hangfs" "$dir" >"$dir.ready" 2>&1 &
pid=$!
# Ending the server frees every reader that hangs in it.
trap 'kill -9 $pid 2>/dev/null; umount -l "$dir" 2>/dev/null; rmdir "$dir"; rm -f "$dir".*' EXIT
i=0
while ! grep -q ready "$dir.ready"; do
	i=$((i + 1))
	if ! kill -0 $pid 2>/dev/null; then
		# 77: it may not mount here. Anything else is a fault of the test's own.
		wait $pid
		code=$?
		cat "$dir.ready"
		[ $code -eq 77 ] && exit 77
		exit 1
	fi
	[ $i -lt 50 ] || { echo "FAIL hangfs was not ready in 5 s"; exit 1; }
	sleep 0.1
done

# try NAME FILE PATH...: run murphy while PATHs are FILE; the report goes to $dir.out
try() {
	name=$1 file=$2
	shift 2
	for path; do
		mount --bind "$dir/$file" "$path" || exit 1
	done
	timeout -s KILL 30 "$murphy" --json >"$dir.out" 2>"$dir.err"
	code=$?
	for path; do
		umount -l "$path"
	done
	case $code in
	0 | 1 | 2 | 3) ;;
	*) echo "FAIL $name: exit $code: $(head -c 300 "$dir.err")"; failed=1 ;;
	esac
	grep -q '"kind":"summary"' "$dir.out" || { echo "FAIL $name: no summary"; failed=1; }
	wall=$(sed -n 's/.*"kind":"summary".*"wall_ns":\([0-9]*\).*/\1/p' "$dir.out")
	# The contract is 5 s, whatever hangs; it is checked here and nowhere else.
	[ "${wall:-9999999999}" -le 5000000000 ] || { echo "FAIL $name: took $wall ns"; failed=1; }
	echo "$name: exit $code in $((${wall:-0} / 1000000)) ms"
}

# state TABLE WANTED: what the report says of a table
state() {
	grep -q "\"kind\":\"source\",\"table\":\"$1\".*\"state\":\"$2\"" "$dir.out" || {
		echo "FAIL $name: $1 is not $2: $(grep "\"table\":\"$1\"" "$dir.out")"
		failed=1
	}
}

try eio eio /proc/meminfo /proc/vmstat
state meminfo broken
state vmstat broken
state cpu ok
try noise noise /proc/meminfo /proc/stat /proc/diskstats /proc/zoneinfo
state meminfo broken
# On a loaded machine the noise may not have come in time.
state cpu '\(broken\|late\)'
state vmstat ok
# What hangs for ever keeps neither murphy's output, for whose end others wait, nor pipes of other readers.
# (What this test was started with is not murphy's to close.)
here=$(readlink /proc/self/ns/mnt)
readlink /proc/$$/fd/* | grep 'pipe:' >"$dir.mine"
leaks() {
	for comm in /proc/[0-9]*/comm; do
		of=${comm%comm}
		grep -qs '^murphy-reader' "$comm" || continue
		[ "$(readlink "${of}ns/mnt")" = "$here" ] || continue
		readlink "${of}fd/"* 2>/dev/null | grep -vFf "$dir.mine" >"$dir.fds"
		[ "$(grep -c 'pipe:' "$dir.fds")" -le 1 ] && ! grep -q "$dir" "$dir.fds" && continue
		echo "FAIL $name: a reader that hangs has $(cat "$dir.fds")"
		failed=1
	done
}

try one-hangs hang /proc/meminfo
leaks
state meminfo late
state vmstat ok
state process ok
# The readers of that round still hang: murphy starts afresh and must not mind.
try three-hang hang /proc/meminfo /proc/vmstat /proc/diskstats
state meminfo late
state vmstat late
state disk late
state process ok
leaks
# Files of single processes, of a control group, the log and what disks say of themselves, all at once.
files=
for i in 1 2 3 4 5 6; do
	sleep 60 &
	children="${children:-} $!"
	files="$files /proc/$!/stat /proc/$!/status /proc/$!/cmdline /proc/$!/io /proc/$!/cgroup /proc/$!/limits"
done
for f in /dev/kmsg /proc/slabinfo /proc/sys/fs/file-nr /proc/uptime \
	/etc/os-release /sys/fs/cgroup/memory/memory.usage_in_bytes /sys/fs/cgroup/memory/memory.stat \
	/sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/cpu.stat \
	/sys/devices/system/cpu/online /proc/cgroups; do
	[ -f "$f" ] || [ -c "$f" ] && files="$files $f"
done
# shellcheck disable=SC2086 # a list
try much-hangs hang $files /proc/stat /proc/loadavg /proc/vmstat
state process late
state cpu late
state meminfo ok
leaks
# shellcheck disable=SC2086 # a list
kill $children
# The file system answers no statfs either: one child hangs with it, not one per look.
# Only readers in this mount namespace are this test's.
hanging() {
	here=$(readlink /proc/self/ns/mnt)
	for comm in /proc/[0-9]*/comm; do
		grep -qs '^murphy-reader' "$comm" && grep -qs request_wait_answer "${comm%comm}wchan" &&
			[ "$(readlink "${comm%comm}ns/mnt")" = "$here" ] && echo "$comm"
	done | wc -l
}
before=$(hanging)
timeout 8 "$murphy" --watch --for 1 >"$dir.out" 2>"$dir.err"
after=$(hanging)
[ $((after - before)) -le 1 ] || { echo "FAIL watch left $((after - before)) readers hanging"; failed=1; }
echo "watch: $((after - before)) left hanging"
# More than four at once: no more are risked (but one reader of what should never hang), for nothing
# can end what hangs there.
at_most() {
	[ "$2" -le "$1" ] || { echo "FAIL $name: left $2 processes hanging"; failed=1; }
	echo "$name: $2 left hanging"
}
before=$(hanging)
try many-hang hang /proc/meminfo /proc/vmstat /proc/stat /proc/diskstats /proc/loadavg \
	/proc/pressure/memory /proc/zoneinfo /proc/buddyinfo /proc/slabinfo
at_most 5 $(($(hanging) - before))
state meminfo late
# Ten dead mounts: four are asked, together, the others not.
servers=
for i in 1 2 3 4 5 6 7 8 9 10; do
	mkdir "$dir.m$i"
	"$hangfs" "$dir.m$i" >/dev/null 2>&1 &
	servers="$servers $!"
done
i=0
while [ "$(grep -c " $dir.m" /proc/self/mountinfo)" -lt 10 ] && [ $i -lt 50 ]; do
	sleep 0.1
	i=$((i + 1))
done
before=$(hanging)
try dead-mounts eio
at_most 4 $(($(hanging) - before))
state mount_space late
grep -q '"table":"mount_space".*file systems not asked' "$dir.out" || {
	echo "FAIL dead-mounts: $(grep '"table":"mount_space"' "$dir.out")"
	failed=1
}
# shellcheck disable=SC2086 # a list
kill -9 $servers
for i in 1 2 3 4 5 6 7 8 9 10; do
	umount -l "$dir.m$i"
	rmdir "$dir.m$i"
done
try none-hangs eio
state meminfo ok
exit $failed
