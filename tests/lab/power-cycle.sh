#!/bin/sh
# SPDX-License-Identifier: MIT
# power-cycle.sh MURPHY_LAB MURPHY: a peer that is a real machine (a guest) loses its power and comes back.
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi
# murphy sees no other network, and nothing outlives the first process.
exec unshare --net --pid --fork --kill-child --mount-proc python3 "$(dirname "$0")/power_cycle.py" "$@"
