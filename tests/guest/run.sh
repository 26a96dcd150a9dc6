#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [BUILD [NAME...]]: labs and murphy under Debian's stock cloud kernel (cgroup v2) in guests,
# by murphy-lab --guest; needs neither KVM nor root. Without names: all labs. Then
#   guest-bpf     every eBPF program loads there
#   guest-mem     murphy mem --exact counts by eBPF there, and all exact methods agree with the kernel
#   guest-user    murphy answers an ordinary user
#   guest-killed  when murphy-lab is killed, qemu goes with it, and no file stays
# A row each on stdout, as of murphy-lab check. The kernel: what murphy-lab finds, else downloaded
# below BUILD/guest. Exit code 1 when something failed, 77 when there is no qemu or kernel.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top/build}" && pwd)
[ $# -eq 0 ] || shift
lab=$build/murphy-lab
work=$build/guest
failed=0
PATH=$PATH:/usr/sbin:/sbin

skip()
{
	echo "$*"
	exit 77
}

[ -x "$lab" ] || skip "no $lab: it needs libjansson"
for tool in qemu-system-x86_64 depmod; do
	command -v $tool >/dev/null 2>&1 || skip "no $tool here"
done

# The versioned package behind linux-image-cloud-amd64, unpacked, never installed.
get_kernel()
{
	[ ! -e "$work/kernel/done" ] || return 0
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	[ -n "$package" ] || skip 'apt knows no linux-image-cloud-amd64'
	rm -rf "$work/kernel"
	mkdir -p "$work/kernel"
	(cd "$work/kernel" && apt-get download -q "$package" >/dev/null 2>&1) || skip "no $package to be had"
	dpkg -x "$work"/kernel/*.deb "$work/kernel"
	rm -f "$work"/kernel/*.deb
	for release in "$work"/kernel/lib/modules/*; do
		depmod -b "$work/kernel" "${release##*/}"
	done
	touch "$work/kernel/done"
}

kernel=
if ! "$lab" guest /bin/true >/dev/null 2>&1; then
	get_kernel
	kernel="--kernel $work/kernel"
fi

row()
{
	printf '%-8s %-18s %s\n' "$@"
	[ "$1" != MISS ] || failed=1
}

# in_guest PROGRAM [ARG...]
in_guest()
{
	# shellcheck disable=SC2086 # two words or none
	"$lab" guest $kernel "$@" 2>&1
}

check_bpf()
{
	test=$build/tests/unit/test-bpf_load
	if [ ! -x "$test" ]; then
		row skipped guest-bpf "no $test: built without eBPF or tests"
	elif said=$(in_guest "$test"); then
		row ok guest-bpf "$(echo "$said" | sed -n 's/^bpf //p' | tr '\n' ' ')"
	else
		row MISS guest-bpf "$(echo "$said" | tail -n 3)"
	fi
}

check_mem()
{
	test=$build/tests/unit/test-page_exact
	if [ ! -x "$test" ]; then
		row skipped guest-mem "no $test: built without tests"
	elif ! said=$(in_guest /usr/bin/murphy mem --exact --json); then
		row MISS guest-mem "$(echo "$said" | tail -n 3)"
	elif ! echo "$said" | grep '"kind":"memory"' | grep -q '"method":"page_walk_bpf"'; then
		row MISS guest-mem "$(echo "$said" | grep '"kind":"memory"')"
	elif said=$(in_guest "$test"); then
		row ok guest-mem "page_walk_bpf; $(echo "$said" | grep -c '  OK ') tests of all exact methods"
	else
		row MISS guest-mem "$(echo "$said" | tail -n 3)"
	fi
}

check_user()
{
	code=0
	said=$(in_guest /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups \
		/usr/bin/murphy --json) || code=$?
	if [ $code -le 3 ] && echo "$said" | grep -q '"kind":"summary"'; then
		row ok guest-user "murphy's exit code is $code"
	else
		row MISS guest-user "exit code $code: $(echo "$said" | tail -n 3)"
	fi
}

# Files of our own guest that are open without a name keep no room once qemu is gone.
check_killed()
{
	in_guest /bin/sleep 60 >"$work/killed" &
	shell=$!
	qemu=
	tries=0
	while [ -z "$qemu" ] && [ $tries -lt 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
		parent=$(pgrep -P $shell -x murphy-lab || echo $shell)
		qemu=$(pgrep -P "$parent" -x qemu-system-x86 || true)
	done
	kill -9 "$parent"
	tries=0
	while [ -n "$qemu" ] && kill -0 "$qemu" 2>/dev/null && [ $tries -lt 50 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	wait $shell 2>/dev/null || true
	if [ -z "$qemu" ]; then
		row MISS guest-killed 'qemu was not seen'
	elif kill -0 "$qemu" 2>/dev/null; then
		row MISS guest-killed "qemu (pid $qemu) still runs"
	else
		row ok guest-killed "qemu was gone after $tries tenths of a second"
	fi
}

mkdir -p "$work"
# shellcheck disable=SC2086 # two words or none
"$lab" check --guest $kernel "$@" || failed=1
check_bpf
check_mem
check_user
check_killed
exit $failed
