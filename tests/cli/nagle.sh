#!/bin/sh
# SPDX-License-Identifier: MIT
# murphy tcp nagle: options, exit codes, and without the right to trace.
# nagle.sh MURPHY
set -u
murphy=$1 dir=$(mktemp -d) failed=0
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "FAIL $*"
	failed=1
}

# expect CODES WORDS ARGS...: murphy tcp nagle ARGS exits with one of them, and stderr has WORDS
expect() {
	want=$1 words=$2
	shift 2
	timeout 60 "$murphy" tcp nagle "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	case " $want " in *" $got "*) ;; *) fail "$*: exit $got, not $want: $(cat "$dir/err")" ;; esac
	grep -qF -e "$words" "$dir/err" || [ -z "$words" ] || fail "$*: no '$words': $(cat "$dir/err")"
}

expect 64 "0.1 to 3600 seconds, not '0'" --for 0
expect 64 "0.1 to 3600 seconds, not 'x'" --for x
expect 64 "1 to 65535, not '0'" --port 0
expect 64 "1 to 65535, not 'http'" --port http
expect 64 "not '-1'" --pid -1
expect 64 "not 'x'" --top x
expect 64 "not 'blue'" --color blue
expect 64 "it takes no operands" nginx
expect 64 "cannot be traced" --root /
expect 64 "there is no process 2147483647" --pid 2147483647
expect "0 1 3" "" --for 0.1 --json
[ "$(tail -n 1 "$dir/out" | grep -c '"kind":"nagle_watch"')" = 1 ] || fail "no nagle_watch at the end"
python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' "$dir/out" || fail "JSON"
expect "0 1 3" "" --for 0.1
[ "$got" = 3 ] || grep -q 'over TCP in all' "$dir/out" || fail "how many sends were seen is not told"
grep -q "$(printf '\033')" "$dir/out" && fail "colours in a file"
# Whoever may not trace is told what is lacking, at once and not after the time.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	began=$(date +%s)
	setpriv --reuid 65534 --clear-groups timeout 60 "$murphy" tcp nagle --for 50 --json >"$dir/out" 2>"$dir/err"
	got=$?
	[ $got = 3 ] || fail "without rights: exit $got"
	[ $(($(date +%s) - began)) -lt 20 ] || fail "without rights it waited"
	grep -q 'CAP_BPF and CAP_PERFMON\|not built into\|no BTF' "$dir/err" || fail "without rights: $(cat "$dir/err")"
	grep -q '"stalls":null' "$dir/out" || fail "what was not watched is not null: $(cat "$dir/out")"
fi
exit $failed
