# SPDX-License-Identifier: Apache-2.0
"""clang-tidy-19 over what ships (src, examples) of build/dev/compile_commands.json, several at a time.

Tests and benches are held to the compiler's warnings and the house rules instead: what clang-tidy says of
them is mostly about speed and about calls (setenv, system) that a test is there to make.

A file that was clean is not looked at again until its text, that of a project header it includes
(directly or not), its compile command, .clang-tidy or the set of checks changes: build/lint holds an empty file
named by the hash of all these.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import subprocess
import sys

TIDY = "clang-tidy-19"
SECONDS_A_FILE = 600
SHIPPED = ("src", "examples")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)


def project_headers(root, source):
    """Every project file that `source` includes, itself too, transitively."""
    seen, waiting = set(), [source]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for _, name in INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")):
            for folder in (path.parent, root / "src", root / "include", root / "tests"):
                if (folder / name).is_file():
                    waiting.append((folder / name).resolve())
                    break
    return seen


def changed_files(root):
    """Paths that differ from origin/main, or from HEAD; None without git."""
    def git(*arguments):
        # The whole tree is ours to read, whoever owns it.
        return subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), *arguments],
                              capture_output=True, text=True)
    base = git("merge-base", "HEAD", "origin/main")
    if git("rev-parse", "HEAD").returncode != 0:
        return None
    since = base.stdout.strip() if base.returncode == 0 else "HEAD"
    names = git("diff", "--name-only", since).stdout + git("ls-files", "-o", "--exclude-standard").stdout
    return {(root / name).resolve() for name in names.splitlines()}


def tidy(root, source, options):
    run = subprocess.run(
        [TIDY, "-p", str(root / "build/dev"), "--quiet", "--extra-arg=-Wno-unknown-warning-option",
         *options, str(source)],
        capture_output=True, text=True, timeout=SECONDS_A_FILE)
    return run.returncode, run.stdout + ("" if run.returncode == 0 else run.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--deep", action="store_true")
    wanted = parser.parse_args()
    root = wanted.root.resolve()
    options = [] if wanted.deep else ["--checks=-clang-analyzer-*"]

    commands = {pathlib.Path(entry["file"]).resolve(): entry["command"]
                for entry in json.loads((root / "build/dev/compile_commands.json").read_text())}
    changed = changed_files(root) if wanted.changed else None
    clean = root / "build/lint"
    clean.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    common = version + str(options) + (root / ".clang-tidy").read_text()

    work = {}
    for source, command in sorted(commands.items()):
        if not source.is_file() or source.relative_to(root).parts[0] not in SHIPPED:
            continue
        files = project_headers(root, source)
        if changed is not None and not files & changed:
            continue
        digest = hashlib.sha256((common + command).encode())
        for path in sorted(files):
            digest.update(path.read_bytes())
        if not (clean / digest.hexdigest()).exists():
            work[source] = digest.hexdigest()

    findings, shown = 0, set()
    with concurrent.futures.ThreadPoolExecutor(wanted.jobs) as pool:
        runs = {pool.submit(tidy, root, source, options): source for source in work}
        for number, run in enumerate(concurrent.futures.as_completed(runs), 1):
            source = runs[run]
            status, output = run.result()
            print(f"[{number}/{len(work)}] clang-tidy {source.relative_to(root)}", file=sys.stderr)
            if status == 0:
                (clean / work[source]).touch()
                continue
            findings += 1
            # A finding in a header comes once for each file that includes it.
            if output not in shown:
                shown.add(output)
                print(output, end="" if output.endswith("\n") else "\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
