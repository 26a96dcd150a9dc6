#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""When TCP connections end: predictions from one dump against what the kernel then does.

tcp_end.py TOP [--write] [--each N] [--dump FILE] [short|default]; see tcp_end.sh.
"""
import argparse
import ctypes
import errno
import json
import os
import platform
import random
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

CLONE_NEWNET, PR_SET_PDEATHSIG = 0x40000000, 1
LIBC = ctypes.CDLL(None, use_errno=True)
CLIENT, SERVER, LOST, PORT = "192.0.2.1", "198.51.100.1", "203.0.113.1", 9000
# Linux's numbers; older Pythons do not know them all.
KEEPIDLE, KEEPINTVL, KEEPCNT, SYNCNT, LINGER2, USER_TIMEOUT = 4, 5, 6, 7, 8, 18
KINDS = ["data", "data-user", "window", "window-user", "keepalive", "keepalive-set",
         "keepalive-user", "syn", "syn-user", "syn-count", "fin-wait1", "last-ack", "fin-wait2",
         "fin-wait2-linger", "time-wait", "half-open", "data-unreachable"]
# Only eBPF shows these options of the sockets.
SYN_RECV, CLOSE, NEW_SYN_RECV = 3, 7, 12
HIDDEN = {"data-user", "window-user", "keepalive-set", "keepalive-user", "syn-user", "syn-count"}
FAST = {"tcp_keepalive_time": 3, "tcp_keepalive_intvl": 2, "tcp_keepalive_probes": 4}
VARIANTS = [
    dict(FAST, tcp_retries2=3, tcp_syn_retries=1, tcp_fin_timeout=3, tcp_synack_retries=1,
         tcp_orphan_retries=2),
    dict(FAST, tcp_retries2=5, tcp_syn_retries=2, tcp_fin_timeout=5, tcp_synack_retries=2,
         tcp_orphan_retries=4, tcp_keepalive_time=5, tcp_keepalive_intvl=1),
    dict(FAST, tcp_retries2=6, tcp_syn_retries=3, tcp_fin_timeout=8, tcp_synack_retries=3,
         tcp_syn_linear_timeouts=1, tcp_keepalive_time=2, tcp_keepalive_intvl=5),
    dict(FAST, tcp_retries2=8, tcp_syn_retries=3, tcp_fin_timeout=10, tcp_synack_retries=3,
         tcp_syn_linear_timeouts=0, tcp_rto_max_ms=5000, tcp_keepalive_probes=2),
    dict(FAST, tcp_retries2=7, tcp_syn_retries=2, tcp_fin_timeout=66, tcp_synack_retries=2,
         tcp_rto_min_us=50000, tcp_orphan_retries=6),
]
UNREACHABLE, UNREACHABLE_SETTINGS = "data-unreachable", dict(tcp_retries2=4)
IDLE_S, STARTS_S, POLL_S, DUMP_S = 1.0, 6.0, 0.05, 0.9
LONGEST_S = {"short": 200, "default": 1020}
TOLERANCE, TOLERANCE_S = 0.01, 2.0


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def child_of_this():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Netns:
    """A network namespace, held by a process that sleeps in it"""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"],
                                       preexec_fn=child_of_this)
        own = os.stat("/proc/self/ns/net").st_ino
        self.path = f"/proc/{self.holder.pid}/ns/net"
        while os.stat(self.path).st_ino == own:
            time.sleep(0.01)
        self.inode = os.stat(self.path).st_ino
        self.fd = os.open(self.path, os.O_RDONLY)

    def enter(self):
        if LIBC.setns(self.fd, CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "setns")

    def hide(self):
        """Nobody is in it any more: it is not read, but it stays"""
        self.holder.kill()
        self.holder.wait()

    def run(self, script):
        subprocess.run(["sh", "-ec", script], check=True, preexec_fn=self.enter)

    def end(self):
        if self.holder.poll() is None:
            self.hide()
        os.close(self.fd)


class Diag:
    """Raw sock_diag of a namespace: who is in the table, and how many probes were sent"""

    def __init__(self):
        self.fd = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)

    def sockets(self):
        request = struct.pack("=BBBBI48s", socket.AF_INET, 6, 0, 0, 0xffffffff, b"")
        self.fd.send(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 1, 0) + request)
        found = {}
        while True:
            data, at = self.fd.recv(65536), 0
            while at < len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                if kind in (2, 3):
                    return found
                _, state, timer, tries, sport, dport = struct.unpack_from("!BBBBHH", data, at + 16)
                cookie = struct.unpack_from("=Q", data, at + 16 + 4 + 40)[0]
                found[cookie] = (state, timer, tries, sport, dport)
                at += (length + 3) & ~3


class Story:
    """A connection and its end"""

    def __init__(self, kind, net, fd=None, peer=None):
        self.kind, self.net, self.fd, self.peer = kind, net, fd, peer
        self.cookie = self.began = self.error = self.failed = self.gone = self.probed = None
        self.seen = {"plain": [], "whole": []}

    def told(self, end):
        """When what was predicted happened, None: it has not"""
        if end["what"] == "keepalive-probe":
            return self.probed
        if end["what"] in ("fails", "connect-fails", "keepalive-gives-up"):
            return self.failed
        return self.gone


class Hosts:
    """Client, router, server, and their connections"""

    def __init__(self, settings, kinds, each, icmp=False):
        self.icmp, self.kinds, self.each, self.stories = icmp, kinds, each, []
        self.client, self.router, self.server = Netns(), Netns(), Netns()
        r, s = self.router.holder.pid, self.server.holder.pid
        self.client.run(f"ip link add to-r1 type veth peer name r1 netns {r}; ip link set lo up\n"
                        f"ip address add {CLIENT}/24 dev to-r1; ip address add {LOST}/32 dev to-r1\n"
                        "ip link set to-r1 up")
        self.router.run(f"ip link add r2 type veth peer name to-r2 netns {s}\n"
                        "ip address add 192.0.2.254/24 dev r1; ip link set r1 up\n"
                        "ip address add 198.51.100.254/24 dev r2; ip link set r2 up\n"
                        f"ip route add blackhole {LOST}/32\n"
                        "echo 0 | tee /proc/sys/net/ipv4/conf/*/rp_filter >/dev/null\n"
                        "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self.server.run(f"ip address add {SERVER}/24 dev to-r2; ip link set to-r2 up; ip link set lo up\n"
                        "ip route add default via 198.51.100.254")
        self.client.run("ip route add default via 192.0.2.254")
        self.router.hide()
        for net in (self.client, self.server):
            for name, value in settings.items():
                path = f"/proc/sys/net/ipv4/{name}"
                net.run(f"[ ! -e {path} ] || echo {value} >{path}")
        self.server.enter()
        self.server_diag, self.finder = Diag(), Diag()
        self.listener = socket.create_server((SERVER, PORT), backlog=1024)
        self.narrow = socket.socket()
        self.narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.narrow.bind((SERVER, PORT + 1))
        self.narrow.listen(1024)
        self.client.enter()
        self.diag = Diag()

    def connect(self, kind):
        self.client.enter()
        narrow = kind.startswith("window")
        fd = socket.create_connection((SERVER, PORT + narrow))
        peer = (self.narrow if narrow else self.listener).accept()[0]
        if not narrow:
            for a, b in ((fd, peer), (peer, fd)):
                a.send(b"x")
                b.recv(1)
        return Story(kind, self.client, fd, peer)

    def prepare(self):
        """All that is done while the hosts can still talk to each other"""
        for kind in self.kinds:
            for _ in range(self.each):
                if kind.startswith("syn") or kind == "half-open":
                    self.stories.append(Story(kind, self.client))
                    continue
                story = self.connect(kind)
                self.stories.append(story)
                story.cookie = struct.unpack("=Q", story.fd.getsockopt(socket.SOL_SOCKET, 57, 8))[0]
                if story.kind.endswith("-user") and story.kind != "window-user":
                    story.fd.setsockopt(6, USER_TIMEOUT, random.randint(2000, 20000))
                if kind.startswith("window"):
                    story.fd.setblocking(False)
                    try:
                        while True:
                            story.fd.send(bytes(4096))
                    except BlockingIOError:
                        pass
                if kind == "last-ack":
                    story.peer.close()
        time.sleep(IDLE_S)

    def cut(self):
        """From now on nothing passes; some ends need that packets do"""
        for story in self.stories:
            if story.kind.startswith("fin-wait2") or story.kind == "time-wait":
                self.act(story)
        time.sleep(0.2)
        if self.icmp:  # an answer to each, and the way back for it
            self.router.run(f"echo 0 >/proc/sys/net/ipv4/icmp_ratelimit\nip route add unreachable {SERVER}/32")
        else:
            self.router.run(f"ip route add blackhole {SERVER}/32; ip route add blackhole {CLIENT}/32")

    def half_open(self, story):
        """One SYN whose answer is lost, and nobody who repeats it"""
        self.router.run(f"ip route del blackhole {SERVER}/32")
        self.client.enter()
        fd = socket.socket()
        fd.setblocking(False)
        fd.bind((LOST, 0))
        port = fd.getsockname()[1]
        fd.connect_ex((SERVER, PORT))
        time.sleep(0.05)
        fd.close()
        self.router.run(f"ip route add blackhole {SERVER}/32")
        story.net = self.server
        # By its state, too: a connection from another address may have the same port.
        for cookie, (state, _, _, _, dport) in self.finder.sockets().items():
            if dport == port and state in (SYN_RECV, NEW_SYN_RECV):
                story.cookie = cookie

    def connect_lost(self, story):
        self.client.enter()
        fd = story.fd = socket.socket()
        fd.setblocking(False)
        if story.kind == "syn-user":
            story.fd.setsockopt(6, USER_TIMEOUT, random.randint(2000, 20000))
        if story.kind == "syn-count":
            story.fd.setsockopt(6, SYNCNT, random.randint(1, 4))
        fd.connect_ex((SERVER, PORT))
        story.cookie = struct.unpack("=Q", fd.getsockopt(socket.SOL_SOCKET, 57, 8))[0]

    def act(self, story):
        kind, fd = story.kind, story.fd
        if kind == "half-open":
            self.half_open(story)
        elif kind.startswith("syn"):
            self.connect_lost(story)
        elif kind == "window-user":  # not before: its window is shut already
            fd.setsockopt(6, USER_TIMEOUT, random.randint(2000, 20000))
        elif kind.startswith("data"):
            fd.send(bytes(1000))
        elif kind.startswith("keepalive"):
            if kind == "keepalive-set":
                story.fd.setsockopt(6, KEEPIDLE, random.randint(1, 6))
                story.fd.setsockopt(6, KEEPINTVL, random.randint(1, 4))
                story.fd.setsockopt(6, KEEPCNT, random.randint(2, 6))
            fd.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        elif kind == "fin-wait1":
            fd.send(bytes(1000))
            fd.close()
        elif kind in ("last-ack", "fin-wait2"):
            fd.close()
        elif kind == "fin-wait2-linger":
            story.fd.setsockopt(6, LINGER2, random.randint(2, 15))
            fd.close()
        elif kind == "time-wait":
            fd.close()
            story.peer.close()
        story.began = now()

    def end(self):
        for net in (self.client, self.router, self.server):
            net.end()


class Predictor:
    """bench/tcp_end.c: dumps, and what is predicted from each"""

    def __init__(self, top):
        self.child = subprocess.Popen([top / "build/tests/tcp-end"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, preexec_fn=child_of_this)

    def dump(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        rows = []
        for line in self.child.stdout:
            row = json.loads(line)
            if "done" in row:
                if row["lost"]:
                    print(f"tcp_end: {row['lost']} not read", file=sys.stderr)
                return rows
            rows.append(dict(row["plain"], cookie=row["cookie"], taken_ns=row["taken_ns"]))
        sys.exit("tcp_end: the predictor ended")

    def end(self):
        self.child.stdin.close()
        self.child.wait()


class Murphy:
    """murphy tcp --json: what it says of each connection, by eBPF"""

    def __init__(self, top):
        self.words = [top / "build/murphy", "tcp", "--json", "--no-owner", "--top", "0"]

    def dump(self):
        done = subprocess.run(self.words, capture_output=True, check=False, preexec_fn=child_of_this)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        taken_ns, rows = lines[-1]["taken_ns"], []
        for row in lines:
            if row["kind"] != "connection":
                continue
            if row["state"] == "ESTABLISHED" and "send_next" not in row:
                print(f"tcp_end: left out: {lines[-1]['lost']}", file=sys.stderr)
                return []
            end = row.get("end") or {"what": "nothing"}
            name = end.get("error")
            rows.append(dict(end, cookie=row["cookie"], taken_ns=taken_ns, errno=getattr(errno, name) if name else 0))
        return rows


def watch_errors(stories, stop):
    """The errno that the program gets, and when"""
    poll, of = select.epoll(), {}
    while not stop.is_set():
        for story in stories:
            if story.began and story.fd and story.fd.fileno() >= 0 and story not in of.values():
                of[story.fd.fileno()] = story
                poll.register(story.fd.fileno(), select.EPOLLERR)
        for fd, _ in poll.poll(POLL_S):
            story = of[fd]
            error = story.fd.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error or story.failed is None:
                story.failed, story.error = now(), error
            poll.unregister(fd)


def watch_tables(hosts, stop):
    """When a socket leaves the table, and when its first keepalive probe was sent"""
    while not stop.is_set():
        for h in hosts:
            for diag, net in ((h.diag, h.client), (h.server_diag, h.server)):
                asked, present, at = now(), diag.sockets(), now()
                for story in h.stories:
                    if story.net is not net or story.cookie is None or (story.began or asked) >= asked:
                        continue
                    row = present.get(story.cookie)
                    if row is None or row[0] == CLOSE:
                        story.gone = story.gone or at
                    elif row[1] == 2 and row[2] > 0:
                        story.probed = story.probed or at
        time.sleep(POLL_S)


def act_all(hosts, span):
    """Each begins at a random moment"""
    todo = [(random.uniform(0, span), h, s) for h in hosts for s in h.stories if s.began is None]
    begin = now()
    for at, h, story in sorted(todo, key=lambda x: x[0]):
        time.sleep(max(0, begin + at - now()))
        h.act(story)


def look(source, name, stories, dump_to):
    by = {s.cookie: s for s in stories if s.cookie and s.began}
    for end in source.dump():
        story = by.get(end["cookie"])
        if story and end["taken_ns"] / 1e9 > story.began:
            story.seen[name].append(end)
            if dump_to:
                print(json.dumps(dict(end, kind=story.kind, by=name)), file=dump_to)


def play(top, hosts, longest, dump_to):
    predictor, stop = Predictor(top), threading.Event()
    stories = [s for h in hosts for s in h.stories]
    helpers = [threading.Thread(target=watch_errors, args=(stories, stop)),
               threading.Thread(target=watch_tables, args=(hosts, stop)),
               threading.Thread(target=act_all, args=(hosts, STARTS_S))]
    for h in helpers:
        h.start()
    until = now() + longest
    while now() < until and any(s.gone is None for s in stories):
        for source, name in ((predictor, "plain"), (Murphy(top), "whole")):
            time.sleep(DUMP_S / 2 * random.uniform(0.7, 1.3))
            look(source, name, stories, dump_to)
    stop.set()
    for h in helpers:
        h.join()
    predictor.end()
    return stories


class Tally:
    def __init__(self):
        self.errors, self.good, self.errno_good, self.bounded = [], 0, 0, 0
        self.nothing = self.waiting = self.unseen = 0

    def add(self, story, taken_ns, end):
        if end["what"] == "nothing":
            self.nothing += 1
            return
        at = story.told(end)
        if at is None:
            self.waiting += 1
            return
        taken, predicted = taken_ns / 1e9, end["in_ns"] / 1e9
        error = taken + predicted - at
        self.errors.append(error)
        self.good += abs(error) <= max(TOLERANCE * predicted, TOLERANCE_S)
        self.bounded += end["least_ns"] / 1e9 - 0.2 <= at - taken <= end["most_ns"] / 1e9 + 0.2
        self.errno_good += end["errno"] == 0 or story.error == end["errno"]

    def join(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def line(self, name):
        n = len(self.errors)
        worst = max(self.errors, key=abs, default=0)
        median = statistics.median(abs(e) for e in self.errors) if n else 0
        return (f"{name:20} {n:5} {median:8.2f} {worst:8.2f} {self.good:5} {self.bounded:7} "
                f"{self.errno_good:6} {self.nothing:5} {self.waiting:5} {self.unseen:6}")


def report(stories, say):
    """One prediction of each connection, from a moment of its life that chance chose"""
    tallies = {"plain": {}, "whole": {}}
    for story in stories:
        for name, tally in tallies.items():
            seen = [e for e in story.seen[name] if story.gone is None or e["taken_ns"] / 1e9 < story.gone]
            one = tally.setdefault(story.kind, Tally())
            if seen:
                end = random.choice(seen)
                one.add(story, end["taken_ns"], end)
            else:
                one.unseen += 1
    head = (f"    {'':20} {'n':>5} {'median s':>8} {'worst s':>8} {'good':>5} {'within':>7} "
            f"{'errno':>6} {'none':>5} {'open':>5} {'unseen':>6}")
    for title, name, kinds in (
            ("from sock_diag alone", "plain", set(KINDS) - HIDDEN),
            ("from sock_diag alone, with options that it does not show (all are flagged)", "plain", HIDDEN),
            ("as murphy tcp --json has it (eBPF)", "whole", set(KINDS))):
        total = Tally()
        say("    " + title)
        say(head)
        for kind in KINDS:
            if kind in tallies[name] and kind in kinds:
                say("    " + tallies[name][kind].line(kind))
                total.join(tallies[name][kind])
        say("    " + total.line("all"))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("top", type=Path)
    args.add_argument("part", nargs="?", default="short", choices=LONGEST_S)
    args.add_argument("--write", action="store_true")
    args.add_argument("--each", type=int)
    args.add_argument("--dump", type=argparse.FileType("w"))
    args = args.parse_args()
    lines = []

    def say(text):
        print(text, flush=True)
        lines.append(text)

    kinds = [k for k in KINDS if k != UNREACHABLE and not (args.part == "default" and k in HIDDEN)]
    each = args.each or (3 if args.part == "default" else 6)
    variants = [{}] if args.part == "default" else VARIANTS
    hosts = [Hosts(v, kinds, each) for v in variants]
    hosts.append(Hosts({} if args.part == "default" else UNREACHABLE_SETTINGS, ["data"], 2 * each, True))
    for h in hosts:
        h.prepare()
    for h in hosts:
        h.cut()
    for story in hosts[-1].stories:
        story.kind = UNREACHABLE
    stories = play(args.top, hosts, LONGEST_S[args.part], args.dump)
    say(f"    {time.strftime('%Y-%m-%d')}  Linux {platform.release()}  {args.part}: "
        f"{len(stories)} connections, {len(hosts)} sets of settings")
    report(stories, say)
    for h in hosts:
        h.end()
    if args.write:
        with open(args.top / "bench/RESULTS.md", "a") as out:
            out.write(f"\n### tcp_end.sh {args.part}\n\n" + "\n".join(lines) + "\n")


main()
