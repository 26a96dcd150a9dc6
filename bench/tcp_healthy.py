#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real servers under load, in a network namespace of their own: does murphy tcp find anything wrong? See tcp-healthy.sh.

tcp_healthy.py TOP [--write] [--scale F] [LOAD...]
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import mem
from mem_servers import Absent, program

PAGE, LARGE = 20000, 4 << 20
# Longer than the two hours of keepalive's default a test cannot wait; what it waits for is told by the unit tests.
IDLE = 500


def start(argv, user=None, cwd=None):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            preexec_fn=mem.child_of_this, user=user, cwd=cwd)


def nginx(folder, port):
    binary = program("nginx", "/usr/sbin/nginx")
    (folder / "page").write_bytes(b"x" * PAGE)
    (folder / "large").write_bytes(b"x" * LARGE)
    places = " ".join(f"{what}_temp_path {folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 4; pid {folder}/pid; error_log {folder}/error; user root;"
        f"events {{ worker_connections 4096; }} http {{ access_log off; {places} keepalive_requests 1000000;"
        f" server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}; }} }}", encoding="ascii")
    server = start([binary, "-c", str(folder / "nginx.conf")])
    time.sleep(1)
    return server


def wrk(port, path, connections, *more):
    return start([program("wrk"), "-t", "2", "-c", str(connections), "-d", "3600", *more, f"http://127.0.0.1:{port}/{path}"])


def keep_alive(folder):
    """nginx under wrk, 400 connections with keep-alive"""
    return [nginx(folder, 8001), wrk(8001, "page", 400)]


def close_each(folder):
    """nginx under wrk, 100 connections, Connection: close"""
    return [nginx(folder, 8002), wrk(8002, "page", 100, "-H", "Connection: close")]


def large(folder):
    """nginx under wrk, objects of 4 MiB"""
    return [nginx(folder, 8003), wrk(8003, "large", 50)]


def redis(folder):
    """Redis under redis-benchmark, 200 connections, pipelined"""
    server = start([program("redis-server"), "--port", "6390", "--save", "", "--dir", str(folder)])
    time.sleep(1)
    return [server, start([program("redis-benchmark"), "-p", "6390", "-c", "200", "-l", "-q", "-P", "4"])]


def postgres(folder):
    """PostgreSQL over TCP under pgbench, 40 connections"""
    bins = Path(program("initdb", "/usr/lib/postgresql/*/bin/initdb")).parent
    home, user = folder / "pg", "postgres"
    home.mkdir(mode=0o700)
    shutil.chown(home, user)
    subprocess.run([bins / "initdb", "-D", home, "-U", "bench", "-A", "trust", "-N"], user=user, cwd="/",
                   stdout=subprocess.DEVNULL, check=True)
    server = start([bins / "postgres", "-D", home, "-k", home, "-c", "listen_addresses=127.0.0.1", "-p", "5439",
                    "-c", "max_connections=80"], user, "/")
    to = [bins / "pgbench", "-h", "127.0.0.1", "-p", "5439", "-U", "bench"]
    for _ in range(50):
        if subprocess.run([*to, "-i", "-q", "-s", "5", "postgres"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0:
            break
        time.sleep(0.2)
    return [server, start([*to, "-n", "-c", "40", "-j", "2", "-T", "3600", "postgres"])]


def queue(_folder):
    """idle consumers of a queue, kept alive, and a message each second for one in ten"""
    code = (f"import socket,time\nl=socket.create_server(('127.0.0.1',5679),backlog=128)\nc=[];s=[]\n"
            f"for i in range({IDLE}):\n a=socket.create_connection(('127.0.0.1',5679));a.setsockopt(1,9,1);c.append(a);b=l.accept()[0];"
            "b.setsockopt(1,9,1);s.append(b)\nwhile True:\n for i in range(0,len(s),10):\n  s[i].sendall(b'message');c[i].recv(99);"
            "c[i].sendall(b'ack');s[i].recv(99)\n time.sleep(1)")
    return [start([sys.executable, "-c", code])]


# Observations of each, a million in all: those with many sockets give them sooner.
LOADS = {keep_alive: 400000, close_each: 60000, large: 60000, redis: 200000, postgres: 60000, queue: 300000}
NAMES = {load.__name__: load for load in LOADS}


@contextmanager
def running(load):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        children = []
        try:
            children = load(Path(folder))
            time.sleep(3)
            yield children
        finally:
            for child in reversed(children):
                child.send_signal(signal.SIGTERM)
            for child in children:
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


def observe(bench, name, load, least):
    """(sockets seen, verdicts other than fine)"""
    seen, looks, wrong, states = 0, 0, {}, {}
    with running(load):
        watch = subprocess.Popen([bench.murphy, "tcp", "--json", "--no-owner", "--verdict", "wrong", "--watch", "--every", "0.1"],
                                 stdout=subprocess.PIPE, preexec_fn=mem.child_of_this)
        for line in watch.stdout:
            row = json.loads(line)
            # Only this namespace's: whatever else the host does is not the load.
            if row["kind"] == "connection" and row["netns"] == 0:
                wrong[row["verdict"]] = wrong.get(row["verdict"], 0) + 1
            if row["kind"] != "tcp":
                continue
            looks += 1
            for state, n in row["states"].items():
                states[state] = states.get(state, 0) + n
            seen = sum(n for state, n in states.items() if state not in ("TIME_WAIT", "LISTEN"))
            if seen >= least:
                break
        watch.terminate()
        watch.wait()
    bench.say(f"{name:11} {seen:9} observations in {looks:5} looks, {states.get('TIME_WAIT', 0)} of TIME_WAIT beside: "
              + (", ".join(f"{n} {v}" for v, n in wrong.items()) or "nothing wrong") + f"  ({load.__doc__})")
    return seen, sum(wrong.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("top")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("loads", nargs="*")
    args = parser.parse_intermixed_args()
    args.rounds = args.trials = 0
    if not set(args.loads) <= set(NAMES):
        parser.error(f"loads are {', '.join(NAMES)}")
    bench, seen, wrong = mem.Bench(args), 0, 0
    bench.say("healthy servers: what murphy tcp takes for wrong")
    bench.say(f"{time.strftime('%Y-%m-%d')}  Linux {os.uname().release}  {os.cpu_count()} CPUs, sockets but TIME_WAIT and listeners")
    for name in args.loads or NAMES:
        try:
            n, bad = observe(bench, name, NAMES[name], LOADS[NAMES[name]] * args.scale)
        except Absent as absent:
            bench.say(f"{name:11} not run: {absent}")
            continue
        seen, wrong = seen + n, wrong + bad
    bench.say(f"{'all':11} {seen:9} observations, {wrong} verdicts; goal 1000000 and 0"
              + ("" if seen >= 1000000 and wrong == 0 else ": MISSED"))
    if args.write:
        mem.write(args.top, "tcp-healthy.sh", bench.lines)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
