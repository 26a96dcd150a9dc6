#!/bin/sh
# SPDX-License-Identifier: MIT
# matrix.sh: what ./test --all runs: compilers x (plain, sanitized) x (tests, labs), failing calls,
# fuzzers for a while, the guest, a clean Debian. Writes tests/MATRIX.md. Seconds that each fuzzer
# gets: FUZZ=30. Only some cells: CELLS=REGEX; the others keep their row, whose commit and date tell
# how old it is.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/steps.sh
. tools/steps.sh

mkdir -p build-results
results=$PWD/build-results/matrix
: >"$results"
table=$PWD/build-results/matrix.table
notes=$PWD/build-results/matrix.notes
: >"$table"
: >"$notes"
old=$PWD/tests/MATRIX.md
commit=$(git rev-parse --short HEAD 2>/dev/null || echo none)

# cell NAME FUNCTION ARGS: runs it and adds a row to the table with what was counted for it, and
# what failed or was skipped to the notes.
cell()
{
	cell_name=$1
	shift
	if ! echo "$cell_name" | grep -qE "${CELLS:-.}"; then
		grep -F "| $cell_name | " "$old" >>"$table" 2>/dev/null ||
			echo "| $cell_name | not run | | | |" >>"$table"
		grep -F -- "- $cell_name: " "$old" >>"$notes" 2>/dev/null || true
		return
	fi
	echo "== $cell_name"
	before=$(wc -l <"$results")
	started=$(date +%s)
	"$@"
	tail -n "+$((before + 1))" "$results" >"$results.cell"
	python3 tools/count-results.py "$results.cell" >"$results.counted" || true
	sed '$d' "$results.counted" | sed "s|^|- $cell_name: |" >>"$notes"
	echo "| $cell_name | $(tail -n 1 "$results.counted") | $(($(date +%s) - started)) s |" \
		"$commit | $(date -u '+%Y-%m-%d %H:%M') |" >>"$table"
}

# tree NAME COMPILER [MESON OPTIONS]: its tests, then its labs.
tree()
{
	tree_name=$1
	tree_cc=$2
	shift 2
	dir=build-matrix-$tree_name
	CC=$tree_cc configure "$tree_name" "$dir" -Dtests=enabled -Dwerror=true "$@" || return 0
	build "$tree_name" "$dir" || return 0
	run_tests "$tree_name" "$dir" --timeout-multiplier 3
	labs "$tree_name" "$dir"
}

sanitize='-Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fno-sanitize-recover=all'
cell 'gcc' tree gcc gcc
cell 'clang' tree clang clang
# shellcheck disable=SC2086 # a list
cell 'gcc, ASan + UBSan' tree gcc-asan gcc $sanitize
# shellcheck disable=SC2086
cell 'clang, ASan + UBSan' tree clang-asan clang $sanitize
cell 'gcc, -O3, LTO' tree gcc-lto gcc -Doptimization=3 -Db_lto=true
cell 'gcc, no optional library' tree gcc-bare gcc -Dauto_features=disabled
cell 'gates' step_lint 225000
cell 'failing calls, coverage' step_cover
cell "fuzzers, ${FUZZ:-30} s each" gate fuzz run tools/fuzz.sh "${FUZZ:-30}"
cell 'guest: Debian cloud kernel, cgroup v2' guest_labs guest build-matrix-gcc
cell 'clean Debian: ./run, ./test' gate clean run tests/clean/debootstrap.sh

{
	echo '# The long matrix'
	echo
	echo 'Written by ./test --all; do not edit. Times are UTC.'
	echo
	echo "- Linux $(uname -r), $(uname -m), $(nproc) CPUs"
	echo "- $(gcc --version | head -n 1); $(clang --version | head -n 1)"
	echo "- the guest's: Linux $(sed -n 's/^guest is Linux \([^ ,]*\).*/\1/p' build-results/matrix.guest 2>/dev/null | head -n 1)"
	echo
	echo '| what | result | took | commit | when |'
	echo '|---|---|---|---|---|'
	cat "$table"
	if [ -s "$notes" ]; then
		echo
		echo 'What failed or was skipped:'
		echo
		cat "$notes"
	fi
} >"$old.new"
mv "$old.new" "$old"
python3 tools/count-results.py "$results"
