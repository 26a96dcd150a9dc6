#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2015,SC2016,SC3045 # dash has ulimit -n
# Wrong usage exits with 64 and says what was wrong; what is closed, full or limited is said too.
# usage.sh MURPHY
set -u
murphy=$1 dir=$(mktemp -d) failed=0
trap 'rm -rf "$dir"' EXIT

# expect CODE WORDS ARGS...: murphy ARGS exits with CODE, and stderr has WORDS ("": is empty)
expect() {
	want=$1 words=$2
	shift 2
	timeout 20 "$murphy" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	if [ $got -ne "$want" ] || { [ -n "$words" ] && ! grep -qF -e "$words" "$dir/err"; }; then
		echo "FAIL murphy $*: exit $got, not $want with '$words': $(cat "$dir/err")"
		failed=1
	fi
}

expect 64 "'bogus' is not one of its commands" bogus
expect 64 "'bogus' is not one of its commands" help bogus
for command in diagnose why mem tcp capture diff explain assert completion man; do
	expect 0 "" help $command
	grep -qF '\x0a' "$dir/out" && { echo "FAIL help $command: an escaped line break"; failed=1; }
	grep -q '.\{101\}' "$dir/out" && { echo "FAIL help $command: a line is too long"; failed=1; }
done
expect 0 "" help tcp probe
expect 0 "" --help
grep -qE '.{101}| $' "$dir/out" && { echo "FAIL --help: a line is too long, or ends in a space"; failed=1; }
expect 64 "'bogus'" --only mem,bogus
expect 64 "''" --only mem,
expect 64 "no finding is called 'mem.opm' (near: mem.oom)" explain mem.opm
expect 64 "(near: tcp.close-wait)" explain close-wait
expect 64 "mem.oom" explain memory
expect 64 "not 'tcp.closewait' (near: tcp.close-wait)" --only mem,tcp.closewait
expect 64 "called 'zzz'; murphy" explain zzz
long=$(printf '%0150d' 0)
expect 64 "called '$long'; murphy" explain "$long"
expect 64 "leave nothing to check" --only mem --skip mem
expect 64 "--only is given twice" --only mem --only tcp
expect 64 "'bogus' is not one of its commands" lab bogus
expect 0 "" completion bash
bash -c '. "$1"; COMP_WORDS=(murphy mem -s p) COMP_CWORD=3; _murphy; echo "${COMPREPLY[*]}"' bash "$dir/out" |
	grep -qx 'pss page-tables processes' || { echo 'FAIL completion: what mem can be sorted by'; failed=1; }
grep -q 'list run show check guest --guest' "$dir/out" || { echo 'FAIL completion: the words of lab'; failed=1; }
expect 64 "leave nothing to check" capture "$dir/x.tar.zst" --only mem --skip mem
expect 64 "--json=5: it takes no value" --json=5
expect 64 "--help=5: it takes no value" --help=5
expect 64 "no option --bogus" --bogus
expect 64 "no option -x" -jx
expect 64 "no option is called by that letter" "-$(printf '\303\251')"
expect 64 "--root needs a value" --root
expect 64 "0.1 to 86400 seconds, not '1e9'" --for 1e9
expect 64 "not 'blue'" --color blue
expect 64 "no --watch" --root / --watch
expect 64 "no --for" --root / --for 3
expect 64 "takes no operands" diagnose x
expect 0 "" assert 'loadavg.tasks > 0'
expect 1 "" assert 'not loadavg.tasks > 0'
expect 64 "cannot compare bytes" assert 'meminfo.free_bytes > 5 s'
expect 64 "one expression" assert
expect 64 "after --: murphy assert -- '-1 < 0'" assert '-1 < 0'
expect 64 "after --: murphy assert -- '-loadavg.tasks < 0'" assert '-loadavg.tasks < 0'
expect 0 "" assert -- '-1 < 0'
expect 64 "no metric has" assert --list nosuchmetric
expect 0 "" assert --list
expect 64 "one capture, or two" diff
expect 64 "one capture, or two" diff a b c
expect 64 "No such file" diff "$dir/none"
expect 64 "no --for" diff a b --for 3
expect 64 "it takes one target" why
expect 64 "it takes one target" why 1 2
expect 64 "':0' is no PID" why :0
expect 64 "':65536' is no PID" why :65536
expect 64 "'0' is no PID" why 0
expect 64 "'/' is no PID" why /
expect 64 "there is no process 99999999" why 99999999
expect 64 "in a unit or control group called 'no-such.service'" why no-such.service
expect 64 "0.5 to 600 seconds" why --for 0 1
expect 64 "no --for" why --root / --for 3 1
expect 64 "No such file" --root "$dir/none"
expect 64 "neither a capture" --root "$dir"
# Of a tree that holds next to nothing no check may say that all is well; without md there is no RAID.
mkdir -p "$dir/empty/proc"
echo 'Linux version 6.1.0' >"$dir/empty/proc/version"
"$murphy" --root "$dir/empty" --json >"$dir/out" 2>"$dir/err"
if grep '"kind":"check"' "$dir/out" | grep -v '"kernel.raid"' | grep -v '"verdict":"unknown"'; then
	echo "FAIL: a verdict of an empty tree"
	failed=1
