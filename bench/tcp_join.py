#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many disagreements murphy tcp join sees where there are none, and what it costs. See tcp-join.sh.

tcp_join.py TOP [--write] [--joins N]
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(sys.argv[1])
sys.path.insert(0, str(TOP / "tests/lab"))
from tcp_hosts import B, Hosts  # noqa: E402

PORT, PORTS, CLIENTS, HELD = 5000, 20, 2, 1500


def compile_churn(hosts):
    path = hosts.dir / "churn"
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", path, TOP / "bench/tcp_churn.c"], check=True)
    return str(path)


def start(hosts, host, *words):
    child = subprocess.Popen(["ip", "netns", "exec", hosts.names[host], *words], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    hosts.children.append(child)
    assert child.stdout.readline().strip() == "ready"
    return child


def join(murphy, hosts):
    was = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(hosts.on("a") + [murphy, "tcp", "join", "--json", "--peer", "b", "--ssh", hosts.ssh(),
                                           "--murphy", murphy, "--b-address", B],
                          capture_output=True, text=True, timeout=300, check=False)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    end = json.loads(done.stdout.splitlines()[-1])
    end["cpu_s"] = now.ru_utime + now.ru_stime - was.ru_utime - was.ru_stime
    return end, done.stdout


# Connections that B ended and has forgotten, while A's program does not close: true disagreements.
ENDED = """
import socket, sys, time
if sys.argv[1] == "serve":
    s = socket.create_server(("", 4999), backlog=100)
    print("ready", flush=True)
    while True: s.accept()[0].close()
held = [socket.create_connection((sys.argv[1], 4999)) for _ in range(20)]
print("ready", flush=True)
time.sleep(1e6)
"""
TRUE = 20


def churn(murphy, joins):
    lines, seconds = [], 1000
    raw = wrong = missed = 0
    with Hosts() as h:
        for host in "ab":
            h.sysctl(host, "net/ipv4/ip_local_port_range", "'1024 65000'")
            h.sysctl(host, "net/ipv4/tcp_tw_reuse", 1)
            h.sysctl(host, "net/core/somaxconn", 4096)
            h.sysctl(host, "net/ipv4/tcp_max_tw_buckets", 20000)
        program = compile_churn(h)
        start(h, "b", program, "serve", str(PORT), str(PORTS))
        clients = [start(h, "a", program, "run", B, str(PORT), str(PORTS), str(seconds), str(HELD))
                   for _ in range(CLIENTS)]
        h.sysctl("b", "net/ipv4/tcp_fin_timeout", 2)
        start(h, "b", "python3", "-c", ENDED, "serve")
        start(h, "a", "python3", "-c", ENDED, B)
        time.sleep(6)
        begun = time.monotonic()
        for i in range(joins):
            end, out = join(murphy, h)
            raw += end["suspects"]
            found = [json.loads(line) for line in out.splitlines()[:-1]]
            true = sum(x["cause"] == "close-wait" and x["here"]["peer_port"] == 4999 for x in found)
            wrong += len(found) - true
            missed += TRUE - true
            lines.append(f"join {i + 1:2}: {end['hosts'][0]['sockets']:6} + {end['hosts'][1]['sockets']:6} sockets, "
                         f"{end['joined']:5} joined, {end['suspects']:5} suspects, {len(found)} after the "
                         f"second look, {true} of {TRUE} true ones, {end['cpu_s']:.2f} s CPU")
            print(lines[-1], flush=True)
            if len(found) != true:
                print(out)
        took = time.monotonic() - begun
        made = [client.communicate(timeout=60)[0].split() for client in clients]
    rate = sum(int(m) / float(s) for m, _, s in made)
    lines.append(f"{rate:.0f} connections/s ({sum(int(f) for _, f, _ in made)} refused), {joins} joins in {took:.0f} s: "
                 f"{raw} suspects, {wrong} false disagreements, {missed} of {joins * TRUE} true ones missed")
    print(lines[-1])
    return lines, wrong + missed


def write(lines):
    """Put it into RESULTS.md, instead of what was there."""
    path = TOP / "bench/RESULTS.md"
    text = path.read_text(encoding="utf-8")
    begin, end = "### tcp-join.sh: two busy hosts that agree\n", "<!-- end -->\n"
    block = begin + "\n" + "".join(f"    {line}\n" for line in lines) + "\n" + end
    at = text.find(begin)
    if at < 0:
        text = text.rstrip("\n") + "\n\n" + block
    else:
        text = text[:at] + block + text[text.index(end, at) + len(end):]
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="tcp-join.sh", usage="tcp-join.sh [--write] [--joins N]")
    parser.add_argument("top", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--joins", type=int, default=12)
    args = parser.parse_args()
    murphy = os.environ.get("MURPHY", str(TOP / "build/murphy"))
    head = (f"{time.strftime('%Y-%m-%d')}  Linux {os.uname().release}  {os.cpu_count()} CPUs  {CLIENTS} clients that "
            f"hold {HELD} each, load average {os.getloadavg()[0]:.1f}")
    print(head)
    lines, wrong = churn(murphy, args.joins)
    if args.write:
        write([head, *lines])
    return 1 if wrong else 0


sys.exit(main())
