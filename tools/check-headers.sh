#!/bin/sh
# SPDX-License-Identifier: MIT
# check-headers.sh BUILD: every header, written or generated, compiles alone with each compiler.
set -eu
bad=0
compilers=
for cc in gcc clang; do
	command -v $cc >/dev/null 2>&1 && compilers="$compilers $cc"
done
for header in $(find src tests fuzz -name '*.h' ! -name '*.bpf.h') $(find "$1"/src -name '*.h'); do
	for cc in $compilers; do
		# As C code, from a file that includes nothing else: guards against unused are off.
		echo "#include \"$header\"" | $cc -std=gnu17 -fsyntax-only -Wall -Wextra -Werror \
			-Wstrict-prototypes -Wno-unused-parameter -Wno-missing-field-initializers \
			-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DMURPHY_SOURCE_ROOT='"."' -I. -Isrc -I"$1"/src \
			-include src/base/banned.h -x c - || {
			echo "$header does not compile alone with $cc"
			bad=1
		}
	done
done
exit $bad
