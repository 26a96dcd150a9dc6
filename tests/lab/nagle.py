#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nagle.py LAB EXIT-CODE OUT LOG: is what murphy tcp nagle --json printed true of that lab? See nagle.sh."""
import json
import re
import sys

lab, code, out, log = sys.argv[1:]
lines = [json.loads(line) for line in open(out)]
groups, watch = lines[:-1], lines[-1]
assert watch["kind"] == "nagle_watch" and watch["state"] == "ok", watch
assert 1.9e9 < watch["watched_ns"] < 3e9, watch["watched_ns"]
assert watch["exit_code"] == int(code), code
# Six clients that ask and a server for each that answers: 20 to 50 times a second.
assert watch["sends"] > 200, watch["sends"]
ours = [g for g in groups if g["peer_port"] == 8080 and g["peer"] == "127.0.0.1" and g["netns"]]
if lab != "nagle":
    assert not [g for g in ours if g["stalls"]], ours
    sys.exit(0)
clients = {int(pid) for pid in re.findall(r"process (\d+) lab-client", open(log).read())}
assert int(code) == 1 and {g["pid"] for g in ours} == clients, (code, ours, clients)
for g in ours:
    assert g["command"] == "lab-client" and g["acker"] == "lab-server" and g["acker_pid"], g
    assert g["sent_bytes"] == 200 and g["held_bytes"] == 300, g
    assert g["stalls"] >= 15 and g["stalls"] <= g["holds"] <= g["sends"], g
    assert g["delayed_acks"] >= g["stalls"] - 1 and g["answered"] >= g["stalls"] - 1, g
    assert 35e6 <= g["mean_ns"] <= g["longest_ns"] and g["held_ns"] >= g["stalled_ns"], g
assert watch["stalls"] >= sum(g["stalls"] for g in ours)
