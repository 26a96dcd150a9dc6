#!/bin/sh
# SPDX-License-Identifier: MIT
# nagle.sh MURPHY-LAB MURPHY: of small writes that wait for delayed ACKs murphy tcp nagle names the process, its
# peer, the sizes and who delays; of the same with TCP_NODELAY or in one write it has nothing.
set -u
lab=$1 murphy=$2 here=$(dirname "$0") dir=$(mktemp -d) pid='' failed=0
trap '[ -z "$pid" ] || { kill -INT "$pid" && wait "$pid"; } 2>/dev/null; rm -rf "$dir"' EXIT
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi

# begin LAB: until it is ready.
begin()
{
	: >"$dir/log"
	"$lab" run "$1" --for 60 >"$dir/log" 2>&1 &
	pid=$!
	i=0
	until grep -q '^ready' "$dir/log" || ! kill -0 "$pid" 2>/dev/null || [ $i -ge 900 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if ! grep -q '^ready' "$dir/log"; then
		wait "$pid"
		code=$?
		pid=
		cat "$dir/log"
		[ $code = 77 ] && exit 77
		exit 1
	fi
}

for name in nagle nagle-nodelay nagle-writev; do
	begin "$name"
	timeout 60 "$murphy" tcp nagle --for 2 --json >"$dir/out" 2>"$dir/err"
	code=$?
	kill -INT "$pid"
	wait "$pid"
	pid=
	if grep -q '"state":"absent"' "$dir/out"; then
		echo "this murphy or kernel cannot trace: $(cat "$dir/err")"
		exit 77
	fi
	if python3 "$here/nagle.py" "$name" "$code" "$dir/out" "$dir/log"; then
		echo "ok    $name"
	else
		echo "FAIL  $name: exit $code $(cat "$dir/err")"
		failed=1
	fi
done
exit $failed
