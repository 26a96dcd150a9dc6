#!/bin/sh
# SPDX-License-Identifier: MIT
# What a diagnosis costs, against the checklist that a person would type, on a host with 600 extra
# processes and 10,000 TCP sockets. diagnose.sh [ROUNDS]; needs root, sysstat and procps.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
for tool in mpstat pidstat iostat sar vmstat slabtop top ss; do
	command -v $tool >/dev/null || { echo "diagnose: $tool is not here: apt-get install sysstat procps iproute2" >&2; exit 69; }
done
exec python3 "$top/bench/diagnose.py" "$top/build/murphy" "${1:-7}"
