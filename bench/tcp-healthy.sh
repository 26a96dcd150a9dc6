#!/bin/sh
# SPDX-License-Identifier: MIT
# Real servers under load, in namespaces of their own, on loopback and (far_) behind a wire of 40 ms: murphy tcp must
# find nothing wrong. tcp-healthy.sh [--write] [--scale F] [keep_alive|close_each|large|redis|postgres|queue|
# far_keep_alive|far_close|far_large|ssh|far_ssh]...; needs root. Takes what is installed of nginx, wrk, redis-server,
# redis-tools, postgresql, openssh-server. --write puts what it prints into RESULTS.md too.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "tcp-healthy: a network namespace of its own takes root" >&2; exit 77; }
# shellcheck disable=SC2016
exec unshare --net --pid --fork --mount-proc --kill-child sh -c 'ip link set lo up && exec python3 "$0" "$@"' "$top/bench/tcp_healthy.py" "$top" "$@"
