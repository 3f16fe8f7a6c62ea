# SPDX-License-Identifier: Apache-2.0
"""What the hand-written rivals share: psql and pgbench of PostgreSQL 15, latencies from pgbench's log, the CPU time of the
server and of its client. Finds the server in DATABASE_URL and PAWL_BENCH_PG_PID, as `postgres.sh with` sets them."""

import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile

BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")
PGBENCH_THREADS = 2
DURABILITY = "fsync on, synchronous_commit on"

# An orderly end, which takes pgbench and its files along.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def url():
    if "DATABASE_URL" not in os.environ:
        sys.exit("no DATABASE_URL: run it as postgres.sh with COMMAND")
    return os.environ["DATABASE_URL"]


def sync_ms():
    return float(os.environ.get("PAWL_BENCH_SYNC_MS", "0"))


def sql(text):
    """Runs statements one by one, stops at the first that fails, and returns what they print."""
    return subprocess.run([BINARIES / "psql", url(), "-XqAt", "-v", "ON_ERROR_STOP=1"], input=text, text=True,
                          check=True, stdout=subprocess.PIPE,
                          env=os.environ | {"PGOPTIONS": "-c client_min_messages=warning"}).stdout.strip()


def server_cpu_s():
    """User and system time of the postmaster, of its living children and of those it has reaped."""
    postmaster = os.environ.get("PAWL_BENCH_PG_PID")
    if postmaster is None:
        return 0.0
    ticks = 0
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile; then the postmaster has its time
        if folder.name == postmaster:
            ticks += sum(int(field) for field in fields[11:15])
        elif fields[1] == postmaster:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def client_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Run:
    """One run of pgbench: `per_s`, `p50_ms`, `p99_ms`, `cpu_us` of a transaction (server, client), and `per_s_by_step`
    with the rate of each `step_s` seconds where that was asked for."""

    def __init__(self, script, clients, seconds, variables=(), step_s=None):
        with tempfile.TemporaryDirectory(prefix="pawl_pgbench_") as folder:
            file = pathlib.Path(folder) / "script.sql"
            file.write_text(script)
            command = [BINARIES / "pgbench", "--no-vacuum", "--protocol=prepared", f"--file={file}",
                       f"--client={clients}", f"--jobs={min(PGBENCH_THREADS, clients)}", f"--time={seconds}",
                       "--log", f"--log-prefix={folder}/log"]
            command += [f"--define={name}={value}" for name, value in variables]
            if step_s:
                command += [f"--progress={step_s}"]
            server_before, client_before = server_cpu_s(), client_cpu_s()
            done = subprocess.run([*command, url()], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if done.returncode != 0:
                sys.exit(f"pgbench failed:\n{done.stderr}")
            count, tps = self._totals(done.stdout)
            self.per_s = tps
            self.server_cpu_us = (server_cpu_s() - server_before) / count * 1e6
            self.client_cpu_us = (client_cpu_s() - client_before) / count * 1e6
            latencies = sorted(int(line.split()[2]) for log in pathlib.Path(folder).glob("log.*")
                               for line in log.read_text().splitlines())
            self.p50_ms = percentile(latencies, 0.50) / 1000
            self.p99_ms = percentile(latencies, 0.99) / 1000
            self.per_s_by_step = [float(rate) for rate in re.findall(r"^progress: .*?, ([0-9.]+) tps", done.stderr, re.M)]

    @staticmethod
    def _totals(report):
        count = re.search(r"^number of transactions actually processed: (\d+)", report, re.M)
        failed = re.search(r"^number of failed transactions: (\d+)", report, re.M)
        tps = re.search(r"^tps = ([0-9.]+)", report, re.M)
        if not count or not tps or int(count[1]) == 0 or (failed and int(failed[1])):
            sys.exit(f"pgbench did nothing, or failed in part:\n{report}")
        return int(count[1]), float(tps[1])
