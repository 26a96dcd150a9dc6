#!/bin/sh
# SPDX-License-Identifier: MIT
# What murphy tcp nagle sees, what it takes for what it is not, and what it costs others.
# tcp_nagle.sh [--write] [--rounds N] [PART...]; needs root. Parts (all of them else):
#   stalls    at 1 to 1000 questions a second: stalls traced, against late answers as the client counts them
#   healthy   stalls in five million sends of programs that do it right
#   cost      a round trip over loopback with and without tracing, in turn
# --write puts what it prints into RESULTS.md too.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "tcp_nagle: only root may trace" >&2; exit 77; }
exec python3 "$top/bench/tcp_nagle.py" "$top" "$@"
