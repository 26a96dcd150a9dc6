#!/bin/sh
# SPDX-License-Identifier: MIT
# rules.sh MURPHY DOC...: rules of the house on the command line; every example in the documents is one that
# murphy can read.
set -u
murphy=$1
shift
dir=$(mktemp -d) failed=0
trap 'rm -rf "$dir"' EXIT
unset MURPHY_CONFIG

fail()
{
	echo "FAIL $*: $(cat "$dir/out" "$dir/err")"
	failed=1
}

# expect CODE WORDS ARGS...: murphy ARGS exits with CODE, and says WORDS somewhere ("": whatever it says)
expect()
{
	want=$1 words=$2
	shift 2
	timeout 20 "$murphy" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ $got -eq "$want" ] || fail "murphy $*: exit $got, not $want"
	[ -z "$words" ] || grep -qF -e "$words" "$dir/out" "$dir/err" || fail "murphy $*: no '$words'"
}

if ! "$murphy" --version | grep -q '^with  *inih'; then
	mkdir -p "$dir/c/checks.d"
	echo '[a.b]' >"$dir/c/checks.d/a.conf"
	expect 3 'without libinih' explain --config "$dir/c"
	exit $failed
fi

# The blocks of ```ini: those of known.d name it in their first line.
n=0
for doc; do
	n=$((n + 1))
	mkdir -p "$dir/doc$n/checks.d" "$dir/doc$n/known.d"
	awk -v dir="$dir/doc$n" '
		/^```ini$/ { inside = 1; count++; file = dir "/checks.d/" count ".conf"; next }
		/^```$/ { inside = 0 }
		inside && /^# .*known\.d/ { file = dir "/known.d/" count ".conf" }
		inside { print >file }' "$doc"
	[ -e "$dir/doc$n/checks.d/1.conf" ] || fail "$doc has no rule"
	chmod -R g-w,o-w "$dir/doc$n"
	expect 0 'proxy.files' explain --config "$dir/doc$n"
	[ -s "$dir/err" ] && fail "$doc: a rule is broken"
	expect 0 'A rule of the house' explain proxy.files --config "$dir/doc$n"
done

mkdir -p "$dir/a/checks.d" "$dir/a/known.d" "$dir/empty"
cat >"$dir/a/checks.d/a.conf" <<'END'
[house.tasks]
warning = loadavg.tasks > 0
title = {loadavg.tasks} tasks
do = nothing
[house.never]
warning = loadavg.tasks < 0
title = never
do = nothing
END
expect 64 'neither checks.d nor known.d' --config "$dir/none"
expect 64 'neither checks.d nor known.d' --config "$dir/empty"
expect 64 "'house'" --only house --config ''
expect 1 'house.tasks' --only house --config "$dir/a" --for 0.1
expect 0 'Nothing wrong' --only house.never --config "$dir/a" --for 0.1
expect 0 '1 check: 0 found' --only house --skip house.tasks --config "$dir/a" --for 0.1
MURPHY_CONFIG=$dir/a
export MURPHY_CONFIG
expect 1 '"id":"house.tasks"' --only house --json --for 0.1
expect 64 "'house'" --only house --config ''
unset MURPHY_CONFIG
# A capture taken under the rules holds what they need; they themselves stay at home.
expect 0 '' capture "$dir/x.tar.zst" --only house --config "$dir/a" --for 0.1
expect 64 "'house'" --root "$dir/x.tar.zst" --only house --config ''
expect 1 'house.tasks' --root "$dir/x.tar.zst" --only house --config "$dir/a"
# A broken file is a check that could not look.
echo 'nonsense' >"$dir/a/checks.d/b.conf"
expect 3 'b.conf:1: expected [section]' --only house.never --config "$dir/a" --for 0.1
expect 1 'b.conf:1: expected [section]' --only house --config "$dir/a" --for 0.1
expect 3 'b.conf:1: expected [section]' explain --config "$dir/a"
rm "$dir/a/checks.d/b.conf"
# What is known is silent until its day.
printf '[t]\nid = house.tasks\nreason = so be it\nuntil = 2400-01-01\n' >"$dir/a/known.d/k.conf"
expect 0 '1 known finding is silenced' --only house --config "$dir/a" --for 0.1
expect 0 'so be it' --only house --config "$dir/a" --for 0.1 --known
expect 0 '"known":{"reason":"so be it"' --only house --config "$dir/a" --for 0.1 --json
printf '[t]\nid = house.tasks\nreason = so be it\nuntil = 2020-01-01\n' >"$dir/a/known.d/k.conf"
expect 1 'expired on 2020-01-01' --only house --config "$dir/a" --for 0.1
expect 1 '"kind":"known_expired","id":"house.tasks"' --only house --config "$dir/a" --for 0.1 --json
chmod o+w "$dir/a/checks.d/a.conf"
expect 3 'everybody may write to it' explain --config "$dir/a"
exit $failed
