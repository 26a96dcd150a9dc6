#!/bin/sh
# SPDX-License-Identifier: MIT
# murphy tcp probe: options, and that nothing is sent unasked.
# tcp-probe.sh MURPHY
set -u
murphy=$1 dir=$(mktemp -d) failed=0
trap 'rm -rf "$dir"' EXIT

# expect CODES WORDS ARGS...: murphy tcp probe ARGS exits with one of them, and stderr has WORDS
expect() {
	want=$1 words=$2
	shift 2
	timeout 60 "$murphy" tcp probe "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	case " $want " in *" $got "*) ;; *) echo "FAIL probe $*: exit $got, not $want: $(cat "$dir/err")"; failed=1 ;; esac
	grep -qF -e "$words" "$dir/err" || [ -z "$words" ] || { echo "FAIL probe $*: no '$words'"; failed=1; }
}

expect 64 "not '0'" --port 0
expect 64 "not 'x'" --max x
expect 64 "not '0'" --max 0
expect 64 "not '100001'" --max 100001
expect 64 "not '0'" --rate 0
expect 64 "not '10001'" --rate 10001
expect 64 "0.01 to 60 seconds" --wait 0
expect 64 "0 to 1e+07 seconds" --idle -1
expect 64 "not 'host'" --address host
expect 64 "not ''" --process ''
expect 64 "not 'blue'" --color blue
expect 64 "takes no operands" x
expect 64 "no option --root" --root /
# A port on which nobody is: nothing to ask, also with --send.
expect "0 3" "" --port 1
grep -q 'Would send one ACK segment' "$dir/out" || { echo 'FAIL it does not say what it would send'; failed=1; }
expect "0 3" "" --port 1 --send --json
grep -q '"kind":"probes","sent":true,"connections":0,' "$dir/out" || { echo "FAIL $(cat "$dir/out")"; failed=1; }
exit $failed
