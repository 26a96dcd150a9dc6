#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPU time of murphy tcp and of ss on the same sockets, in turn. See tcp.sh.

tcp.py TOP WORK [--write] [--rounds N] [SOCKETS...]
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import mem

SIZES = [20000, 100000, 400000]
# A process of the load has no more descriptors than the limit that this one may not raise.
SPARE_FDS = 100
# Once at this size: its search for owners takes a time that grows with the square.
ONCE = 100000
WHOLE = ("murphy tcp", "murphy tcp --by process", "murphy tcp --json")


def commands(murphy, walk):
    return {
        "ss -tan": ["ss", "-tan"],
        "ss -tainm": ["ss", "-tainm"],
        "ss -tainmp": ["ss", "-tainmp"],
        "one walk of all fds": [walk],
        "murphy tcp": [murphy, "tcp"],
        "murphy tcp --no-owner": [murphy, "tcp", "--no-owner"],
        "murphy tcp --by process": [murphy, "tcp", "--by", "process"],
        "murphy tcp --json": [murphy, "tcp", "--json"],
    }


def states_of_ss():
    names = {"ESTAB": "ESTABLISHED"}
    lines = mem.run(["ss", "-tan"])[2].decode().splitlines()[1:]
    return Counter(names.get(line.split()[0], line.split()[0].replace("-", "_")) for line in lines)


def states_of_murphy(murphy):
    """How many of each, in this network namespace, and what it cost."""
    states = Counter()
    for line in mem.run([murphy, "tcp", "--json", "--no-owner"])[2].splitlines():
        row = json.loads(line)
        if row["kind"] == "connection" and row["netns"] == 0:
            states[row["state"]] += 1
    return states, row


def measure(cmds, rounds, sockets):
    """CPU seconds by command; in turn, so that what disturbs disturbs all."""
    cpu = {name: [] for name in cmds}
    peak = {}
    for turn in range(rounds):
        for name, argv in cmds.items():
            if name == "ss -tainmp" and turn > 0 and sockets > ONCE:
                continue
            seconds, _, out = mem.run(argv)
            cpu[name].append(seconds)
            if name.startswith("murphy") and name.endswith("--json"):
                peak[name] = json.loads(out[out.rstrip().rfind(b"\n") + 1:])["cost_peak_bytes"]
            del out
    return cpu, peak


def goal(bench, text, ratio, least):
    missed = "" if ratio >= least else ": MISSED"
    bench.say(f"{text:66} {ratio:7.1f}x  goal {least}x{missed}")


def part(bench, cmds, rounds, sockets, work):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = max(8, sockets // (limit - SPARE_FDS) + 1)
    with mem.load([str(work / "tcp_load"), str(sockets), str(processes)], "ready"):
        time.sleep(1)
        cpu, peak = measure(cmds, rounds, sockets)
        mine, last = states_of_murphy(cmds["murphy tcp"][0])
        theirs = states_of_ss()
    # Its processes end a little later than it, and give their ports back then.
    time.sleep(5)
    mid = {name: statistics.median(times) for name, times in cpu.items()}
    bench.say(f"{sockets} sockets of {processes} processes, {rounds} rounds in turn")
    for name, times in cpu.items():
        bench.say(f"{name:24} CPU {mem.three(times)}  {1e6 * mid[name] / sockets:6.2f} us a socket")
    same = "the same" if mine == theirs else f"murphy {dict(mine)}, ss {dict(theirs)}"
    bench.say(f"sockets by state: {same}; memory of murphy's largest process {last['cost_peak_bytes'] / 2**20:.0f} MiB, "
              f"with owners {peak['murphy tcp --json'] / 2**20:.0f} MiB")
    at_most = sockets == max(SIZES)
    honest = mid["ss -tainm"] + mid["one walk of all fds"]
    for name in WHOLE:
        ratio = mid["ss -tainmp"] / mid[name]
        if at_most and name == WHOLE[0]:
            goal(bench, f"{name}: ss -tainmp takes", ratio, 150)
            goal(bench, f"{name}: ss -tainm and one walk of all fds take", honest / mid[name], 5)
        else:
            bench.say(f"{name + ': ss -tainmp takes':66} {ratio:7.1f}x")
            bench.say(f"{name + ': ss -tainm and one walk of all fds take':66} {honest / mid[name]:7.1f}x")
    goal(bench, "murphy tcp --no-owner: ss -tainm takes", mid["ss -tainm"] / mid["murphy tcp --no-owner"], 2.5)
    bench.say()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("top")
    parser.add_argument("work")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("sockets", nargs="*", type=int)
    args = parser.parse_intermixed_args()
    args.trials = 0
    bench, work = mem.Bench(args), Path(args.work)
    cmds = commands(bench.murphy, str(work / "fd_walk"))
    bench.say("CPU seconds of every TCP socket judged, and of ss")
    bench.say(f"{time.strftime('%Y-%m-%d')}  Linux {os.uname().release}  {os.cpu_count()} CPUs  load {os.getloadavg()[0]:.1f}")
    for sockets in args.sockets or SIZES:
        part(bench, cmds, args.rounds, sockets, work)
    if args.write:
        mem.write(args.top, "tcp.sh", bench.lines[:-1])


if __name__ == "__main__":
    sys.exit(main())
