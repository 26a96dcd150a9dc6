#!/bin/sh
# SPDX-License-Identifier: MIT
# check-cppcheck.sh BUILD: cppcheck finds nothing. What is suppressed, and why:
#   normalCheckLevelMaxBranches  a remark about its own depth
#   missingInclude*              system headers are not its business
#   unknownMacro                 it does not read the .def files behind the list macros
#   nullPointerRedundantCheck    table_each() bears a table that is not there
set -eu
if ! command -v cppcheck >/dev/null 2>&1; then
	echo 'no cppcheck here'
	exit 77
fi
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j 2 \
	--enable=warning,performance,portability \
	--suppress=missingInclude --suppress=missingIncludeSystem \
	--suppress=unknownMacro --suppress=nullPointerRedundantCheck --template=gcc \
	-D_GNU_SOURCE -I src -I . -I "$1/src" src
