#!/bin/sh
# SPDX-License-Identifier: MIT
# undo.sh MURPHY-LAB: whoever of a lab's processes is killed, nothing of the lab is left: no
# process, mount, control group, loop device, knob, folder.
set -u
lab=$1
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi
passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# Everything that a lab may leave, in a stable order. $1: the lab.
left()
{
	grep "murphy-lab\.$1\." /proc/self/mounts
	find /sys/fs/cgroup -maxdepth 3 -name "murphy-lab.$1.*" 2>/dev/null
	find /var/tmp -maxdepth 1 -name "murphy-lab.$1.*"
	find /sys/block -maxdepth 3 -path '*/loop/backing_file' -exec grep -H "murphy-lab.$1" {} + 2>/dev/null
	ls /run/murphy-lab.*.undo 2>/dev/null
	pgrep -l '^lab-'
	grep -l 'MURPHY_LAB=' /proc/[0-9]*/environ 2>/dev/null
}

# Knobs of all backing devices, the root's throttles, memory: must be as they were.
knobs()
{
	cat /sys/class/bdi/7:*/strict_limit /sys/class/bdi/7:*/max_ratio 2>/dev/null
	cat /sys/fs/cgroup/blkio/blkio.throttle.write_bps_device 2>/dev/null
	cat /sys/kernel/mm/ksm/run /sys/kernel/mm/ksm/pages_to_scan /proc/sys/vm/nr_hugepages \
		/sys/kernel/mm/transparent_hugepage/shmem_enabled /proc/swaps 2>/dev/null
}

# Within 10 s. $1: the lab.
nothing_left()
{
	i=0
	while [ -n "$(left "$1")" ] && [ $i -lt 100 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	[ -z "$(left "$1")" ]
}

children_of()
{
	pgrep -P "$1"
}

# The processes of undo.h: murphy-lab, its keeper, the keeper's body.
who()
{
	keeper=$(children_of "$pid" | head -n 1)
	case $1 in
	main) echo "$pid" ;;
	keeper) echo "$keeper" ;;
	body) children_of "$keeper" | head -n 1 ;;
	all) echo "$pid $keeper $(children_of "$keeper" | head -n 1)" ;;
	warden) echo "$(pgrep -x lab-warden) $(who all)" ;;
	esac
}

# try LAB SIGNAL WHO
try()
{
	before=$(knobs)
	# Emptied here: the child empties it too late for the first look, which then reads the last lab's "ready".
	: >"$out"
	"$lab" run "$1" --for 60 >"$out" 2>&1 &
	pid=$!
	i=0
	while kill -0 "$pid" 2>/dev/null && ! grep -q '^ready\|^skipped' "$out" && [ $i -lt 900 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if ! grep -q '^ready' "$out"; then
		wait "$pid"
		if grep -q '^skipped' "$out"; then
			echo "skipped  $1: $(tail -n 1 "$out")"
			skipped=$((skipped + 1))
		else
			echo "FAILED   $1 was not ready after $((i / 10)) s: $(tail -n 3 "$out")"
			failed=$((failed + 1))
		fi
		return
	fi
	# shellcheck disable=SC2046 # one or three
	kill -"$2" $(who "$3")
	wait "$pid" 2>/dev/null
	if [ "$3" = warden ]; then
		# Nobody was left to undo: the next murphy-lab does, when the last has let go of the list.
		sleep 1
		"$lab" run idle --for 1 >/dev/null
	fi
	if ! nothing_left "$1" || [ "$(knobs)" != "$before" ]; then
		echo "FAILED   $1, $2 to $3; left:"
		left "$1"
		[ "$(knobs)" = "$before" ] || echo 'knobs are not as they were'
		failed=$((failed + 1))
	else
		echo "ok       $1, $2 to $3"
		passed=$((passed + 1))
	fi
}

# Two labs do not disturb one another: the second waits, and a killed first holds up nobody.
turns()
{
	"$lab" run idle --for 60 >/dev/null &
	first=$!
	i=0
	until [ -e /run/murphy-lab.$first.undo ] || [ $i -gt 100 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	"$lab" run idle --for 1 >/dev/null 2>"$out" &
	second=$!
	i=0
	until grep -q "waits until murphy-lab of pid $first " "$out" || [ $i -gt 100 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	kill -KILL $first
	wait $first
	if grep -q "waits until" "$out" && wait $second && nothing_left idle; then
		echo 'ok       the second waits its turn'
		passed=$((passed + 1))
	else
		echo "FAILED   the second did not wait its turn: $(cat "$out")"
		failed=$((failed + 1))
	fi
}

turns
for victim in main keeper body all warden; do
	try d-state KILL $victim
done
for name in dirty-limit hung-mount memcg-limit cpu-throttled tmpfs-small close-wait mem-shapes; do
	try $name KILL main
done
try dirty-limit KILL all
try nginx KILL all
try postgres KILL all
try postgres KILL main
try postgres INT main
try d-state TERM main
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
