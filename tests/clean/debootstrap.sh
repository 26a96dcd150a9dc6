#!/bin/sh
# SPDX-License-Identifier: MIT
# debootstrap.sh [STEP...]: does a clean Debian 12 get from a clone to an answer? As root.
#
# Unpacks a minimal Debian (no make, no compiler) below a temporary directory, clones this
# repository's HEAD into it, and there, in a chroot of a mount namespace of its own, takes the steps
#   run    ./run as root, and again (which must be quick)
#   user   ./run as an ordinary user, in a clone of that user
#   test   ./test as root; only the steps in STEPS of ./test when that is set
# (default: all). What ./run and ./test print goes to stderr; a line per step, with its seconds, to
# stdout. Exit code 1 when a step failed.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=bookworm

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1; then
	echo 'debootstrap and root are needed'
	exit 77
fi

# The mounts below must vanish with this script, however it ends.
if [ "${MURPHY_CLEAN_NS:-}" != "$$" ]; then
	exec unshare --mount --propagation private \
		sh -c 'MURPHY_CLEAN_NS=$$ exec "$@"' sh "$0" "$@"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/murphy-clean.XXXXXX")
root=$work/root

clean_up()
{
	cd /
	for mount in proc sys dev; do
		umount -R -l "$root/$mount" 2>/dev/null || true
	done
	umount -l "$root" 2>/dev/null || true
	# Never cross into what is still mounted.
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

failed=0

# step NAME CODES COMMAND...: CODES are the exit codes that are right.
step()
{
	name=$1
	codes=$2
	shift 2
	started=$(date +%s)
	code=0
	"$@" >&2 || code=$?
	case " $codes " in
	*" $code "*)
		word=ok
		;;
	*)
		word=FAIL
		failed=1
		;;
	esac
	echo "$word $name: exit $code, $(($(date +%s) - started)) s"
}

in_root()
{
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8 chroot "$root" "$@"
}

step debootstrap 0 debootstrap --variant=minbase "$suite" "$root" "$mirror"
[ $failed = 0 ] || exit 1
# On a real machine / is a mount: without that no namespace in there can be made private.
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
# Its labs and those of this machine are on one kernel: they take turns (tools/steps.sh).
touch /tmp/murphy-lab.lock "$root/tmp/murphy-lab.lock"
mount --bind /tmp/murphy-lab.lock "$root/tmp/murphy-lab.lock"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# What this machine needs to reach its mirror.
cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
echo "deb $mirror-security $suite-security main" >"$root/etc/apt/sources.list.d/security.list"
git clone -q "$top" "$root/root/murphy"
in_root useradd -m anna
cp -r "$root/root/murphy" "$root/home/anna/murphy"
in_root chown -R anna:anna /home/anna/murphy

found='0 1 2 3'
[ $# -gt 0 ] || set -- run user test
for what; do
	case $what in
	run)
		step 'no compiler at first' 0 in_root sh -c '! command -v cc && ! command -v make'
		step './run as an ordinary user without packages: says what to type' 69 \
			in_root su anna -c 'cd ~/murphy && ./run'
		step './run as root' "$found" in_root /root/murphy/run
		step './run as root, again' "$found" in_root /root/murphy/run
		;;
	user)
		step './run as an ordinary user' "$found" in_root su anna -c 'cd ~/murphy && ./run'
		;;
	test)
		# shellcheck disable=SC2086 # a list
		step "./test ${STEPS:-} as root" 0 in_root /root/murphy/test ${STEPS:-}
		;;
	*)
		echo "no step $what" >&2
		exit 64
		;;
	esac
done
exit $failed
