#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What murphy mem --exact says of each process of a shape, against its smaps_rollup.

mem.py MURPHY FILE: lines "shape NAME pid N" of the file name the processes. Nothing of them moves
meanwhile; of libraries that are not theirs alone murphy takes its share, so it is kept alive while
the kernel counts. It looks three times, each time with less that it may do, so that each of its
exact methods is compared.
"""
import ctypes
import json
import platform
import re
import signal
import struct
import subprocess
import sys

WITHIN_KB, LOOKS = 2, 4
ESTIMATES = ("page_sample", "page_status", None)
NAMES = ("RSS", "PSS", "USS", "swap")
BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())  # the number of bpf(2)
CAP_SYS_ADMIN = 21
PR_SET_SECCOMP, PR_CAPBSET_DROP = 22, 24  # linux/prctl.h
SECCOMP_MODE_FILTER, SECCOMP_ALLOW, SECCOMP_EPERM = 2, 0x7FFF0000, 0x00050001
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h, of absolute words and constants
SHAPE = re.compile(r"^shape (\S+) pid (\d+)$", re.M)


def rollup(pid):
    """kB of RSS, PSS, USS and SwapPss as the kernel counts them."""
    found = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            name, _, value = line.partition(":")
            if value.endswith("kB\n"):
                found[name] = int(value.split()[0])
    uss = found["Private_Clean"] + found["Private_Dirty"]
    return found["Rss"], found["Pss"], uss, found["SwapPss"]


def prctl(*args):
    """As prctl(2), of the process that is to become murphy."""
    if ctypes.CDLL(None, use_errno=True).prctl(*args) < 0:
        raise OSError(ctypes.get_errno(), "prctl")


def without_bpf():
    """bpf(2) says EPERM from now on."""
    steps = [(LOAD, 0, 0, 0), (JUMP_EQUAL, 0, 1, BPF), (RETURN, 0, 0, SECCOMP_EPERM),
             (RETURN, 0, 0, SECCOMP_ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    prog = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(prog), 0, 0)


def without_frames():
    """Nobody is told page frames without CAP_SYS_ADMIN."""
    prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0)


def look(murphy, pids, deny):
    """({pid: its row}, {pid: the kernel's}), and what murphy printed of the whole."""
    argv = [murphy, "mem", "--exact", "--by", "process", "--json", "--watch", "--every", "3600"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, preexec_fn=deny) as child:
        rows = {}
        for line in child.stdout:
            row = json.loads(line)
            if row["kind"] == "memory":
                break
            if row.get("pid") in pids:
                rows[row["pid"]] = row
        truth = {pid: rollup(pid) for pid in pids}
        child.send_signal(signal.SIGTERM)
    return rows, truth


def values(row):
    """kB of RSS, PSS, USS and swap as murphy tells them; None: not told."""
    got = [row.get(f) for f in ("rss_bytes", "pss_bytes", "uss_bytes", "swap_bytes")]
    return None if None in got else tuple(v / 1024 for v in got)


def one_space(pids, rows, truth):
    """Two processes in one address space are counted once, and the kernel counts each."""
    told = [values(rows[p]) for p in pids if p in rows]
    told = [v for v in told if v]
    sums = tuple(map(sum, zip(*told))) if told else None
    return [(pids[0], sums, truth[pids[0]])]


def compare(shapes, rows, truth):
    """How many of the processes are wrong, and the largest difference in kB of each figure."""
    failed, most = 0, [0.0] * len(NAMES)
    for name in dict.fromkeys(name for name, _ in shapes):
        pids = [pid for n, pid in shapes if n == name]
        if name == "same-space":
            pairs = one_space(pids, rows, truth)
        else:
            pairs = [(p, values(rows[p]) if p in rows else None, truth[p]) for p in pids]
        for pid, told, true in pairs:
            off = [a - b for a, b in zip(told, true)] if told else None
            bad = off is None or max(map(abs, off)) > WITHIN_KB
            failed += bad
            said = "not told"
            if off is not None:
                most = [max(m, abs(d)) for m, d in zip(most, off)]
                said = "off by " + ", ".join(f"{d:+.1f}" for d in off) + " kB"
            figures = ", ".join(f"{what} {value}" for what, value in zip(NAMES, true))
            print(f"{'FAIL' if bad else 'ok':5} {name:16} pid {pid}: {figures} kB; {said}")
    return failed, most


def methods_of(murphy):
    """What must have been compared where anything could be."""
    said = subprocess.run([murphy, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    bpf = re.search(r"^with\s+bpf:", said, re.M) and platform.machine() == "x86_64"
    return {"page_map", "smaps_rollup"} | ({"page_walk_bpf"} if bpf else set())


def main():
    murphy, path = sys.argv[1:]
    with open(path, encoding="utf-8") as f:
        shapes = [(name, int(pid)) for name, pid in SHAPE.findall(f.read())]
    if not shapes:
        print("there is no shape")
        return 1
    seen, failed = set(), 0
    for deny in (None, without_bpf if BPF else None, without_frames):
        # Who starts or ends meanwhile may take a share: what is wrong stays wrong.
        for _ in range(LOOKS):
            rows, truth = look(murphy, [pid for _, pid in shapes], deny)
            methods = {row["method"] for row in rows.values()}
            if not methods or methods & set(ESTIMATES) or methods <= seen:
                break
            wrong, most = compare(shapes, rows, truth)
            worst = ", ".join(f"{what} {d:.1f} kB" for what, d in zip(NAMES, most))
            print(f"{len(shapes)} processes by {', '.join(sorted(methods))}, {wrong} wrong; "
                  f"most off: {worst}")
            if wrong == 0:
                break
        if not methods or methods & set(ESTIMATES):
            print(f"murphy cannot count here: {methods or 'it shows no process'}")
        elif not methods <= seen:
            seen |= methods
            failed += wrong
    if not seen:
        return 77
    missing = methods_of(murphy) - seen
    if missing:
        print(f"not compared: {', '.join(sorted(missing))}")
    return 1 if failed or missing else 0


sys.exit(main())
