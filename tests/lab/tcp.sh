#!/bin/sh
# SPDX-License-Identifier: MIT
# tcp.sh MURPHY-LAB MURPHY [LAB...]: the verdicts of murphy tcp against the truth.
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi
exec python3 "$(dirname "$0")/tcp.py" "$@"
