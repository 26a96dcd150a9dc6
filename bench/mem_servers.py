# SPDX-License-Identifier: MIT
"""Real servers under load, for bench/mem.py: each is stopped in the midst of its work, so that what
murphy counts and what the kernel counts are of the same memory."""
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

WARM_S, STOP_TRIES = 5, 50
BACKENDS, SHARED_BUFFERS, SCALE = 200, "512MB", 20
WORKERS, CONNECTIONS = 8, 64
PAGE = """<!doctype html><title>load</title><body><script>
const kept = [];
setInterval(() => {
  kept.push(new Uint8Array(1 << 16).fill(kept.length));
  if (kept.length > 500) kept.splice(0, 250);
  document.body.append(Object.assign(document.createElement('p'), {textContent: Math.random()}));
  if (document.body.children.length > 2000) document.body.replaceChildren();
}, 5);
</script>"""


class Absent(Exception):
    """What it needs is not installed."""


def program(name, pattern=None):
    found = max(glob.glob(pattern), default=None) if pattern else shutil.which(name)
    if not found:
        raise Absent(f"{name} is not installed")
    return found


def apart(binary, folder):
    """An environment in which a program has copies of its libraries, in that folder, of which
    nobody else on the host, coming or going, takes a share."""
    said = subprocess.run(["ldd", binary], stdout=subprocess.PIPE, text=True, check=True).stdout
    for library in re.findall(r"=> (/\S+)", said):
        shutil.copy(library, folder)
    return os.environ | {"LD_LIBRARY_PATH": str(folder), "LC_ALL": "C"}


def alone(binary, folder):
    """How to start it so that it shares no page of a file with anybody: a loader of its own."""
    said = subprocess.run(["ldd", binary], stdout=subprocess.PIPE, text=True, check=True).stdout
    loader = shutil.copy(re.search(r"^\s+(/\S+) \(", said, re.M).group(1), folder)
    return [loader, "--library-path", folder, binary]


def start(argv, folder, before, user=None, binary=None):
    libraries = tempfile.mkdtemp(dir=folder)
    os.chmod(libraries, 0o755)
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, user=user, preexec_fn=before,
                            env=apart(binary or argv[0], libraries))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def nginx(folder, before):
    """nginx, 8 workers, under wrk with 64 connections"""
    binary, wrk, port = program("nginx", "/usr/sbin/nginx"), program("wrk"), free_port()
    (folder / "page.html").write_text("x" * 20000, encoding="ascii")
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes {WORKERS}; pid {folder}/pid; error_log {folder}/error;"
        "events { worker_connections 512; }"
        f"http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;"
        f" fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;"
        f" server {{ listen 127.0.0.1:{port}; root {folder}; }} }}", encoding="ascii")
    server = start([binary, "-c", str(folder / "nginx.conf")], folder, before)
    time.sleep(1)
    return [server, start([wrk, "-t", "2", "-c", str(CONNECTIONS), "-d", "3600",
                           f"http://127.0.0.1:{port}/page.html"], folder, before)]


def postgres(folder, before):
    """PostgreSQL, shared_buffers of 512 MB, under pgbench with 200 connections"""
    bins = Path(program("initdb", "/usr/lib/postgresql/*/bin/initdb")).parent
    bench = str(bins / "pgbench")
    user = "postgres" if any(u.pw_name == "postgres" for u in pwd.getpwall()) else "nobody"
    home = folder / "pg"
    home.mkdir(mode=0o700)
    shutil.chown(home, user)
    subprocess.run([bins / "initdb", "-D", home, "-U", "bench", "-A", "trust", "-N"], user=user,
                   stdout=subprocess.DEVNULL, check=True)
    server = start([bins / "postgres", "-D", home, "-k", home, "-c", "listen_addresses=", "-c",
                    f"shared_buffers={SHARED_BUFFERS}", "-c", f"max_connections={BACKENDS + 20}"],
                   folder, before, user)
    to = ["-h", str(home), "-U", "bench"]
    for _ in range(STOP_TRIES):
        made = subprocess.run([bench, *to, "-i", "-q", "-s", str(SCALE), "postgres"], check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if made.returncode == 0:
            break
        time.sleep(0.2)
    return [server, start([bench, *to, "-n", "-c", str(BACKENDS), "-j", "2", "-T", "3600",
                           "postgres"], folder, before)]


def chromium(folder, before):
    """Chromium, a page that allocates and drops"""
    (folder / "page.html").write_text(PAGE, encoding="ascii")
    return [start([program("chromium"), "--headless", "--no-sandbox", "--disable-gpu",
                   "--disable-quic", "--no-first-run", "--disable-background-networking",
                   "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
                   f"--user-data-dir={folder}/chromium", f"file://{folder}/page.html"], folder, before,
                  binary="/usr/lib/chromium/chromium")]


SERVERS = (nginx, postgres, chromium)


def stat_of(pid):
    """(state, parent, when it started); None: it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return fields[0], int(fields[1]), int(fields[19])


def family(children):
    """{pid: its stat} of them and all that descends from them."""
    every = {int(name): stat_of(name) for name in os.listdir("/proc") if name.isdigit()}
    found, more = {}, {child.pid for child in children}
    while more:
        found |= {pid: every[pid] for pid in more if every.get(pid)}
        more = {pid for pid, s in every.items() if s and s[1] in found and pid not in found}
    return found


def tell(processes, number):
    """A signal to those that are still the same."""
    for pid, (_, _, started) in processes.items():
        if (stat_of(pid) or (0, 0, 0))[2] == started:
            os.kill(pid, number)


@contextmanager
def stopped(make, folder, before):
    """The pids of a server in the midst of its work, which stands still."""
    os.chmod(folder, 0o755)
    children = make(Path(folder), before)
    try:
        time.sleep(WARM_S)
        for _ in range(STOP_TRIES):
            now = family(children)
            if all(state in "TZ" for state, _, _ in now.values()):
                break
            tell(now, signal.SIGSTOP)
            time.sleep(0.1)
        yield [pid for pid, (state, _, _) in now.items() if state == "T"]
    finally:
        now = family(children)
        tell(now, signal.SIGCONT)
        for child in children:
            child.send_signal(signal.SIGINT)
        time.sleep(1)
        tell(now, signal.SIGKILL)
        for child in children:
            child.wait()
