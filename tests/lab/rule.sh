#!/bin/sh
# SPDX-License-Identifier: MIT
# rule.sh MURPHY-LAB MURPHY: a check of ten lines of configuration finds its lab and names the culprit; its
# healthy twin is silent; known.d silences it; a broken file beside it is told and harms nothing.
set -u
lab=$1 murphy=$2
here=$(dirname "$0")/rule
failed=0 pid=
if [ "$(id -u)" != 0 ]; then
	echo 'needs root'
	exit 77
fi
if ! "$murphy" --version | grep -q '^with  *inih'; then
	echo 'this murphy was built without libinih'
	exit 77
fi
dir=$(mktemp -d)
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
# As root only root's files are trusted, and the source tree may be another's.
mkdir -p "$dir/checks.d"
install -m 644 "$here/checks.d/files.conf" "$dir/checks.d/"

# begin NAME: until the lab is ready
begin()
{
	: >"$dir/out"
	"$lab" run "$1" --for 60 >"$dir/out" 2>&1 &
	pid=$!
	i=0
	while kill -0 "$pid" 2>/dev/null && ! grep -q '^ready' "$dir/out" && [ $i -lt 300 ]; do
		sleep 0.1
		i=$((i + 1))
	done
}

finish()
{
	kill "$pid"
	wait "$pid" 2>/dev/null
	pid=
}

# look CODE WORDS...: the exit code, and words of the answer; a word that begins with ! must not be there
look()
{
	want=$1
	shift
	"$murphy" --config "$dir" --only lab --json --for 0.5 >"$dir/json" 2>&1
	got=$?
	[ $got -eq "$want" ] || fail "exit $got, not $want"
	for word; do
		case $word in
		!*) ! grep -qF -e "${word#!}" "$dir/json" || fail "it says ${word#!}" ;;
		*) grep -qF -e "$word" "$dir/json" || fail "it does not say $word" ;;
		esac
	done
}

fail()
{
	echo "FAILED   $*"
	cat "$dir/out" "$dir/json"
	failed=1
}

begin fd-limit
victim=$(sed -n 's/^ready *culprit process \([0-9]*\) .*/\1/p' "$dir/out")
look 1 '"kind":"finding","id":"lab.files","severity":"warning","confidence":"likely"' \
	"{\"kind\":\"process\",\"name\":\"lab-fds\",\"pid\":$victim" \
	"prlimit --pid $victim --nofile=4096:" '"config_errors":0'
"$murphy" assert 'not any(process_fd.open / process_limits.fd_soft > 80 % where comm ~ "lab-fd*")' \
	>"$dir/json"
[ $? -eq 1 ] || fail 'assert: not false'
grep -qF "decided by lab-fds (pid $victim)" "$dir/json" || fail 'assert does not name the culprit'
install -m 644 "$here/broken/files.conf" "$dir/checks.d/z.conf"
look 1 '"id":"lab.files"' '"config_errors":2' '/z.conf","line":2,"section":"lab.broken","key":"warning"' \
	'/z.conf","line":3,"section":"lab.broken","key":"titel"'
mkdir "$dir/known.d"
install -m 644 "$here/known.d/files.conf" "$dir/known.d/"
look 3 '"known":{"reason":"the leak is mended' '"known":1,' '"findings":0,'
rm "$dir/checks.d/z.conf"
look 0 '"known":1,' '"config_errors":0'
chmod 666 "$dir/known.d/files.conf"
look 1 '"known":0,' 'everybody may write to it'
finish

rm -r "$dir/known.d"
begin fd-half
look 0 '"id":"lab.files"' '"verdict":"fine"' '!"kind":"finding"'
finish
[ $failed = 0 ] && echo 'ok       a rule of ten lines finds fd-limit, and is silent at fd-half'
exit $failed
