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
HERE, THERE, DELAY_MS = "192.0.2.1", "192.0.2.2", 20
END_S = 2
SHOWN = 5  # of what is taken for wrong, whole
# Windows that the wire has room for: it loses nothing.
WINDOW = 1 << 20
# Longer than the two hours of keepalive's default a test cannot wait; what it waits for is told by the unit tests.
IDLE = 500


def start(argv, user=None, cwd=None, place=None):
    """place: a process in whose network namespace it runs"""
    if place:
        argv = ["nsenter", f"--net=/proc/{place.pid}/ns/net", *argv]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            preexec_fn=mem.child_of_this, user=user, cwd=cwd)


def far(folder):
    """A namespace behind a wire on which packets take 20 ms each way: who holds it, and the wire"""
    top = Path(__file__).resolve().parent
    src = top.parent / "src"
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-I", src, "-o", folder / "wire", top / "wire.c", src / "lab/wire.c",
                    src / "base/mem.c"], check=True)
    there = start(["unshare", "--net", "sleep", "infinity"])
    own, path = os.stat("/proc/self/ns/net").st_ino, f"/proc/{there.pid}/ns/net"
    while os.stat(path).st_ino == own:
        time.sleep(0.01)
    wire = subprocess.Popen([folder / "wire", str(there.pid), str(DELAY_MS)], stdout=subprocess.PIPE, preexec_fn=mem.child_of_this)
    if wire.stdout.read(1) != b"d":
        raise Absent("no tun device here")
    for words, a, b in (([], HERE, THERE), (["nsenter", f"--net={path}"], THERE, HERE)):
        for what in (["link", "set", "lo", "up"], ["address", "add", a, "peer", b, "dev", "wire0"],
                     ["link", "set", "wire0", "txqueuelen", "20000", "up"]):
            subprocess.run([*words, "ip", *what], check=True)
        subprocess.run([*words, "sh", "-c", f"echo 4096 131072 {WINDOW} >/proc/sys/net/ipv4/tcp_rmem"], check=True)
    return there, wire


def nginx(folder, port, place=None):
    binary = program("nginx", "/usr/sbin/nginx")
    (folder / "page").write_bytes(b"x" * PAGE)
    (folder / "large").write_bytes(b"x" * LARGE)
    places = " ".join(f"{what}_temp_path {folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 4; pid {folder}/pid; error_log {folder}/error; user root;"
        f"events {{ worker_connections 4096; }} http {{ access_log off; {places} keepalive_requests 1000000;"
        f" server {{ listen {port} backlog=4096; root {folder}; }} }}", encoding="ascii")
    server = start([binary, "-c", str(folder / "nginx.conf")], place=place)
    time.sleep(1)
    return server


def wrk(port, path, connections, *more, host="127.0.0.1"):
    return start([program("wrk"), "-t", "2", "-c", str(connections), "-d", "3600", *more, f"http://{host}:{port}/{path}"])


def sshd(folder, place=None):
    """With keys and settings of its own. It wants /run/sshd: a /run of its own, too."""
    binary = program("sshd", "/usr/sbin/sshd")
    os.chmod(folder, 0o700)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "sshd.conf").write_text(
        f"Port 2222\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/key.pub\nPidFile {folder}/pid\nUsePAM no\n"
        "StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 100\nPrintMotd no\n"
        "PrintLastLog no\nUseDNS no\n", encoding="ascii")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.mkdir("/run/sshd", 0o755)
    server = start([binary, "-D", "-f", str(folder / "sshd.conf")], place=place)
    time.sleep(1)
    return server


def sessions(folder, address, typing, bulk):
    return start([sys.executable, str(Path(__file__).parent / "tcp_ssh.py"), str(folder), address, str(typing), str(bulk)])


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


def far_keep_alive(folder):
    """nginx behind 40 ms under wrk, 200 connections with keep-alive"""
    there, wire = far(folder)
    return [there, wire, nginx(folder, 8004, there), wrk(8004, "page", 200, host=THERE)]


def far_close(folder):
    """nginx behind 40 ms under wrk, 100 connections, Connection: close"""
    there, wire = far(folder)
    return [there, wire, nginx(folder, 8005, there), wrk(8005, "page", 100, "-H", "Connection: close", host=THERE)]


def far_large(folder):
    """nginx behind 40 ms under wrk, objects of 4 MiB"""
    there, wire = far(folder)
    return [there, wire, nginx(folder, 8006, there), wrk(8006, "large", 20, host=THERE)]


def ssh(folder):
    """sshd, 20 who type and 2 copies each way"""
    return [sshd(folder), sessions(folder, "127.0.0.1", 20, 2)]


def far_ssh(folder):
    """sshd behind 40 ms, 20 who type and 2 copies each way"""
    there, wire = far(folder)
    return [there, wire, sshd(folder, there), sessions(folder, THERE, 20, 2)]


# Observations of each, a million in all: those with many sockets give them sooner.
LOADS = {keep_alive: 400000, close_each: 60000, large: 60000, redis: 200000, postgres: 60000, queue: 300000,
         far_keep_alive: 100000, far_close: 20000, far_large: 20000, ssh: 30000, far_ssh: 30000}
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
            # Who asks first; and the end of a connection has to get over the wire.
            for child in reversed(children):
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
                time.sleep(END_S)


def observe(bench, name, load, least):
    """(sockets seen, verdicts other than fine)"""
    seen, looks, wrong, states = 0, 0, {}, {}
    with running(load) as children:
        watch = subprocess.Popen([bench.murphy, "tcp", "--json", "--no-owner", "--verdict", "wrong", "--watch", "--every", "0.1"],
                                 stdout=subprocess.PIPE, preexec_fn=mem.child_of_this)
        for line in watch.stdout:
            row = json.loads(line)
            if row["kind"] == "connection":
                if sum(wrong.values()) < SHOWN:
                    print(line.decode().strip(), file=sys.stderr)
                wrong[row["verdict"]] = wrong.get(row["verdict"], 0) + 1
            if row["kind"] != "tcp":
                continue
            looks += 1
            for state, n in row["states"].items():
                states[state] = states.get(state, 0) + n
            seen = sum(n for state, n in states.items() if state not in ("TIME_WAIT", "LISTEN"))
            if seen >= least:
                break
        ended = [child.args[0] for child in children if child.poll() is not None]
        watch.terminate()
        watch.wait()
    if ended:
        raise Absent(f"{ended[0]} has ended")
    bench.say(f"{name:14} {seen:9} observations in {looks:5} looks, {states.get('TIME_WAIT', 0)} of TIME_WAIT beside: "
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
            bench.say(f"{name:14} not run: {absent}")
            continue
        seen, wrong = seen + n, wrong + bad
    bench.say(f"{'all':14} {seen:9} observations, {wrong} verdicts; goal 1000000 and 0"
              + ("" if seen >= 1000000 and wrong == 0 else ": MISSED"))
    if args.write:
        mem.write(args.top, "tcp-healthy.sh", bench.lines)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
