#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPU time of murphy and of the classic checklist, in turn, on the same loaded host.

The load: 600 sleeping processes and 5,000 idle connections over loopback (10,000 sockets), made
here and gone when this ends.
"""
import ctypes
import json
import os
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PROCESSES, CONNECTIONS = 600, 5000
PR_SET_PDEATHSIG = 1
CHECKLIST = [
    "uptime", "dmesg", "vmstat 1 2", "mpstat -P ALL 1 1", "pidstat 1 1", "iostat -xz 1 2", "free -m",
    "sar -n DEV 1 1", "sar -n TCP,ETCP 1 1", "top -b -n1", "ss -tan", "slabtop -o", "ps aux",
]


def child_of_this():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(work):
    """Fork a process that does work() and then sleeps; returns its pid once work() is done."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        child_of_this()
        os.close(r)
        try:
            kept = work()  # noqa: F841 (keeps the sockets open)
            os.write(w, b"k")
        except OSError as e:
            os.write(w, str(e).encode())
        os.close(w)
        while True:
            signal.pause()
    os.close(w)
    select.select([r], [], [], 60)
    answer = os.read(r, 200)
    os.close(r)
    if answer != b"k":
        os.kill(pid, signal.SIGKILL)
        sys.exit(f"diagnose: could not make the load: {answer.decode()}")
    return pid


def connections():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    kept = [listener]
    for _ in range(CONNECTIONS):
        kept.append(socket.create_connection(listener.getsockname()))
        kept.append(listener.accept()[0])
    return kept


def run(argv):
    """(CPU seconds, output) of a command and all its children."""
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL,
                                 stdin=subprocess.DEVNULL, preexec_fn=child_of_this)
        _, _, used = os.wait4(child.pid, 0)
        out.seek(0)
        return used.ru_utime + used.ru_stime, out.read()


def main():
    murphy, rounds = sys.argv[1], int(sys.argv[2])
    pids = []
    try:
        pids.append(spawn(connections))
        pids += [spawn(lambda: None) for _ in range(PROCESSES)]
        ours, theirs, peaks = [], [], []
        run([murphy])
        for _ in range(rounds):
            ours.append(run([murphy])[0])
            # The kernel's own ru_maxrss would include this script: murphy measures itself.
            summary = json.loads(run([murphy, "--json"])[1].splitlines()[-1])
            peaks.append(summary["cost_peak_bytes"] / (1 << 20))
            theirs.append(sum(run(c.split())[0] for c in CHECKLIST))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    ratios = [a / b for a, b in zip(ours, theirs)]
    print(f"{time.strftime('%Y-%m-%d')}  Linux {os.uname().release}  {os.cpu_count()} CPUs  "
          f"{PROCESSES} extra processes, {2 * CONNECTIONS} sockets, {rounds} rounds in turn")
    for name, values, unit, scale in (("murphy CPU", ours, "ms", 1000),
                                      ("checklist CPU", theirs, "ms", 1000),
                                      ("ratio", ratios, "", 1),
                                      ("murphy peak RSS", peaks, "MiB", 1)):
        low, mid, high = (x * scale for x in (min(values), statistics.median(values), max(values)))
        print(f"{name:16} min {low:8.2f}  median {mid:8.2f}  max {high:8.2f} {unit}")


main()
