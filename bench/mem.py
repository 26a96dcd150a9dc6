#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPU time, truth and harm of murphy mem and of the tools that people use, in turn. See mem.sh.

mem.py TOP [--write] [--rounds N] [--trials N] [PART...]
"""
import argparse
import ctypes
import json
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import mem_servers

PR_SET_PDEATHSIG = 1
# How many at most, and what one may cost: together never more than a quarter of memory.
PYTHONS, PYTHON_BYTES = 200, 16 << 20
SLEEPERS, SLEEPER_BYTES = 10000, 256 << 10
# An error in per cent says nothing of what is too small, and what moves meanwhile has no truth.
GROUP_LEAST, PROCESS_LEAST, STABLE = 4 << 20, 500 << 10, 0.001
SERVER_LOOKS = 5
PART_OF_MEMORY = 12  # the process that is stalled; as much as the lab's object
MODES = {
    "murphy mem": (["mem"], 200),
    "murphy mem --by process": (["mem", "--by", "process"], 35),
    "murphy mem --exact": (["mem", "--exact"], 15),
    "murphy mem --exact --by process": (["mem", "--exact", "--by", "process"], 8),
}
ROLLUPS = ["sh", "-c", "exec cat /proc/[0-9]*/smaps_rollup"]


def memory():
    return os.sysconf("SC_PAGESIZE") * os.sysconf("SC_PHYS_PAGES")


def fitting(wanted, each):
    """So many processes of that size as a quarter of memory has room for"""
    return min(wanted, memory() // 4 // each)


def child_of_this():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(argv, env=None):
    """(CPU seconds of it and all its children, wall seconds, output)"""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        child = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL, env=env,
                                 stdin=subprocess.DEVNULL, preexec_fn=child_of_this)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        code = os.waitstatus_to_exitcode(status)
        # cat and smem say so when a process has gone meanwhile, murphy (3) when it could not see all.
        if code not in (0, 1, 3):
            sys.exit(f"mem: {' '.join(argv)}: exit code {code}")
        out.seek(0)
        return used.ru_utime + used.ru_stime, wall, out.read()


def rows_of(murphy, args, env=None):
    """What murphy, called so, mem --json says: (rows, the account at the end)"""
    lines = [json.loads(line) for line in run([*murphy, *args, "--json"], env)[2].splitlines()]
    return lines[:-1], lines[-1]


def three(values, unit="s", digits=3):
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"min {low:8.{digits}f}  median {mid:8.{digits}f}  max {high:8.{digits}f} {unit}"


class Unready(Exception):
    """A load that this machine cannot have."""


@contextmanager
def load(argv, word):
    """A program that makes the load, from the line that begins with word to the end of the block."""
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             preexec_fn=child_of_this)
    try:
        said = []
        for line in child.stdout:
            said.append(line)
            if line.startswith(word):
                break
        else:
            raise Unready(f"mem: {' '.join(argv)} made no load: {''.join(said)}")
        yield child
    finally:
        child.send_signal(signal.SIGINT)
        child.wait()


def lab(bench):
    return load([bench.lab, "run", "mem-shared", "--for", "3600"], "ready")


class Bench:
    def __init__(self, args):
        top = Path(args.top)
        self.murphy, self.lab = str(top / "build/murphy"), str(top / "build/murphy-lab")
        self.load = str(top / "build/tests/mem-load")
        self.rounds, self.trials = args.rounds, args.trials
        self.lines = []

    def say(self, text=""):
        print(text, flush=True)
        self.lines.append(text)


def compare(bench, goals):
    """The tools in turn, and each mode's CPU time as a part of smem's in the same round."""
    tools = {"smem": ["smem", "-H"]}
    ps_mem = shutil.which("ps_mem")
    if ps_mem:
        tools["ps_mem"] = [ps_mem]
    tools["cat smaps_rollup"] = ROLLUPS
    tools |= {name: [bench.murphy, *args] for name, (args, _) in MODES.items()}
    cpu = {name: [] for name in tools}
    wall = {name: [] for name in tools}
    for name, argv in tools.items():  # warm
        run(argv)
    for _ in range(bench.rounds):
        for name, argv in tools.items():
            used, took, _ = run(argv)
            cpu[name].append(used)
            wall[name].append(took)
    for name in tools:
        ratio = statistics.median(a / b for a, b in zip(cpu["smem"], cpu[name]))
        goal = f"  goal {goals[name]}x{'' if ratio >= goals[name] else ': MISSED'}" \
            if name in goals else ""
        bench.say(f"{name:32} CPU {three(cpu[name])}  wall {statistics.median(wall[name]):7.3f} s  "
                  f"smem/this {ratio:7.1f}x{goal}")
    if not ps_mem:
        bench.say("(ps_mem is not installed)")


def part_cpu(bench):
    """CPU seconds on the 600 processes of the lab mem-shared"""
    with lab(bench):
        compare(bench, {name: goal for name, (_, goal) in MODES.items()})


def python_children():
    code = "import signal, json, re, subprocess, decimal; print('ready', flush=True); signal.pause()"
    children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                                 preexec_fn=child_of_this)
                for _ in range(fitting(PYTHONS, PYTHON_BYTES))]
    for child in children:
        child.stdout.readline()
    return children


def part_small(bench):
    """CPU seconds on 200 small Python processes"""
    children = python_children()
    if len(children) < PYTHONS:
        bench.say(f"{len(children)} processes: a quarter of memory has no room for more")
    try:
        compare(bench, {"murphy mem": 20})
    finally:
        for child in children:
            child.kill()
            child.wait()


def rollup_pss(pid):
    """Bytes; None: gone, or a thread of the kernel."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^Pss: +(\d+) kB", text, re.M)
    return int(found.group(1)) * 1024 if found else None


