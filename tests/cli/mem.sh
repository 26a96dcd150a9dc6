#!/bin/sh
# SPDX-License-Identifier: MIT
# murphy mem: options, JSON, a process, a capture.
# mem.sh MURPHY
set -u
murphy=$1 dir=$(mktemp -d) failed=0
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "FAIL $*"
	failed=1
}

# expect CODES WORDS ARGS...: murphy mem ARGS exits with one of them, and stderr has WORDS
expect() {
	want=$1 words=$2
	shift 2
	timeout 60 "$murphy" mem "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	case " $want " in *" $got "*) ;; *) fail "mem $*: exit $got, not $want: $(cat "$dir/err")" ;; esac
	grep -qF -e "$words" "$dir/err" || [ -z "$words" ] || fail "mem $*: no '$words': $(cat "$dir/err")"
}

# Every line one object of a kind; the last is the account, whose rows add up to MemTotal.
valid() {
	python3 - "$1" <<'P' || fail "JSON of $2"
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert all(l["schema_version"] == 1 for l in lines)
last = lines[-1]
assert last["kind"] == "memory", last["kind"]
assert {l["kind"] for l in lines[:-1]} <= {"group", "process", "mapping", "shared"}
if last["total_bytes"] is not None:
    rows = sum(v for v in last["rows"].values() if v is not None)
    # Each is cut to whole bytes.
    assert abs(rows + last["unaccounted_bytes"] - last["total_bytes"]) < 64, rows
FIELDS = ("rss_bytes", "pss_bytes", "pss_error_bytes", "uss_bytes", "swap_bytes", "page_tables_bytes", "method", "age_ns")
for l in lines[:-1]:
    if l["kind"] in ("group", "process"):
        assert all(f in l for f in FIELDS), l
P
}

expect 64 "not 'bogus'" --by bogus
expect 64 "not 'bogus'" --sort bogus
expect 64 "not 'x'" --top x
expect 64 "sorted by pss, rss, processes or name" --shared --sort swap
expect 64 "not by 'exclusive'" --sort exclusive 1
expect 64 "is no PID" 0
expect 64 "is no PID" nginx
expect 64 "one PID" 1 2
expect 64 "no --by" --by user 1
expect 64 "no --by" --shared 1
expect 64 "there is no process 99999999" 99999999
expect 64 "no --watch" --root / --watch
expect 64 "--watch" --every 3
expect 64 "0.1 to 86400 seconds" --watch --every 0
expect 64 "No such file" --root "$dir/none"
expect 64 "not 'blue'" --color blue
for by in executable name cgroup unit user session parent process; do
	expect "0 3" "" --json --by $by
	valid "$dir/out" "--by $by"
	grep -q "\"by\":\"$by\"" "$dir/out" || fail "--by $by: no such group"
done
expect "0 3" "" --json --shared
valid "$dir/out" --shared
expect "0 3" "" --json --exact --top 3
valid "$dir/out" --exact
[ "$(grep -c '"kind":"group"' "$dir/out")" -le 3 ] || fail "--top 3: more than three groups"
expect "0 3" "" --json $$
valid "$dir/out" "a PID"
grep -q "\"kind\":\"process\",\"name\":\"[a-z.]*\",\"pid\":$$" "$dir/out" || fail "mem $$: not in it"
grep -q '"kind":"mapping".*"path":"\[stack\]".*"pss_bytes":[1-9]' "$dir/out" || fail "mem $$: no stack"
expect "0 3" ""
grep -q 'MemTotal$' "$dir/out" || fail "no total"
grep -q "$(printf '\033')" "$dir/out" && fail "colours in a file"
NO_COLOR=1 expect "0 3" "" --color always
# Again and again, until nobody reads.
timeout 20 "$murphy" mem --json --watch --every 0.1 | grep -m 3 -c '"kind":"memory"' >"$dir/out"
[ "$(cat "$dir/out")" = 3 ] || fail "--watch: $(cat "$dir/out") looks"
# A capture tells the same of the kernel, and of processes what it kept.
"$murphy" capture "$dir/c.tar.zst" --for 0.2 >/dev/null 2>&1
expect "0 3" "" --root "$dir/c.tar.zst" --json
valid "$dir/out" "a capture"
expect "0 3" "" --root "$dir/c.tar.zst" --json $$
valid "$dir/out" "a process of a capture"
expect 64 "there is no process 99999999" --root "$dir/c.tar.zst" 99999999
# Of a tree that holds next to nothing.
mkdir -p "$dir/empty/proc"
echo 'Linux version 6.1.0' >"$dir/empty/proc/version"
expect 3 "processes cannot be listed" --root "$dir/empty"
exit $failed
