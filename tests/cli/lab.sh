#!/bin/sh
# SPDX-License-Identifier: MIT
# What needs no privilege of the labs: they are listed, for people and as JSON; wrong usage is said.
# lab.sh MURPHY-LAB
set -u
lab=$1 dir=$(mktemp -d) failed=0
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "FAIL $*"
	failed=1
}

timeout 20 "$lab" list >"$dir/text" || fail "list: exit $?"
timeout 20 "$lab" list --json >"$dir/json" || fail "list --json: exit $?"
python3 - "$dir/text" "$dir/json" <<'END' || fail 'list and list --json differ'
import json
import sys

text = [line.split()[0] for line in open(sys.argv[1]) if not line.startswith(" ")]
rows = [json.loads(line) for line in open(sys.argv[2])]
assert len(text) > 50 and text == [row["name"] for row in rows]
for row in rows:
    assert row["schema_version"] == 1 and row["kind"] == "lab", row
    assert row["want"] is None or "." in row["want"], row
    assert all("." in other for other in row["also"]), row
    assert isinstance(row["root"], bool) and row["story"] and row["bounds"], row
assert any(row["also"] for row in rows) and any(row["guest"] for row in rows)
assert any(row["want"] is None for row in rows)
END
for args in '' 'bogus' 'list bogus' 'run' 'show' 'show bogus' 'run mem-shared --for bogus'; do
	# shellcheck disable=SC2086 # words
	timeout 20 "$lab" $args >"$dir/out" 2>"$dir/err"
	code=$?
	[ $code = 64 ] || fail "murphy-lab $args: exit $code, not 64"
	[ -s "$dir/err" ] || fail "murphy-lab $args: nothing is said"
done
exit $failed
