#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [BUILD]: murphy under Debian 12's stock cloud kernel (6.1, cgroup v2, PSI) in a guest that
# qemu interprets: slow, so it is about truth, not about timings. Needs no KVM and no root.
#
# The guest is an initramfs of busybox, murphy, murphy-lab, the libraries that they need and a few
# kernel modules. It runs the steps below and tells their exit codes on its console: a line per step
# on stdout, everything in BUILD/guest/console. Exit code 1 when a step failed or never came, 77
# when there is no qemu.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top/build}" && pwd)
work=$build/guest
tree=$work/tree
modules='virtio_pci virtio_blk ext4 loop tcp_diag fuse'

skip()
{
	echo "$*"
	exit 77
}

PATH=$PATH:/usr/sbin:/sbin
for tool in qemu-system-x86_64 cpio apt-get dpkg depmod; do
	command -v $tool >/dev/null 2>&1 || skip "no $tool here"
done
busybox=$(command -v busybox) || skip 'no busybox here'
[ -x "$build/murphy" ] || skip "no $build/murphy"

# The kernel: the versioned package behind linux-image-cloud-amd64, unpacked, never installed.
get_kernel()
{
	package=$(apt-cache depends linux-image-cloud-amd64 |
		sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	[ -n "$package" ] || skip 'apt knows no linux-image-cloud-amd64'
	[ ! -d "$work/kernel/$package" ] || return 0
	mkdir -p "$work/deb"
	(cd "$work/deb" && apt-get download -q "$package" >/dev/null 2>&1) || skip "no $package to be had"
	mkdir -p "$work/kernel"
	dpkg -x "$work"/deb/"$package"_*.deb "$work/kernel/$package.part"
	mv "$work/kernel/$package.part" "$work/kernel/$package"
	rm -rf "$work/deb"
}

# add FILE...: into the initramfs at its own path, with the libraries that it needs.
add()
{
	for file; do
		[ -e "$file" ] || continue
		mkdir -p "$tree$(dirname "$file")"
		cp -L "$file" "$tree$file"
		ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
			mkdir -p "$tree$(dirname "$library")"
			cp -L "$library" "$tree$library"
		done
	done
}

add_modules()
{
	from=$(echo "$work/kernel/$package"/lib/modules/*)
	release=${from##*/}
	to=$tree/lib/modules/$release
	mkdir -p "$to"
	depmod -b "$work/kernel/$package" "$release"
	cp "$from"/modules.* "$to"
	for module in $modules; do
		line=$(grep "/$module.ko:" "$from/modules.dep") || continue
		for path in $(echo "$line" | tr -d :); do
			mkdir -p "$to/$(dirname "$path")"
			cp "$from/$path" "$to/$path"
		done
		echo "$module" >>"$tree/modules"
	done
}

make_initramfs()
{
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/etc" "$tree/usr/bin"
	: >"$tree/modules"
	cp -L "$busybox" "$tree/bin/busybox"
	cp "$top/tests/guest/init" "$tree/init"
	chmod 755 "$tree/init"
	printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/:/bin/sh \
		>"$tree/etc/passwd"
	add "$build/murphy" "$build/murphy-lab" /sbin/mkfs.ext4 /bin/cp /bin/rm
	ln -s "$build/murphy" "$tree/usr/bin/murphy"
	[ ! -x "$build/murphy-lab" ] || ln -s "$build/murphy-lab" "$tree/usr/bin/murphy-lab"
	add_modules
	cat >"$tree/steps"
	(cd "$tree" && find . | cpio --quiet -o -H newc) | gzip -1 >"$work/initramfs.gz"
}

get_kernel
# NAME, exit codes that are right, command.
steps='version 0 murphy --version
diagnose 0,1,2 murphy
diagnose-json 0,1,2 murphy --json >/tmp/json
json-summary 0 grep "\"kind\":\"summary\"" /tmp/json
json-pressure 0 grep "\"table\":\"pressure\".*\"state\":\"ok\"" /tmp/json
user 0,1,2,3 chmod 755 /root; su nobody -s /bin/sh -c murphy'
if [ -x "$build/murphy-lab" ]; then
	steps="$steps
lab-list 0 murphy-lab list
labs 0 murphy-lab check \$(murphy-lab list | awk '/^[a-z]/ { print \$1 }')"
fi
echo "$steps" | make_initramfs
console=$work/console
# Labs of disks want one.
rm -f "$work/disk"
truncate -s 6G "$work/disk"
timeout 540 qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 3072 -display none -serial stdio \
	-no-reboot -drive "file=$work/disk,format=raw,if=virtio" \
	-kernel "$work/kernel/$package"/boot/vmlinuz-* -initrd "$work/initramfs.gz" \
	-append 'console=ttyS0 quiet panic=-1 psi=1' </dev/null >"$console" 2>&1 || true

tr -d '\r' <"$console" | sed -n 's/^GUEST \(ok\|FAIL\|kernel\|no\) /\1 /p'
if ! grep -q '^GUEST end' "$console"; then
	echo 'FAIL the guest did not come to its end'
	exit 1
fi
! grep -q '^GUEST FAIL' "$console"
