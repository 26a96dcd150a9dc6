#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh SECONDS [NAME]: every fuzzer of build-fuzz (or one) for so long, two at a time; 0 only
# replays the corpora. New inputs stay in build-fuzz/corpus/NAME, what crashes in
# build-fuzz/crash/NAME-*. Exit code 1 when one of them crashed.
set -eu
seconds=${1:-60}
build="build-fuzz"

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
	if "$build/fuzz/fuzz-$1" -max_len=65536 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		"-artifact_prefix=$build/crash/$1-" "$limit" "$build/corpus/$1" "fuzz/corpus/$1" \
		>"$build/log/$1" 2>&1; then
		echo "ok    $1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/log/$1") runs"
	else
		echo "CRASH $1"
		tail -n 40 "$build/log/$1"
		: >"$build/crash/failed"
	fi
}

names=${2:-$(find "$build/fuzz" -maxdepth 1 -type f -name 'fuzz-*' | sed 's/.*fuzz-//' | sort)}
[ -n "$names" ]
running=0
for name in $names; do
	fuzz_one "$name" &
	running=$((running + 1))
	if [ $running = 2 ]; then
		wait
		running=0
	fi
done
wait
[ ! -e "$build/crash/failed" ]