def truth_now():
    """{(by, key): (bytes, processes, kind)} for each executable, name and process of the host."""
    truth = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        pss = rollup_pss(name)
        try:
            exe = os.readlink(f"/proc/{name}/exe")
            comm = Path(f"/proc/{name}/comm").read_text(errors="replace").strip()
        except OSError:
            continue
        if pss is None:
            continue
        for key, kind in ((("executable", exe), Path(exe).name), (("process", int(name)), comm),
                          (("name", comm), comm)):
            had = truth.get(key, (0, 0, kind))
            truth[key] = (had[0] + pss, had[1] + 1, kind)
    return truth


KEYS = {"executable": "path", "name": "name", "process": "pid"}


class Score:
    def __init__(self):
        self.n, self.squares, self.bias, self.width, self.held = 0, 0.0, 0.0, 0.0, 0

    def add(self, row, pss, processes):
        off = row["pss_bytes"] - pss
        self.n += 1
        self.squares += (off / pss) ** 2
        self.bias += off / pss
        self.width += row["pss_error_bytes"] / pss
        # The kernel's own number is cut to whole kB in each process.
        self.held += abs(off) <= row["pss_error_bytes"] + 1024 * processes


def steady(before, after):
    """What was the same before and after, in bytes enough."""
    for (by, key), (pss, n, kind) in before.items():
        then = after.get((by, key), (0, 0, kind))
        least = PROCESS_LEAST if by == "process" else GROUP_LEAST
        if pss >= least and then[1] == n and abs(then[0] - pss) <= STABLE * pss + 1024 * n:
            yield (by, key), ((pss + then[0]) / 2, n, kind)


def part_accuracy(bench):
    """RMS error and coverage of nominal 95 % intervals on the lab mem-shared, against smaps_rollup"""
    with lab(bench), tempfile.TemporaryDirectory() as libraries:
        # It is part of what it looks at, but not of what the kernel is asked afterwards.
        env = mem_servers.apart(bench.murphy, libraries)
        murphy = mem_servers.alone(bench.murphy, libraries)
        before = truth_now()
        trials = []
        for _ in range(bench.trials):
            for by in KEYS:
                trials.append((by, rows_of(murphy, ["mem", "--by", by], env)[0]))
        truth = dict(steady(before, truth_now()))
    scores = {}
    for by, rows in trials:
        for row in rows:
            key = by, row.get(KEYS[by])
            if key in truth and row["pss_bytes"] is not None and row["pss_error_bytes"] is not None:
                pss, n, kind = truth[key]
                scores.setdefault((by, kind), Score()).add(row, pss, n)
    bench.say(f"{bench.trials} trials. Of groups of {GROUP_LEAST >> 20} MiB and processes of "
              f"{PROCESS_LEAST >> 10} KiB at least that did not change meanwhile")
    bench.say(f"{'by':11} {'kind':28} {'values':>7} {'RMS %':>7} {'bias %':>7} {'width %':>8} {'holds %':>8}")
    for (by, kind), s in sorted(scores.items()):
        rms, held = 100 * math.sqrt(s.squares / s.n), 100 * s.held / s.n
        missed = (by != "process" and rms > 1) * " RMS MISSED (1 %)" \
            + (held < 93) * " coverage MISSED (93 %)"
        bench.say(f"{by:11} {kind:28} {s.n:7} {rms:7.2f} {100 * s.bias / s.n:7.2f} "
                  f"{100 * s.width / s.n:8.2f} {held:8.1f}{missed}")


