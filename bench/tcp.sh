#!/bin/sh
# SPDX-License-Identifier: MIT
# Every TCP socket judged, murphy tcp against ss, by CPU seconds at 20,000, 100,000 and 400,000 sockets on loopback.
# tcp.sh [--write] [--rounds N] [SOCKETS...]; needs root and ss; ss -p at 400,000 sockets takes minutes.
# --write puts what it prints into RESULTS.md too.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
command -v ss >/dev/null || { echo "tcp: ss is not here: apt-get install iproute2" >&2; exit 69; }
[ "$(id -u)" = 0 ] || { echo "tcp: a network namespace of its own takes root" >&2; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
${CC:-cc} -O2 -Wall -o "$work/tcp_load" "$top/bench/tcp_load.c"
${CC:-cc} -O2 -Wall -o "$work/fd_walk" "$top/bench/fd_walk.c"
# What is measured is in the namespace too: ss sees no other.
# shellcheck disable=SC2016
unshare --net sh -c 'ip link set lo up && exec python3 "$0" "$@"' "$top/bench/tcp.py" "$top" "$work" "$@"
