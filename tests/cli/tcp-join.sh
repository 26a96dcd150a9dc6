#!/bin/sh
# SPDX-License-Identifier: MIT
# murphy tcp join: options, damaged files, two looks of one host with itself.
# tcp-join.sh MURPHY
set -u
murphy=$1 dir=$(mktemp -d) failed=0
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "FAIL $*"
	failed=1
}

# expect CODES WORDS ARGS...: murphy tcp join ARGS exits with one of them, and stderr has WORDS
expect() {
	want=$1 words=$2
	shift 2
	timeout 60 "$murphy" tcp join "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	case " $want " in *" $got "*) ;; *) fail "join $*: exit $got, not $want: $(cat "$dir/err")" ;; esac
	grep -qF -e "$words" "$dir/err" || [ -z "$words" ] || fail "join $*: no '$words': $(cat "$dir/err")"
}

row() {
	printf '{"schema_version":1,"kind":"connection","state":"%s","cookie":%s,"local":"%s","local_port":%s,' "$1" "$2" "$3" "$4"
	printf '"peer":"%s","peer_port":%s}\n' "$5" "$6"
}
end() {
	printf '{"schema_version":1,"kind":"tcp","host":"%s","unlisted":0,"taken_ns":%s,"lost":[]}\n' "$1" "$2"
}
{
	row ESTABLISHED 7 10.0.0.1 40000 10.0.0.2 80
	end web 1000000000
} >"$dir/a"
sed 's/1000000000/3000000000/' "$dir/a" >"$dir/a2"
{
	row LISTEN 9 10.0.0.2 80 0.0.0.0 0
	end db 1000000000
} >"$dir/b"
sed 's/1000000000/3000000000/' "$dir/b" >"$dir/b2"

expect 64 'two files'
expect 64 'two files' "$dir/a"
expect 64 'A B --again A2 B2' --again "$dir/a" "$dir/b"
expect 64 'not both' --peer x "$dir/a" "$dir/b"
expect 64 "not '-oProxyCommand" --peer -oProxyCommand=x
expect 64 'go with --peer' --after 2 "$dir/a" "$dir/b"
expect 64 'is no address' --b-address 10.0.0 "$dir/a" "$dir/b"
expect 64 'No such file' "$dir/a" "$dir/none"
expect 64 'it breaks off' "$dir/a" /dev/null
expect 64 'half a second' "$dir/a" "$dir/b" --again "$dir/a" "$dir/b"
expect 64 'is of db, not of web' "$dir/a" "$dir/b" --again "$dir/b2" "$dir/b2"
head -n 1 "$dir/a" >"$dir/cut"
expect 64 'it breaks off' "$dir/cut" "$dir/b"
echo 'no JSON' >"$dir/text"
expect 64 'line 1 is not' "$dir/text" "$dir/b"
# Lines were cut out of it.
sed 's/"unlisted"/"listed":2,"unlisted"/' "$dir/a" >"$dir/less"
expect 64 'is not of murphy tcp' "$dir/less" "$dir/b"
head -c 200000 /dev/zero >"$dir/zero"
expect 64 'line 1 is not' "$dir/zero" "$dir/b"
expect 3 '' --peer nobody --ssh /bin/false
expect 3 '' --peer nobody --ssh "$dir/none"

expect 3 '' "$dir/a" "$dir/b"
grep -q 'not checked again' "$dir/out" || fail 'one look is as good as two'
expect 1 '' "$dir/a" "$dir/b" --again "$dir/a2" "$dir/b2"
for word in 'tcp.disagree half-open' 'ss -K src 10.0.0.1 sport = 40000 dst 10.0.0.2 dport = 80' 'web 10.0.0.1:40000'; do
	grep -qF "$word" "$dir/out" || fail "no '$word': $(cat "$dir/out")"
done
# Several looks in a file, the last of them broken off.
cat "$dir/a" "$dir/a2" "$dir/cut" >"$dir/aa"
cat "$dir/b" "$dir/b2" >"$dir/bb"
expect 1 '' --json "$dir/aa" "$dir/bb"
python3 - "$dir/out" <<'P' || fail "JSON: $(cat "$dir/out")"
import json, sys
one, end = [json.loads(line) for line in open(sys.argv[1])]
assert one["kind"] == "disagreement" and one["id"] == "tcp.disagree" and one["checked"] and one["there"] is None
assert end["kind"] == "join" and end["checked"] == 1 and end["exit_code"] == 1, end
P
# A host and itself: all of it is within it.
"$murphy" tcp --json >"$dir/self"
expect '0 3' '' "$dir/self" "$dir/self"
exit $failed
