#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A PostgreSQL 15 of a benchmark's own: a new data directory, a port of its own on 127.0.0.1, fsync and synchronous_commit
# on, a random password. `with` runs one command beside it and takes it down however that ends, by its process id.
# What the commands find: DATABASE_URL, and in PAWL_BENCH_PG_PID the postmaster, for its CPU time.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: postgres.sh with [--sync-ms N] COMMAND [ARGUMENT...]
       postgres.sh start [--sync-ms N]      prints the directory and the URL, a line each
       postgres.sh stop DIRECTORY           as printed by start; removes it, too

  --sync-ms N   every fsync and fdatasync of the server takes N ms longer (a decimal)

As root the server runs as the user postgres, otherwise as the caller.
Exit codes: 0 done (with: the command's own), 2 wrong usage, 3 the server could not be started.
HELP
}

readonly binaries=/usr/lib/postgresql/15/bin
readonly port_attempts=5 start_timeout_s=60 command_end_s=10
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
readonly here

# fail CODE MESSAGE [LOG]: the log's end is shown, because its directory goes away.
fail() {
  printf 'postgres.sh: %s\n' "$2" >&2
  if [[ -n ${3:-} ]]; then tail -n 20 "$3" >&2; fi
  exit "$1"
}

as_server() {
  if [[ $EUID -eq 0 ]]; then
    setpriv --reuid postgres --regid postgres --init-groups "$@"
  else
    "$@"
  fi
}

# Sets `directory` and `password`.
create() {
  [[ -x $binaries/postgres ]] || fail 3 "no $binaries/postgres: ./dev setup bench"
  directory=$(mktemp -d "${TMPDIR:-/tmp}/pawl_bench_pg.XXXXXX")
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '%s\n' "$password" >"$directory/password"
  mkdir "$directory/data"
  if [[ $EUID -eq 0 ]]; then chown -R postgres "$directory"; fi
  (cd "$directory" && as_server "$binaries/initdb" -D "$directory/data" -U pawl -E UTF8 --locale=C.UTF-8 \
    --auth=scram-sha-256 --pwfile="$directory/password" >"$directory/initdb.log" 2>&1) ||
    fail 3 "initdb failed:" "$directory/initdb.log"
  # Checkpoints far apart for every side alike; the rest that matters to durability stays as it is.
  cat >>"$directory/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$directory'
fsync = on
synchronous_commit = on
wal_sync_method = fdatasync
full_page_writes = on
shared_buffers = 1GB
max_wal_size = 8GB
checkpoint_timeout = 15min
max_connections = 300
CONF
}

# Sets `pid` and `url`. With a guard the server shuts down when this process dies, even by kill -9.
launch() {
  local sync_ms=$1 guard=$2 attempt port preload=()
  if [[ $sync_ms != 0 ]]; then
    g++ -O2 -std=c++20 -shared -fPIC -o "$directory/slow_sync.so" "$here/../slow_sync.cpp" -ldl
    chmod 755 "$directory/slow_sync.so"
    preload=(env "LD_PRELOAD=$directory/slow_sync.so" "PAWL_SYNC_MS=$sync_ms")
  fi
  for ((attempt = 1; attempt <= port_attempts; ++attempt)); do
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    start_on "$port" "$guard" "${preload[@]}" && return
  done
  fail 3 "no start in $port_attempts attempts:" "$directory/server.log"
}

# start_on PORT GUARD COMMAND_BEFORE...: true when the server answers.
start_on() {
  local port=$1 guard=$2
  shift 2
  if [[ $guard == yes ]]; then set -- setpriv --pdeathsig INT "$@"; fi
  if [[ $EUID -eq 0 ]]; then set -- setpriv --reuid postgres --regid postgres --init-groups "$@"; fi
  (cd "$directory" && exec "$@" "$binaries/postgres" -D "$directory/data" -p "$port") \
    >>"$directory/server.log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n' "$pid" >"$directory/pid"
  local deadline=$((SECONDS + start_timeout_s))
  until "$binaries/pg_isready" -q -h 127.0.0.1 -p "$port" -d postgres; do
    kill -0 "$pid" 2>/dev/null || return 1
    ((SECONDS < deadline)) || fail 3 "no answer in $start_timeout_s s:" "$directory/server.log"
    sleep 0.05
  done
  # Another server may have taken the port first; ours then ends by itself.
  [[ $(sed -n 4p "$directory/data/postmaster.pid" 2>/dev/null) == "$port" ]] || return 1
  url="postgres://pawl:$password@127.0.0.1:$port/postgres"
}

end_command() {
  [[ -n ${command_pid:-} ]] || return 0
  kill -TERM "$command_pid" 2>/dev/null || true
  timeout "$command_end_s" tail --pid="$command_pid" -f /dev/null || kill -KILL "$command_pid" 2>/dev/null || true
}

# stop_server DIRECTORY: a fast shutdown, waited for.
stop_server() {
  local stopped
  if [[ -r $1/pid ]]; then
    stopped=$(<"$1/pid")
    if [[ $(readlink "/proc/$stopped/exe" 2>/dev/null) == "$binaries/postgres" ]]; then
      kill -INT "$stopped" 2>/dev/null || true
      timeout "$start_timeout_s" tail --pid="$stopped" -f /dev/null || kill -QUIT "$stopped" 2>/dev/null || true
    fi
  fi
  rm -rf "$1"
}

main() {
  local verb=${1:-} sync_ms=0
  shift || true
  case $verb in
    -h | --help) usage && return ;;
    stop)
      [[ $# -eq 1 && -f $1/data/postgresql.conf ]] || fail 2 "stop takes the directory that start printed"
      stop_server "$1"
      return
      ;;
    start | with) ;;
    *) usage >&2 && exit 2 ;;
  esac
  if [[ ${1:-} == --sync-ms ]]; then
    [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?$ ]] || fail 2 "--sync-ms takes milliseconds"
    sync_ms=$2
    shift 2
  fi
  if [[ $verb == start ]]; then
    [[ $# -eq 0 ]] || fail 2 "start takes no more than --sync-ms"
    create
    trap 'stop_server "$directory"' EXIT
    launch "$sync_ms" no
    trap - EXIT
    printf '%s\n%s\n' "$directory" "$url"
    return
  fi
  [[ $# -gt 0 ]] || fail 2 "with needs a command"
  create
  trap 'stop_server "$directory"' EXIT
  trap 'end_command; exit 130' INT
  trap 'end_command; exit 143' TERM HUP
  launch "$sync_ms" yes
  # Not in the foreground, where a signal would be heard only after it has ended.
  local status=0
  DATABASE_URL=$url PAWL_BENCH_PG_PID=$pid PAWL_BENCH_SYNC_MS=$sync_ms setpriv --pdeathsig TERM "$@" <&0 &
  command_pid=$!
  wait "$command_pid" || status=$?
  return "$status"
}

main "$@"
