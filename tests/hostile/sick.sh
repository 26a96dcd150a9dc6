#!/bin/sh
# SPDX-License-Identifier: MIT
# On the sick host itself: murphy answers within 5 s with what it can get.
# sick.sh MURPHY: no process may be started, memory is nearly used up, 200 tasks want the CPUs, a quota, /proc
# hides what is not ours, a neighbour is stopped, no disk space. Each in a group or namespace of its own.
set -u
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root for control groups"; exit 77; }
murphy=$1 dir=$(mktemp -d) failed=0 skipped='' stopped=''
trap 'end' EXIT

# shellcheck disable=SC2317 # the trap calls it
end()
{
	[ -z "$stopped" ] || kill -KILL "$stopped"
	umount "$dir/full" 2>/dev/null
	for group in "$dir"/group.*; do
		[ -h "$group" ] || continue
		tries=0
		while ! rmdir "$(readlink "$group")" 2>/dev/null && [ "$tries" -lt 50 ]; do
			tries=$((tries + 1))
			sleep 0.1
		done
	done
	rm -rf "$dir"
}

# group CONTROLLER [FILE VALUE]: a new control group, whose path is $group. False where none can be made.
group()
{
	for top in "/sys/fs/cgroup/$1" /sys/fs/cgroup; do
		group=$top/murphy-test.$$.$1
		mkdir "$group" 2>/dev/null || continue
		ln -s "$group" "$dir/group.$1.${#top}"
		[ -n "${2:-}" ] || return 0
		[ -f "$group/$2" ] && echo "$3" >"$group/$2" && return
	done
	skipped="$skipped $1"
	return 1
}

# inside GROUP COMMAND...: never comes back, so that what is started with & has the pid of $!.
inside()
{
	# shellcheck disable=SC2016 # that shell's
	exec sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$@"
}

# quota GROUP: 30 ms of CPU in each second.
quota()
{
	if [ -f "$1/cpu.max" ]; then
		echo '30000 1000000' >"$1/cpu.max"
	else
		echo 1000000 >"$1/cpu.cfs_period_us" && echo 30000 >"$1/cpu.cfs_quota_us"
	fi
}

# judged NAME CODES: the report in $dir/out came in time, whole, with one of these exit codes.
judged()
{
	case " $2 " in
	*" $code "*) ;;
	*) echo "FAIL $1: exit $code: $(head -c 300 "$dir/err")"; failed=1 ;;
	esac
	wall=$(sed -n 's/.*"kind":"summary".*"wall_ns":\([0-9]*\).*/\1/p' "$dir/out")
	[ "${wall:-9999999999}" -le 5000000000 ] || { echo "FAIL $1: took ${wall:-no summary} ns"; failed=1; }
	echo "$1: exit $code in $((${wall:-0} / 1000000)) ms"
}

# state NAME TABLE WANTED
state()
{
	grep -q "\"kind\":\"source\",\"table\":\"$2\".*\"state\":\"$3\"" "$dir/out" || {
		echo "FAIL $1: $2 is not $3: $(grep "\"table\":\"$2\"" "$dir/out")"
		failed=1
	}
}

if group pids pids.max 1; then
	(inside "$group" "$murphy" --json) >"$dir/out" 2>"$dir/err"
	code=$?
	judged 'no process may be started' '1 2 3'
	# What cannot hang is read by murphy itself; the rest says why it was not.
	state 'no process may be started' meminfo ok
	state 'no process may be started' process ok
	state 'no process may be started' mount_space denied
	(inside "$group" "$murphy" capture "$dir/one.tar.zst") >"$dir/out" 2>"$dir/err"
	"$murphy" --root "$dir/one.tar.zst" --json >"$dir/out"
	code=$?
	judged 'its capture' '1 2 3'
	state 'its capture' mount_space denied
fi

limit=memory.max
[ -d /sys/fs/cgroup/memory ] && limit=memory.limit_in_bytes
if grep -q __asan_init "$murphy"; then
	echo 'ten MiB of memory: not tried, the address sanitizer alone takes more'
elif group memory $limit 10485760; then
	(inside "$group" "$murphy" --json) >"$dir/out" 2>"$dir/err"
	code=$?
	judged 'ten MiB of memory' '0 1 2 3'
	state 'ten MiB of memory' meminfo ok
	state 'ten MiB of memory' process ok
fi

# In one group with murphy, so that each of the 200 counts as much as it does.
if group cpu; then
	i=0
	while [ $i -lt 200 ]; do
		inside "$group" timeout --foreground -s KILL 30 sh -c 'while :; do :; done' &
		i=$((i + 1))
	done
	(inside "$group" "$murphy" --json) >"$dir/out" 2>"$dir/err"
	code=$?
	# shellcheck disable=SC2046 # a list
	kill -KILL $(cat "$group/cgroup.procs")
	wait
	judged 'load 200' '0 1 2 3'
	# A child of murphy that is given no CPU asked no file system: none hangs for that.
	if grep -q __asan_init "$murphy"; then
		echo 'little CPU: not tried, the address sanitizer alone takes more'
	elif quota "$group"; then
		i=0
		while [ $i -lt 5 ]; do
			(inside "$group" "$murphy" --json --only io.stuck --for 0.1) >"$dir/out" 2>"$dir/err"
			code=$?
			judged '30 ms of CPU a second' '0 3'
			i=$((i + 1))
		done
	fi
fi

sleep 60 &
stopped=$!
kill -STOP $stopped
"$murphy" --json >"$dir/out" 2>"$dir/err"
code=$?
kill -KILL $stopped
stopped=''
judged 'a stopped neighbour' '0 1 2 3'
state 'a stopped neighbour' process ok

mkdir "$dir/full"
if mount -t tmpfs -o size=64k none "$dir/full"; then
	"$murphy" capture "$dir/full/x.tar.zst" >"$dir/out" 2>"$dir/err"
	code=$?
	if [ $code != 70 ] || ! grep -q 'No space left' "$dir/err"; then
		echo "FAIL no disk space: exit $code: $(head -c 300 "$dir/err")"
		failed=1
	fi
	[ -z "$(ls "$dir/full")" ] || { echo "FAIL no disk space: left $(ls "$dir/full")"; failed=1; }
fi

# As nobody, with other users' processes hidden.
# shellcheck disable=SC2016 # that shell's
if unshare --mount --propagation private sh -c \
	'mount -t proc -o hidepid=2 none /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$0" --json' \
	"$murphy" >"$dir/out" 2>"$dir/err"; then
	code=0
else
	code=$?
fi
judged 'hidden /proc, as nobody' '0 1 2 3'
state 'hidden /proc, as nobody' meminfo ok

[ -z "$skipped" ] || echo "not tried, no control group could be made:$skipped"
exit $failed
