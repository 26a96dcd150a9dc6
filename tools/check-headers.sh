#!/bin/sh
# SPDX-License-Identifier: MIT
# check-headers.sh BUILD: every header, written or generated, compiles alone with each compiler.
set -eu
# check COMPILER
check()
{
	bad=0
	for header in $headers; do
		# As C code, from a file that includes nothing else: guards against unused are off.
		echo "#include \"$header\"" | "$1" -std=gnu17 -fsyntax-only -Wall -Wextra -Werror \
			-Wstrict-prototypes -Wno-unused-parameter -Wno-missing-field-initializers \
			-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DMURPHY_SOURCE_ROOT='"."' -I. -Isrc -I"$build"/src \
			-include src/base/banned.h -x c - || {
			echo "$header does not compile alone with $1"
			bad=1
		}
	done
	return $bad
}

build=$1
headers=$(find src tests fuzz -name '*.h' ! -name '*.bpf.h' && find "$build"/src -name '*.h')
pids=
failed=0
for cc in gcc clang; do
	command -v $cc >/dev/null 2>&1 || continue
	check $cc &
	pids="$pids $!"
done
for pid in $pids; do
	wait "$pid" || failed=1
done
exit $failed
