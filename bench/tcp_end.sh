#!/bin/sh
# SPDX-License-Identifier: MIT
# When TCP connections end: what murphy predicts from one dump against what the kernel then does.
# tcp_end.sh [--write] [--each N] [--dump FILE] [PART...]; needs root and iproute2. Parts:
#   short     settings that make it quick, in network namespaces: 3 minutes (without a part: this)
#   default   the kernel's own settings, a connection of each kind: 20 minutes
# --each N: connections of each kind and variant. --dump FILE: all predictions, JSON lines.
# --write puts what it prints into RESULTS.md too.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
command -v ip >/dev/null || { echo "tcp_end: ip is not here: apt-get install iproute2" >&2; exit 69; }
[ "$(id -u)" = 0 ] || { echo "tcp_end: only root makes network namespaces" >&2; exit 77; }
exec python3 "$top/bench/tcp_end.py" "$top" "$@"
