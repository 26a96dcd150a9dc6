#!/bin/sh
# SPDX-License-Identifier: MIT
# tcp-join.sh MURPHY: two hosts whose connections went wrong in known ways are joined.
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi
exec python3 "$(dirname "$0")/tcp_join.py" "$@"
