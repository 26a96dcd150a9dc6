# SPDX-License-Identifier: MIT
"""One end of connections on which both ends write bytes that tell their place, and check what they get.

tcp_stream.py ADDRESS|- PORT CONNECTIONS: "-" listens. Obeys words on its input, each answered by a line:
hold, flow (stop and go on reading), silent, talk (writing), count, drain (read until nothing comes):
bytes written, bytes read, and how much was wrong
"""
import hashlib
import socket
import sys
import threading
import time

PERIOD, PIECE, QUIET_S = 1 << 20, 20000, 1.0


class Ends:
    def __init__(self, held):
        self.held, self.sent, self.got = held, [0] * len(held), [0] * len(held)
        self.pattern = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(PERIOD // 32)) * 2
        self.reading = self.writing = True
        self.wrong = 0
        self.lock = threading.Lock()
        for c in held:
            c.setblocking(False)

    def write(self, i):
        at = self.sent[i] % PERIOD
        self.sent[i] += self.held[i].send(self.pattern[at:at + PIECE])

    def read(self, i):
        data = self.held[i].recv(65536)
        at = self.got[i] % PERIOD
        self.wrong += not data or data != self.pattern[at:at + len(data)]
        self.got[i] += len(data)

    def turn(self, move):
        for i in range(len(self.held)):
            try:
                move(i)
            except BlockingIOError:
                pass
            except OSError:
                self.wrong += 1

    def run(self):
        while True:
            with self.lock:
                if self.writing:
                    self.turn(self.write)
                if self.reading:
                    self.turn(self.read)
            time.sleep(0.01)

    def count(self):
        with self.lock:
            return sum(self.sent), sum(self.got), self.wrong

    def drain(self):
        last, since = None, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            time.sleep(0.05)
            if self.count() != last:
                last, since = self.count(), time.monotonic()

    def obey(self, word):
        with self.lock:
            self.reading = {"hold": False, "flow": True}.get(word, self.reading)
            self.writing = {"silent": False, "talk": True}.get(word, self.writing)
        if word == "drain":
            self.drain()
        return "{} {} {}".format(*self.count())


def main():
    address, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if address == "-":
        listener = socket.create_server(("", port), backlog=4096)
        print("ready", flush=True)
        held = [listener.accept()[0] for _ in range(n)]
    else:
        held = [socket.create_connection((address, port)) for _ in range(n)]
        print("ready", flush=True)
    ends = Ends(held)
    threading.Thread(target=ends.run, daemon=True).start()
    for word in sys.stdin:
        print(ends.obey(word.strip()), flush=True)


main()
