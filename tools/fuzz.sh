#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh SECONDS [NAME...]: every fuzzer of build-fuzz (or some) for so long, two at a time (or
# FUZZ_JOBS); 0 only replays the corpora. New inputs stay in build-fuzz/corpus/NAME, what crashes in
# build-fuzz/crash/NAME-*; FUZZ_BUILD: another build with -Dfuzz=true. Exit code 1 when one of them
# crashed. What survived ten minutes or more gets its row in fuzz/RESULTS.md.
set -eu
seconds=${1:-60}
[ $# = 0 ] || shift
build=${FUZZ_BUILD:-build-fuzz}
long=600
jobs=${FUZZ_JOBS:-2}

if ! command -v clang >/dev/null 2>&1; then
	echo 'no clang here'
	exit 77
fi
[ -f "$build/build.ninja" ] ||
	CC=clang meson setup -Dfuzz=true -Dtests=disabled -Db_lundef=false "$build" >/dev/null
ninja -j 2 -C "$build" --quiet fuzzers >/dev/null
mkdir -p "$build/crash" "$build/log"
rm -f "$build/crash/failed"

fuzz_one()
{
	limit=-max_total_time=$seconds
	[ "$seconds" != 0 ] || limit=-runs=0
	mkdir -p "$build/corpus/$1"
	rm -f "$build/log/$1.ok"
	if "$build/fuzz/fuzz-$1" -max_len=65536 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		"-artifact_prefix=$build/crash/$1-" "$limit" "$build/corpus/$1" "fuzz/corpus/$1" \
		>"$build/log/$1" 2>&1; then
		: >"$build/log/$1.ok"
		echo "ok    $1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/log/$1") runs"
	else
		echo "CRASH $1"
		tail -n 40 "$build/log/$1"
		: >"$build/crash/failed"
	fi
	times >"$build/log/$1.times"
}

# cpu_seconds NAME: what its fuzzer used; beside other work that is less than the time it ran.
cpu_seconds()
{
	sed -n '2s/[ms]/ /gp' "$build/log/$1.times" | awk '{ printf "%.0f", ($1 + $3) * 60 + $2 + $4 }'
}

# survived NAME: its row in fuzz/RESULTS.md.
survived()
{
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/log/$1")
	if [ "$seconds" -lt $long ] || [ -z "$runs" ]; then
		return
	fi
	results=fuzz/RESULTS.md
	{
		echo '# Parsers that survived their fuzzer for ten minutes or more'
		echo
		echo 'Written by tools/fuzz.sh; do not edit. clang, libFuzzer, ASan and UBSan. CPU: what each got'
		echo 'of its time, for other work may have run beside it.'
		echo
		echo '| parser | seconds | CPU s | inputs run | commit | day |'
		echo '|---|---|---|---|---|---|'
		{
			[ ! -f $results ] || grep '^| [a-z]' $results | grep -v '^| parser ' |
				grep -vF "| $1 | " || true
			echo "| $1 | $seconds | $(cpu_seconds "$1") | $runs | $(git rev-parse --short HEAD) | $(date -u +%Y-%m-%d) |"
		} | LC_ALL=C sort
	} >$results.new
	mv $results.new $results
}

names=${*:-$(find "$build/fuzz" -maxdepth 1 -type f -name 'fuzz-*' | sed 's/.*fuzz-//' | sort)}
[ -n "$names" ]
# shellcheck disable=SC2086 # one word each
set -- $names
while [ $# -gt 0 ]; do
	now=
	n=0
	while [ $# -gt 0 ] && [ $n -lt "$jobs" ]; do
		fuzz_one "$1" &
		now="$now $1"
		n=$((n + 1))
		shift
	done
	wait
	for done in $now; do
		[ ! -f "$build/log/$done.ok" ] || survived "$done"
	done
done
[ ! -e "$build/crash/failed" ]
