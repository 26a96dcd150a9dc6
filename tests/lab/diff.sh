#!/bin/sh
# SPDX-License-Identifier: MIT
# diff.sh MURPHY: a healthy machine and the same with a lab on it: murphy diff says the lab's
# sickness first. What else is found stands below it: the machine may have its own troubles.
set -u
murphy=$1 dir=$(mktemp -d) failed=0 tried=0 lab=
trap '[ -z "$lab" ] || kill -INT "$lab" 2>/dev/null; rm -rf "$dir"' EXIT
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi

"$murphy" capture --force "$dir/healthy.tar.zst" || exit 1
for pair in close-wait:tcp.close-wait memcg-limit:mem.cgroup cpu-throttled:cpu.throttled \
	fd-limit:proc.fd-limit; do
	name=${pair%:*} id=${pair#*:}
	: >"$dir/log"
	"$murphy" lab run "$name" --for 30 >"$dir/log" 2>&1 &
	lab=$!
	i=0
	until grep -q '^ready' "$dir/log" || ! kill -0 $lab 2>/dev/null || [ $i -ge 900 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if grep -q '^skipped' "$dir/log"; then
		skipped="$name: $(sed -n 's/^skipped: *//p' "$dir/log")"
		echo "skip  $skipped"
		lab=
		continue
	fi
	tried=1
	# As long as these need to settle.
	sleep 3
	"$murphy" capture --force "$dir/sick.tar.zst" || exit 1
	kill -INT "$lab" 2>/dev/null
	wait "$lab"
	lab=
	"$murphy" diff --json "$dir/healthy.tar.zst" "$dir/sick.tar.zst" |
		grep '"kind":"difference"' >"$dir/out"
	# Findings are equal by weight where they are equally severe.
	top=$(head -n 1 "$dir/out" | sed 's/.*"score":\([0-9.]*\).*/\1/')
	if grep -F "\"id\":\"finding\",\"of\":\"$id\"" "$dir/out" | grep -qF "\"score\":$top,"; then
		echo "ok    $name: $(grep -c . "$dir/out") differences"
	else
		echo "FAIL  $name: not first: $(cut -c 1-200 "$dir/out") $(cat "$dir/log")"
		failed=1
	fi
done
if [ $tried = 0 ]; then
	echo "no lab could run: ${skipped:-none}"
	exit 77
fi
exit $failed
