#!/bin/sh
# SPDX-License-Identifier: MIT
# True memory of processes, murphy mem against smem, ps_mem and smaps_rollup.
# mem.sh [--write] [--rounds N] [--trials N] [PART...]; needs root and smem. Parts (all of them else):
#   cpu       CPU seconds on the 600 processes of the lab mem-shared
#   accuracy  RMS error and coverage of the intervals there, against smaps_rollup
#   small     CPU seconds on 200 small Python processes
#   stall     the worst that a thread which maps and unmaps memory has to wait
#   many      10,000 sleeping processes
#   account   what is unaccounted while each healthy lab runs
#   servers   exact values of nginx, PostgreSQL and Chromium under load, against smaps_rollup
# --write puts what it prints into RESULTS.md too.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
command -v smem >/dev/null || { echo "mem: smem is not here: apt-get install smem" >&2; exit 69; }
[ "$(id -u)" = 0 ] || { echo "mem: only root sees memory of all processes" >&2; exit 77; }
exec python3 "$top/bench/mem.py" "$top" "$@"
