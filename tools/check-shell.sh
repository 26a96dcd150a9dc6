#!/bin/sh
# SPDX-License-Identifier: MIT
# No finding of shellcheck in the shell scripts; they need no more than a POSIX shell.
set -eu
if ! command -v shellcheck >/dev/null 2>&1; then
	echo 'no shellcheck here'
	exit 77
fi
find run test .ci/run tools tests bench -type f \( -name '*.sh' -o -name run -o -name test \) \
	-exec shellcheck -x -P SCRIPTDIR -e SC2015,SC2034,SC2317,SC3045 {} +
