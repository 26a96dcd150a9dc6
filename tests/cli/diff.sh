#!/bin/sh
# SPDX-License-Identifier: MIT
# A change made to a machine is what murphy diff tells of two captures of it. diff.sh MURPHY
set -u
murphy=$1 dir=$(mktemp -d) failed=0
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "FAIL $*"
	failed=1
}

# What can be changed without touching this machine: its tree, and namespaces of our own.
mkdir -p "$dir/a/proc/sys/vm" "$dir/a/proc/sys/net/ipv4" "$dir/a/sys/block/sda/queue"
clock=sys/devices/system/clocksource/clocksource0
mkdir -p "$dir/a/$clock"
echo tsc >"$dir/a/$clock/current_clocksource"
echo 60 >"$dir/a/proc/sys/vm/swappiness"
printf '4096\t131072\t6291456\n' >"$dir/a/proc/sys/net/ipv4/tcp_rmem"
echo 'root=/dev/sda1 quiet' >"$dir/a/proc/cmdline"
printf 'flags\t\t: fpu aes avx2\n\n' >"$dir/a/proc/cpuinfo"
echo '[none] mq-deadline' >"$dir/a/sys/block/sda/queue/scheduler"
cp -r "$dir/a" "$dir/b"
"$murphy" diff "$dir/a" "$dir/b" >"$dir/out" 2>&1 || fail "equal trees: $(cat "$dir/out")"
echo hpet >"$dir/b/$clock/current_clocksource"
echo 10 >"$dir/b/proc/sys/vm/swappiness"
echo 'root=/dev/sda2 quiet mitigations=off' >"$dir/b/proc/cmdline"
printf 'flags\t\t: fpu avx2\n\n' >"$dir/b/proc/cpuinfo"
echo 'none [mq-deadline]' >"$dir/b/sys/block/sda/queue/scheduler"
"$murphy" diff --json "$dir/a" "$dir/b" >"$dir/out" 2>&1 && code=0 || code=$?
[ "$code" -eq 1 ] || fail "trees that differ: $(cat "$dir/out")"
grep '"kind":"difference"' "$dir/out" | sed 's/.*"id":"\([^"]*\)","of":"\([^"]*\)".*/\1 \2/' >"$dir/ids"
printf '%s\n' 'clocksource ' 'cpu_flag aes' 'boot_param mitigations' 'sysctl vm.swappiness' \
	'disk_setting sda scheduler' 'boot_param root' >"$dir/want"
cmp -s "$dir/ids" "$dir/want" || fail "ranked: $(cat "$dir/ids")"
tail -n 1 "$dir/out" | grep -q '"kind":"comparison"' || fail "the last line is no comparison"

# A tree without the file does not differ: it cannot be compared.
rm "$dir/b/proc/cpuinfo"
"$murphy" diff "$dir/a" "$dir/b" >"$dir/out" 2>&1
grep -q 'flag aes' "$dir/out" && fail "absent is taken for a difference"
sed -n '/^Not compared/,$p' "$dir/out" | grep -q 'CPU flag.*; B: absent' || fail "absent is not told"

# This machine, before and after a change in a network namespace.
if unshare -n true 2>/dev/null; then
	unshare -n "$murphy" capture --for 0.3 "$dir/before.tar.zst" || fail "capture"
	unshare -n sh -c 'echo 7 >/proc/sys/net/ipv4/tcp_retries2
		exec "$@"' sh "$murphy" capture --for 0.3 "$dir/after.tar.zst" || fail "capture"
	"$murphy" diff --json "$dir/before.tar.zst" "$dir/after.tar.zst" >"$dir/out"
	grep -q '"of":"net.ipv4.tcp_retries2","name":"sysctl","a":"15","b":"7"' "$dir/out" ||
		fail "namespace: $(cat "$dir/out")"
	[ "$(grep -c '"id":"sysctl"' "$dir/out")" -eq 1 ] || fail "others too: $(cat "$dir/out")"
fi
exit $failed