fi
mkfifo "$dir/fifo"
expect 64 "nor a regular file" --root "$dir/fifo"
expect 64 "nor a regular file" --root /dev/zero
# Where time goes: of a process that sleeps, of its capture, and of a port.
sleep 60 &
sleeper=$!
timeout 20 "$murphy" why --json --for 0.5 $sleeper >"$dir/out" 2>"$dir/err"
code=$?
{ [ $code -eq 0 ] || [ $code -eq 3 ]; } && grep -q '"leading":"timer","idle":true' "$dir/out" || {
	echo "FAIL why: exit $code: $(cat "$dir/err" "$dir/out")"
	failed=1
}
"$murphy" capture "$dir/why.tar.zst" --for 0.5 >/dev/null 2>&1
expect 0 "" why --root "$dir/why.tar.zst" $sleeper
grep -q 'two frames, no samples' "$dir/out" || { echo "FAIL why --root: $(cat "$dir/out")"; failed=1; }
# No terminal is narrower than 40 columns.
COLUMNS=1 "$murphy" diff "$dir/why.tar.zst" "$dir/why.tar.zst" >"$dir/narrow" 2>"$dir/err"
COLUMNS=40 "$murphy" diff "$dir/why.tar.zst" "$dir/why.tar.zst" >"$dir/out" 2>>"$dir/err"
cmp -s "$dir/narrow" "$dir/out" && [ -s "$dir/out" ] || { echo "FAIL a column: $(cat "$dir/err")"; failed=1; }
kill $sleeper
expect 64 "nobody listens" why :1
[ -e "$dir/x.tar.zst" ] && { echo "FAIL a refused capture left a file"; failed=1; }

# What is closed must not become a file that murphy opens and then writes to.
"$murphy" help >&- 2>"$dir/err"
[ $? -eq 70 ] && [ -s "$dir/err" ] || { echo "FAIL closed stdout"; failed=1; }
"$murphy" capture "$dir/closed.tar.zst" --for 0.1 <&- >&- 2>&- || { echo "FAIL closed: exit $?"; failed=1; }
"$murphy" --root "$dir/closed.tar.zst" >"$dir/out" 2>"$dir/err"
[ -s "$dir/err" ] && { echo "FAIL capture with all closed: $(cat "$dir/err")"; failed=1; }
if [ -c /dev/full ]; then
	"$murphy" help >/dev/full 2>"$dir/err"
	[ $? -eq 70 ] && [ -s "$dir/err" ] || { echo "FAIL full disk"; failed=1; }
fi
# A limit on the size of files is an error, not a death; half a capture is none.
(
	ulimit -f 1
	exec "$murphy" capture "$dir/big.tar.zst" --for 0.1 2>"$dir/err"
)
[ $? -eq 70 ] && [ -s "$dir/err" ] && [ ! -e "$dir/big.tar.zst" ] || {
	echo "FAIL limit on files: $(cat "$dir/err")"
	failed=1
}
# With descriptors for one reader only, they run one after the other; with none, murphy reads
# itself what cannot hang and says why not the rest.
(
	ulimit -n 6
	exec "$murphy" --json --for 0.1
) >"$dir/out" 2>"$dir/err"
[ $? -le 3 ] && grep -q '"summary"' "$dir/out" && ! grep -qE 'not be started|not built' "$dir/out" || {
	echo "FAIL six descriptors: $(cat "$dir/err"; grep -E 'not be started|not built' "$dir/out")"
	failed=1
}
(
	ulimit -n 4
	exec "$murphy" --json --for 0.1
) >"$dir/out" 2>"$dir/err"
[ $? -le 3 ] && grep -q 'can be started: Too many open files' "$dir/out" && ! grep -q 'not built' "$dir/out" || {
	echo "FAIL four descriptors: $(cat "$dir/err")"
	failed=1
}
# Whatever is printed says why it could not be.
for arguments in --help --version man "completion bash" explain "explain mem.oom" "assert --list" "assert 1<2"; do
	# shellcheck disable=SC2086 # a list
	"$murphy" $arguments >/dev/full 2>"$dir/err"
	code=$?
	[ $code -eq 70 ] && grep -q 'No space left' "$dir/err" || {
		echo "FAIL $arguments to a full device: exit $code: $(cat "$dir/err")"
		failed=1
	}
done
# In fish a backslash is one, but before a quote.
"$murphy" completion fish | grep -n '\\[^'\'']' && { echo "FAIL completion fish: backslashes"; failed=1; }
# Of a long expression what stands around the place is shown.
long=$(printf '1 < 2 and %.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)
expect 64 '2 and nonsense' assert "${long}nonsense and $long 1 < 2"
grep -q '.\{101\}' "$dir/err" && { echo "FAIL assert: a line is too long"; failed=1; }
# A rescue shell without /proc: what is there is read and kept, and a tree is read all the same.
# (Not under the address sanitizer, which needs /proc itself, for its options too.)
if [ "$(id -u)" -eq 0 ] && ! grep -q __asan_init "$murphy" && unshare --mount true 2>/dev/null; then
	mkdir -p "$dir/tree/proc"
	echo "10.5 1.0" >"$dir/tree/proc/uptime"
	unshare --mount --propagation private sh -c '
		mount -t tmpfs none /proc && "$1" capture "$2/bare.tar.zst" --for 0.1 &&
			"$1" --root "$2/tree" >"$2/out"' sh "$murphy" "$dir" 2>"$dir/err"
	grep -q ' checks: ' "$dir/out" || { echo "FAIL without /proc: $(cat "$dir/err")"; failed=1; }
	"$murphy" --root "$dir/bare.tar.zst" >/dev/null 2>"$dir/err"
	[ $? -le 3 ] || { echo "FAIL capture without /proc: $(cat "$dir/err")"; failed=1; }
fi
exit $failed