def waited(child):
    child.stdin.write("\n")
    child.stdin.flush()
    return [float(x) for x in child.stdout.readline().split()]


def part_stall(bench):
    """Worst wait of a thread that maps, touches and unmaps 64 KiB in a process that is looked at"""
    mib = min(memory() // PART_OF_MEMORY >> 20, 2048)
    with load([bench.load, "stall", str(mib)], "ready") as child:
        tools = {"nobody looks": ["sleep", "1"],
                 "smaps_rollup of it": ["cat", f"/proc/{child.pid}/smaps_rollup"],
                 "smem": ["smem", "-H"]}
        tools |= {name: [bench.murphy, *args] for name, (args, _) in MODES.items()}
        tools["murphy mem PID"] = [bench.murphy, "mem", str(child.pid)]
        worst = {name: [] for name in tools}
        most = {name: [] for name in tools}
        for _ in range(bench.rounds * 3):
            for name, argv in tools.items():
                waited(child)
                run(argv)
                now = waited(child)
                worst[name].append(now[0] / 1000)
                most[name].append(now[1] / 1000)
    bench.say(f"a process with {mib} MiB of shared and {mib // 8} MiB of private memory, "
              f"{bench.rounds * 3} rounds in turn")
    for name in tools:
        goal = ""
        if name.startswith("murphy"):
            goal = "  goal 5 ms" + ("" if max(worst[name]) <= 5 else ": MISSED")
        bench.say(f"{name:32} worst {three(worst[name], 'ms')}  99.9 % of the time within "
                  f"{statistics.median(most[name]):.2f} ms{goal}")


def part_many(bench):
    """murphy mem with 10,000 sleeping processes"""
    sleepers = fitting(SLEEPERS, SLEEPER_BYTES)
    with load([bench.load, "sleep", str(sleepers)], "ready"):
        if sleepers < SLEEPERS:
            bench.say(f"{sleepers} processes: a quarter of memory has no room for more")
        for name, (args, _) in MODES.items():
            took = [run([bench.murphy, *args]) for _ in range(bench.rounds)]
            account = rows_of([bench.murphy], args)[1]
            bench.say(f"{name:32} CPU {three([t[0] for t in took])}  wall {three([t[1] for t in took])}  "
                      f"peak {account['cost_peak_bytes'] / (1 << 20):.1f} MiB  "
                      f"{account['processes']} processes by {account['method']}"
                      + "".join(f"; lost: {text}" for text in account["lost"]))


def rollup(pid):
    """kB of RSS, PSS, USS and SwapPss"""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    kb = dict(re.findall(r"^(\w+): +(\d+) kB", text, re.M))
    return (int(kb["Rss"]), int(kb["Pss"]), int(kb["Private_Clean"]) + int(kb["Private_Dirty"]),
            int(kb["SwapPss"]))


def look_exactly(murphy, pids, env):
    """{pid: how far off are RSS, PSS, USS and SwapPss, in kB}; None: not told."""
    fields = ("rss_bytes", "pss_bytes", "uss_bytes", "swap_bytes")
    rows = {row["pid"]: row for row in rows_of(
        murphy, ["mem", "--exact", "--by", "process"], env)[0]}
    truth = {pid: rollup(pid) for pid in pids}
    off = {}
    for pid in pids:
        told = [rows.get(pid, {}).get(field) for field in fields]
        off[pid] = None if None in told \
            else [abs(a / 1024 - b) for a, b in zip(told, truth[pid])]
    return off, truth, rows[pids[0]]["method"]


def part_servers(bench):
    """Exact values of real servers, stopped in the midst of their work, against smaps_rollup"""
    bench.say("Who starts or ends meanwhile takes a share of what is not the server's alone: "
              f"{SERVER_LOOKS} looks at most, of each process the best")
    bench.say(f"{'processes':>9} {'sum of RSS':>11} {'sum of PSS':>11}   off: RSS   PSS   USS  swap kB"
              "  above 2 kB  looks")
    for make in mem_servers.SERVERS:
        best, looks = {}, 0
        try:
            with tempfile.TemporaryDirectory() as libraries, \
                    tempfile.TemporaryDirectory() as folder, \
                    mem_servers.stopped(make, folder, child_of_this) as pids:
                env = mem_servers.apart(bench.murphy, libraries)
                murphy = mem_servers.alone(bench.murphy, libraries)
                while looks < SERVER_LOOKS and (not best or wrong):
                    off, truth, method = look_exactly(murphy, pids, env)
                    looks += 1
                    for pid in pids:
                        if off[pid] and (not best.get(pid) or max(off[pid]) < max(best[pid])):
                            best[pid] = off[pid]
                    wrong = sum(pid not in best or max(best[pid]) > 2 for pid in pids)
        except mem_servers.Absent as lack:
            bench.say(f"{make.__doc__}: {lack}")
            continue
        worst = " ".join(f"{max(o[i] for o in best.values()):5.1f}" for i in range(4))
        bench.say(f"{len(truth):9} {sum(t[0] for t in truth.values()) / 1024:7.0f} MiB "
                  f"{sum(t[1] for t in truth.values()) / 1024:7.0f} MiB       {worst}    {wrong:10} "
                  f"{looks:6}  {make.__doc__}, by {method}" + (": MISSED" if wrong else ""))


def part_account(bench):
    """What of memory is unaccounted while each healthy lab runs"""
    listed = subprocess.run([bench.lab, "list", "--json"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    worst = {}
    for row in map(json.loads, listed.splitlines()):
        if row["want"] or row["guest"]:
            continue
        try:
            with load([bench.lab, "run", row["name"], "--for", "60"], "ready"):
                account = rows_of([bench.murphy], ["mem"])[1]
        except Unready:
            continue
        worst[row["name"]] = account["unaccounted_bytes"] / account["total_bytes"]
    most = sorted(worst, key=lambda name: -abs(worst[name]))
    bench.say(f"{len(worst)} labs; most of them: "
              + ", ".join(f"{name} {100 * worst[name]:.2f} %" for name in most[:5])
              + ("  goal 3 %" if abs(worst[most[0]]) <= 0.03 else "  goal 3 %: MISSED"))


PARTS = {"cpu": part_cpu, "accuracy": part_accuracy, "small": part_small, "stall": part_stall,
         "many": part_many, "servers": part_servers, "account": part_account}


def write(top, name, lines):
    """Put it into RESULTS.md, instead of what was there of this part."""
    path = Path(top) / "bench/RESULTS.md"
    text = path.read_text(encoding="utf-8")
    begin, end = f"### {name}: ", "<!-- end -->\n"
    block = f"{begin}{lines[0]}\n\n" + "".join(f"    {line}\n" for line in lines[1:]) + f"\n{end}"
    at = text.find(begin)
    if at < 0:
        text = text.rstrip("\n") + "\n\n" + block
    else:
        text = text[:at] + block + text[text.index(end, at) + len(end):]
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="mem.sh", usage="mem.sh [--write] [--rounds N] [--trials N] "
                                                          f"[{'|'.join(PARTS)}]...")
    parser.add_argument("top", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("parts", nargs="*", metavar="PART")
    # Parts may come after options, too.
    args = parser.parse_intermixed_args()
    if not set(args.parts) <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    for name in args.parts or PARTS:
        bench = Bench(args)
        bench.say(PARTS[name].__doc__)
        bench.say(f"{time.strftime('%Y-%m-%d')}  Linux {os.uname().release}  {os.cpu_count()} CPUs  "
                  f"{bench.rounds} rounds in turn, load average {os.getloadavg()[0]:.1f}")
        PARTS[name](bench)
        bench.say()
        if args.write:
            write(args.top, f"mem.sh {name}", bench.lines[:-1])


if __name__ == "__main__":
    main()
