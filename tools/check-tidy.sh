#!/bin/sh
# SPDX-License-Identifier: MIT
# check-tidy.sh BUILD: clang-tidy finds nothing in what that build compiles (.clang-tidy says what
# is looked for). Not in x_bpf.c, which consist of bpftool's generated code.
set -eu
if ! command -v clang-tidy >/dev/null 2>&1; then
	echo 'no clang-tidy here'
	exit 77
fi
find src -name '*.c' ! -name '*.bpf.c' ! -name '*_bpf.c' | sort |
	xargs -n 4 -P 2 clang-tidy --quiet -p "$1" --warnings-as-errors='*' \
		--extra-arg=-Wno-unknown-warning-option 2>/dev/null
