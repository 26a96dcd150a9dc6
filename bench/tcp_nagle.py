#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What murphy tcp nagle sees and what it costs others. See tcp_nagle.sh.

tcp_nagle.py TOP [--write] [--rounds N] [PART...]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

# (questions a second, connections, seconds): a question of two writes takes 44 ms.
RATES = [(1, 1, 30), (10, 1, 15), (100, 20, 15), (1000, 100, 15)]
HEALTHY_SENDS, HEALTHY_LEAST, HEALTHY_S = 5_200_000, 5_000_000, 120
# Loading the programs, and the tenth of the time in which the kernel counts, are not measured.
LOAD_S, TRIPS_S, TRACE_S = 0.6, 1.2, 3.0


class Bench:
    def __init__(self, args):
        top = Path(args.top)
        self.murphy, self.load = str(top / "build/murphy"), str(top / "build/tests/nagle-load")
        self.rounds, self.lines = args.rounds, []

    def say(self, text=""):
        print(text, flush=True)
        self.lines.append(text)


class Load:
    """nagle-load, listening; go() lets it begin."""

    def __init__(self, bench, *args):
        self.child = subprocess.Popen([bench.load, *map(str, args)], text=True, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        self.port = int(self.child.stdout.readline().split()[1])

    def go(self):
        out = self.child.communicate("go\n", timeout=400)[0]
        if self.child.returncode != 0:
            sys.exit("tcp_nagle: the load failed")
        words = out.split()
        return dict(zip(words[::2], map(int, words[1::2])))


def trace(bench, seconds, port=None):
    argv = [bench.murphy, "tcp", "nagle", "--json", "--for", str(seconds)]
    argv += ["--port", str(port)] if port else []
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def traced(child):
    """Its last line: what was watched."""
    watch = json.loads(child.communicate()[0].splitlines()[-1])
    if watch["state"] != "ok":
        sys.exit(f"tcp_nagle: {watch['why']}")
    return watch


def part_stalls(bench):
    """stalls traced, against answers that took more than 30 ms as the client counts them"""
    for rate, connections, seconds in RATES:
        load = Load(bench, "ask", connections, rate, seconds)
        child = trace(bench, seconds + 4, load.port)
        time.sleep(1.5)
        said = load.go()
        watch = traced(child)
        share = 100 * watch["stalls"] / said["late"] if said["late"] else 0
        bench.say(f"{rate:5} questions/s on {connections:3} connections: {said['asked']:6} asked, "
                  f"{said['late']:6} late, {watch['stalls']:6} stalls traced: {share:.2f} %"
                  + ("  goal 100 %" if watch["stalls"] == said["late"] else "  goal 100 %: MISSED"))


def part_healthy(bench):
    """stalls in sends of programs that do it right: two writes with TCP_NODELAY, or one write"""
    load = Load(bench, "healthy", HEALTHY_SENDS)
    child = trace(bench, HEALTHY_S, load.port)
    time.sleep(1.5)
    began = time.monotonic()
    said = load.go()
    took = time.monotonic() - began
    watch = traced(child)
    whole = took < HEALTHY_S - 2 and watch["sends"] >= HEALTHY_LEAST
    bench.say(f"{said['sends']} sends by the load, {watch['sends']} watched on the whole host; "
              f"{watch['holds']} held, {watch['stalls']} stalls, {said['late']} late answers"
              + ("  goal 0" if whole and watch["stalls"] == 0 else "  goal 0: MISSED"))


def trips(bench, with_trace):
    load = Load(bench, "trips", TRIPS_S)
    child = trace(bench, TRACE_S) if with_trace else None
    time.sleep(LOAD_S if with_trace else 0.2)
    said = load.go()
    if child:
        traced(child)
    return said


def part_cost(bench):
    """ns of a round trip over loopback on one CPU, 500 bytes asked, 100 answered, traced and not, in turn"""
    both = {False: [], True: []}
    for i in range(bench.rounds):
        for with_trace in ((False, True) if i % 2 else (True, False)):
            both[with_trace].append(trips(bench, with_trace))
    for key, what in (("trip_ns", "median of slices"), ("quick_ns", "quickest tenth")):
        without, traced_ns = ([said[key] for said in both[on]] for on in (False, True))
        more = [100 * (b / a - 1) for a, b in zip(without, traced_ns)]
        most = statistics.median(more)
        bench.say(f"{what:16}: without {statistics.median(without):.0f} ns, traced "
                  f"{statistics.median(traced_ns):.0f} ns; more, by round: min {min(more):+.1f}  median "
                  f"{most:+.1f}  max {max(more):+.1f} %"
                  + ("  goal 3 %" if most <= 3 else "  goal 3 %: MISSED"))


PARTS = {"stalls": part_stalls, "healthy": part_healthy, "cost": part_cost}


def write(top, name, lines):
    """Put it into RESULTS.md, instead of what was there of this part."""
    path = Path(top) / "bench/RESULTS.md"
    text = path.read_text(encoding="utf-8")
    begin, end = f"### tcp_nagle.sh {name}: ", "<!-- end -->\n"
    block = f"{begin}{lines[0]}\n\n" + "".join(f"    {line}\n" for line in lines[1:]) + f"\n{end}"
    at = text.find(begin)
    if at < 0:
        text = text.rstrip("\n") + "\n\n" + block
    else:
        text = text[:at] + block + text[text.index(end, at) + len(end):]
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="tcp_nagle.sh",
                                     usage=f"tcp_nagle.sh [--write] [--rounds N] [{'|'.join(PARTS)}]...")
    parser.add_argument("top", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("parts", nargs="*", metavar="PART")
    args = parser.parse_intermixed_args()
    if not set(args.parts) <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    for name in args.parts or PARTS:
        bench = Bench(args)
        bench.say(PARTS[name].__doc__)
        bench.say(f"{time.strftime('%Y-%m-%d')}  Linux {os.uname().release}  {os.cpu_count()} CPUs  "
                  f"load average {os.getloadavg()[0]:.1f}")
        PARTS[name](bench)
        bench.say()
        if args.write:
            write(args.top, name, bench.lines[:-1])


main()
