#!/bin/sh
# SPDX-License-Identifier: MIT
# murphy tcp: options, JSON, a capture.
# tcp.sh MURPHY
set -u
murphy=$1 dir=$(mktemp -d) failed=0 pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT

fail() {
	echo "FAIL $*"
	failed=1
}

# expect CODES WORDS ARGS...: murphy tcp ARGS exits with one of them, and stderr has WORDS
expect() {
	want=$1 words=$2
	shift 2
	timeout 60 "$murphy" tcp "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	case " $want " in *" $got "*) ;; *) fail "tcp $*: exit $got, not $want: $(cat "$dir/err")" ;; esac
	grep -qF -e "$words" "$dir/err" || [ -z "$words" ] || fail "tcp $*: no '$words': $(cat "$dir/err")"
}

expect 64 "not 'bogus'" --by bogus
expect 64 "not 'bogus'" --sort bogus
expect 64 "not 'bogus'" --state estab,bogus
expect 64 "not ''" --state estab,
expect 64 "not 'bogus'" --verdict bogus
expect 64 "not 'x'" --top x
expect 64 "1 to 65535, not '0'" --port 0
expect 64 "1 to 65535, not '65536'" --port 65536
expect 64 "not '10.0.0.0/33'" --address 10.0.0.0/33
expect 64 "not 'host'" --address host
expect 64 "not ''" --process ''
expect 64 "not '0'" --process 0
expect 64 "not '-1'" --process -1
expect 64 "no process is known" --no-owner --by process
expect 64 "no process is known" --no-owner --process x
expect 64 "no --sort" --by peer --sort rtt
expect 64 "no --watch" --root / --watch
expect 64 "--watch" --every 3
expect 64 "No such file" --root "$dir/none"
expect 64 "not 'blue'" --color blue
expect 64 "takes no operands" 1
for by in process command unit peer port verdict state; do
	expect "0 3" "" --by $by
done
for sort in verdict silence send-queue receive-queue rtt retransmits; do
	expect "0 3" "" --sort $sort
done
for state in ESTAB fin-wait-1 FIN_WAIT2 Time-Wait unconn syn-recv; do
	expect "0 3" "" --state $state
done

# Four connections of this test's own process: listener, both ends, one in IPv6, one from IPv6 to IPv4.
cat >"$dir/sockets.py" <<'P'
import socket, sys, time
keep = []
l4 = socket.create_server(("127.0.0.1", 0))
port = l4.getsockname()[1]
keep += [l4, socket.create_connection(("127.0.0.1", port)), l4.accept()[0]]
c = socket.socket(socket.AF_INET6)
c.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
c.connect(("::ffff:127.0.0.1", port))
keep += [c, l4.accept()[0]]
keep[1].sendall(b"unread")
print(port, flush=True)
time.sleep(60)
P
mkfifo "$dir/ready"
python3 "$dir/sockets.py" >"$dir/ready" &
pid=$!
read -r port <"$dir/ready"
expect "0 3" "" --json --port "$port"
python3 - "$dir/out" "$port" $pid <<'P' || fail "JSON of sockets"
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
port, pid = int(sys.argv[2]), int(sys.argv[3])
assert all(l["schema_version"] == 1 for l in lines)
last = lines.pop()
assert last["kind"] == "tcp" and last["listed"] == len(lines) == 5, last
assert all(l["kind"] == "connection" and l["verdict"] == "fine" for l in lines), lines
assert all(l["pid"] == pid and l["command"].startswith("python3") for l in lines), [l.get("pid") for l in lines]
assert {l["local"] for l in lines} == {"127.0.0.1"}, "IPv4 in IPv6 reads as IPv4"
assert sorted(l["state"] for l in lines) == ["ESTABLISHED"] * 4 + ["LISTEN"]
assert sum(l["receive_queue"] for l in lines) == 6
assert lines[0]["receive_queue"] == 6, "who has something in his queue is first"
assert last["sockets"] >= 5 and last["states"]["LISTEN"] >= 1
P
expect "0 3" "" --json --process $pid --state listen
[ "$(grep -c '"kind":"connection"' "$dir/out")" = 1 ] || fail "--process and --state: $(cat "$dir/out")"
expect "0 3" "" --json --address 127.0.0.0/8 --port "$port" --by port
grep -q "\"name\":\"on :$port\".*\"sockets\":3," "$dir/out" || fail "--by port: $(cat "$dir/out")"
expect "0 3" "" --json --no-owner --top 1 --port "$port"
grep -q '"pid"' "$dir/out" && fail '--no-owner: a pid'
grep -q '"listed":1,"unlisted":4,' "$dir/out" || fail "--top 1: $(tail -n 1 "$dir/out")"
expect "0 3" "" --verdict peer-gone --port "$port"
grep -q 'no socket is as asked for' "$dir/out" || fail "nothing as asked: $(cat "$dir/out")"

# A capture tells the same of them.
if "$murphy" capture --help | grep -q diagnose && "$murphy" capture "$dir/c.tar.zst" >/dev/null 2>&1; then
	expect "0 3" "" --root "$dir/c.tar.zst" --json --port "$port"
	[ "$(grep -c '"kind":"connection"' "$dir/out")" = 5 ] || fail "of a capture: $(tail -n 1 "$dir/out")"
fi
timeout 5 "$murphy" tcp --watch --every 0.1 --json --port "$port" >"$dir/out" 2>&1
[ "$(grep -c '"kind":"tcp"' "$dir/out")" -ge 3 ] || fail '--watch: too few looks'
exit $failed
