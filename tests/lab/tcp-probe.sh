#!/bin/sh
# SPDX-License-Identifier: MIT
# tcp-probe.sh MURPHY [CONNECTIONS]: peers of idle connections are asked; all answers are right, nothing is harmed.
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi
exec python3 "$(dirname "$0")/tcp_probe.py" "$@"
