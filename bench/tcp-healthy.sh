#!/bin/sh
# SPDX-License-Identifier: MIT
# Real servers under load on loopback, in a network namespace of their own: murphy tcp must find nothing wrong.
# tcp-healthy.sh [--write] [--scale F] [keep_alive|close_each|large|redis|postgres|queue]...; needs root. Takes what is
# installed of nginx, wrk, redis-server, redis-tools, postgresql. --write puts what it prints into RESULTS.md too.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "tcp-healthy: a network namespace of its own takes root" >&2; exit 77; }
# shellcheck disable=SC2016
exec unshare --net sh -c 'ip link set lo up && exec python3 "$0" "$@"' "$top/bench/tcp_healthy.py" "$top" "$@"
