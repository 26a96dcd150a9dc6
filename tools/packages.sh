# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The one list of Debian packages, and how they get installed. Sourced by ./run and ./test.
#
# PACKAGE=PROOF: the package is there when its proof is: a command, a pkg-config name.pc, or a
# file by its absolute path (a pattern may stand for the architecture or version).

# Without these nothing is built.
packages_build='
gcc=cc
libc6-dev=/usr/include/stdio.h
meson=meson
ninja-build=ninja
pkg-config=pkg-config
python3=python3'

# Each adds a feature; murphy --version names those that are missing.
packages_feature='
libzstd-dev=libzstd.pc
libinih-dev=inih.pc
libsystemd-dev=libsystemd.pc
libjansson-dev=jansson.pc'

# The same, but only while there is an eBPF program to build: clang is large.
packages_bpf='
libbpf-dev=libbpf.pc
bpftool=bpftool
clang=clang'

# ./test: unit tests, gates, and what healthy labs run.
packages_test='
libcmocka-dev=cmocka.pc
make=make
git=git
clang=clang
libclang-rt-dev=/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-*.a
clang-tidy=clang-tidy
clang-format=clang-format
cppcheck=cppcheck
gcovr=gcovr
shellcheck=shellcheck
mandoc=mandoc
procps=vmstat
iproute2=ss
e2fsprogs=/sbin/mkfs.ext4
nginx-light=nginx
wrk=wrk
postgresql=/usr/lib/postgresql/*/bin/postgres'

# ./test --all: a Debian from scratch, a guest with another kernel, the checklist of bench/.
packages_all='
debootstrap=debootstrap
qemu-system-x86=qemu-system-x86_64
busybox-static=busybox
cpio=cpio
kmod=depmod
sysstat=pidstat'

# Ordinary users often lack sbin, where bpftool and nginx are.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

package_there()
{
	case $1 in
	*.pc)
		pkg-config --exists "${1%.pc}" 2>/dev/null
		;;
	/*)
		# shellcheck disable=SC2086 # a pattern on purpose
		set -- $1
		[ -e "$1" ]
		;;
	*)
		command -v "$1" >/dev/null 2>&1
		;;
	esac
}

# packages_missing LIST: names of those that are not there, blank between.
packages_missing()
{
	missing=
	for entry in $1; do
		package_there "${entry#*=}" || missing="$missing ${entry%%=*}"
	done
	echo "${missing# }"
}

# packages_apt NAMES: as root. A package's own service is not started: nobody asked for a web
# server on port 80.
packages_apt()
{
	policy=/usr/sbin/policy-rc.d
	if [ -e "$policy" ]; then
		policy=
	else
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
	fi
	failed=0
	# shellcheck disable=SC2086 # a list
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 install --no-install-recommends $1 >&2 || failed=1
	[ -z "$policy" ] || rm -f "$policy"
	return $failed
}

# packages_install NAMES: 0 when all of them could be installed.
packages_install()
{
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
	echo "installing: $1" >&2
	packages_apt "$1" 2>/dev/null && return
	apt-get -qq update >&2 || true
	packages_apt "$1"
}

packages_command()
{
	echo "sudo apt-get install --no-install-recommends $1"
}

# packages_require LIST EXTRA: all of LIST or exit; EXTRA only completes the command to type.
packages_require()
{
	names=$(packages_missing "$1")
	[ -n "$names" ] || return 0
	packages_install "$names" && return
	names="$names $(packages_missing "$2")"
	echo "these packages are missing; install them with:" >&2
	echo "    $(packages_command "${names% }")" >&2
	exit 69
}

# packages_try LIST STAMP: what can be had of LIST. What failed is tried again only when STAMP
# (a file) is gone, so that a machine without network does not wait for apt at every start.
packages_try()
{
	names=$(packages_missing "$1")
	if [ -z "$names" ] || [ "$(cat "$2" 2>/dev/null)" = "$names" ]; then
		return 0
	fi
	if ! packages_install "$names"; then
		for name in $names; do
			packages_install "$name" || true
		done
	fi
	names=$(packages_missing "$1")
	[ -n "$names" ] || return 0
	echo "going on without $names (to have it: $(packages_command "$names"))" >&2
	mkdir -p "${2%/*}"
	echo "$names" >"$2"
}

# What this tree has features for.
packages_features()
{
	echo "$packages_feature"
	for program in "$1"/src/bpf/*.bpf.c; do
		[ ! -e "$program" ] || echo "$packages_bpf"
		break
	done
}
