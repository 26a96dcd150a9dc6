#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What murphy mem --exact says of each process of a shape, against its smaps_rollup.

mem.py MURPHY FILE: lines "shape NAME pid N" of the file name the processes. Nothing of them moves
meanwhile; only the pages of libraries are shared with whoever else runs. So murphy is kept alive
while the kernel counts: it is one of those.
"""
import json
import re
import signal
import subprocess
import sys

WITHIN_KB = 2
ESTIMATES = ("page_sample", "page_status", None)
SHAPE = re.compile(r"^shape (\S+) pid (\d+)$", re.M)


def rollup(pid):
    """kB of RSS, PSS and USS as the kernel counts them."""
    found = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            name, _, value = line.partition(":")
            if value.endswith("kB\n"):
                found[name] = int(value.split()[0])
    return found["Rss"], found["Pss"], found["Private_Clean"] + found["Private_Dirty"]


def look(murphy, pids):
    """({pid: its row}, {pid: the kernel's}), and what murphy printed of the whole."""
    argv = [murphy, "mem", "--exact", "--by", "process", "--json", "--watch", "--every", "3600"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
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
    """kB of RSS, PSS and USS as murphy tells them; None: not told."""
    got = [row.get(f) for f in ("rss_bytes", "pss_bytes", "uss_bytes")]
    return None if None in got else tuple(v / 1024 for v in got)


def one_space(pids, rows, truth):
    """Two processes in one address space are counted once, and the kernel counts each."""
    told = [values(rows[p]) for p in pids if p in rows]
    told = [v for v in told if v]
    sums = tuple(sum(v[i] for v in told) for i in range(3)) if told else None
    return [(pids[0], sums, truth[pids[0]])]


def main():
    murphy, path = sys.argv[1:]
    with open(path, encoding="utf-8") as f:
        shapes = [(name, int(pid)) for name, pid in SHAPE.findall(f.read())]
    if not shapes:
        print("there is no shape")
        return 1
    rows, truth = look(murphy, [pid for _, pid in shapes])
    methods = {row["method"] for row in rows.values()}
    if not methods or methods & set(ESTIMATES):
        print(f"murphy cannot count here: {', '.join(map(str, methods)) or 'it shows no process'}")
        return 77
    failed = 0
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
            said = "not told" if off is None else "off by " + ", ".join(
                f"{what} {d:+.1f} kB" for what, d in zip(("RSS", "PSS", "USS"), off))
            print(f"{'FAIL' if bad else 'ok':5} {name:16} pid {pid}: RSS {true[0]}, PSS {true[1]}, "
                  f"USS {true[2]} kB; {said}")
    print(f"{len(shapes)} processes by {', '.join(sorted(methods))}, {failed} wrong")
    return 1 if failed else 0


sys.exit(main())
