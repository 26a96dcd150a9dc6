#!/bin/sh
# SPDX-License-Identifier: MIT
# mem.sh MURPHY-LAB MURPHY: of memory in every shape murphy mem --exact tells what the kernel itself counts.
set -u
lab=$1 murphy=$2 here=$(dirname "$0") pid=
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi
dir=$(mktemp -d) out=$dir/out
trap '[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null; rm -rf "$dir"' EXIT
# Its own copies of its libraries: who else starts or ends on this host takes no share of them.
mkdir "$dir/lib"
ldd "$lab" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | while read -r library; do
	cp "$library" "$dir/lib"
done
LD_LIBRARY_PATH=$dir/lib "$lab" run mem-shapes --for 300 >"$out" 2>&1 &
pid=$!
i=0
until grep -q '^ready' "$out" || ! kill -0 $pid 2>/dev/null || [ $i -ge 900 ]; do
	sleep 0.1
	i=$((i + 1))
done
if ! grep -q '^ready' "$out"; then
	wait "$pid"
	code=$?
	pid=
	cat "$out"
	[ $code = 77 ] && exit 77
	exit 1
fi
grep '^no shape' "$out"
python3 "$here/mem.py" "$murphy" "$out"
