#!/bin/sh
# SPDX-License-Identifier: MIT
# murphy tcp join of two hosts (network namespaces) whose connections come and go: no false disagreement.
# tcp-join.sh [--write] [--joins N]; needs root, build/murphy or MURPHY. --write puts it into RESULTS.md too.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "tcp-join: only root makes network namespaces" >&2; exit 77; }
exec python3 "$top/bench/tcp_join.py" "$top" "$@"
