#!/bin/sh
# SPDX-License-Identifier: MIT
# check-tidy.sh BUILD [NODES]: clang-tidy finds nothing in what that build compiles (.clang-tidy says
# what is looked for). Not in x_bpf.c, which consist of bpftool's generated code.
# NODES: how many states of a function clang's analyzer may visit. Its own limit is 225000; with 20000
# it takes a third of the time, and only leaves the largest functions before their end.
set -eu
if ! command -v clang-tidy >/dev/null 2>&1; then
	echo 'no clang-tidy here'
	exit 77
fi
work=$1/tidy
mkdir -p "$work"
# The same commands without what only gcc knows.
sed 's/ -fanalyzer//g' "$1/compile_commands.json" >"$work/compile_commands.json"
code=0
find src -name '*.c' ! -name '*.bpf.c' ! -name '*_bpf.c' | sort |
	xargs -n 4 -P 2 clang-tidy --quiet -p "$work" --warnings-as-errors='*' \
		--extra-arg=-Wno-unknown-warning-option \
		--extra-arg=-Xclang --extra-arg=-analyzer-config \
		--extra-arg=-Xclang --extra-arg="max-nodes=${2:-225000}" >"$work/log" 2>/dev/null || code=1
[ $code = 0 ] && exit
# How it comes to an error takes pages: the errors themselves come last.
cat "$work/log"
echo 'clang-tidy, in short:'
grep -aE ': (error|warning): ' "$work/log" | sort -u
exit 1
