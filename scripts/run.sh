# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev run, demo and bench: build the release (and only the target they start) and become that program.
# They stay in the caller's directory, so that relative paths and ./.pawl mean what one expects.

run_help() {
  cat <<'HELP'
usage: ./dev run [options of pawl run]

Installs what running needs (no test framework), builds the release and becomes `pawl run`: a server
and its sandbox on ./.pawl, one signed trade put through HTTP, its timeline, what to try next; then it
serves until interrupted. All options go to `pawl run`; `./dev run -- --help` shows them.

  --fresh       start with empty data
  --data DIR    keep the data elsewhere
  --port PORT   listen elsewhere

Examples:
  ./dev run
  ./dev run --fresh --port 8090

Exit codes: those of pawl (0 done, 2 wrong usage, 3 the outside is unavailable, 4 the data is locked by
another process, 130 interrupted); 1 when the build failed.
HELP
}

demo_help() {
  cat <<'HELP'
usage: ./dev demo [options of pawl demo]

Installs what running needs, builds the release and becomes `pawl demo`: trades under load against a
sandbox that fails on purpose, and a count of what was kept. All options go to it.

  --seconds N   how long
  --json        the result as JSON on stdout

Example:
  ./dev demo --seconds 30 --json

Exit codes: those of pawl (0 every promise held, 1 one did not); 1 also when the build failed.
HELP
}

bench_help() {
  cat <<'HELP'
usage: ./dev bench NAME [options of the benchmark]
       ./dev bench --list

Installs what running needs, builds bench/pawl_bench_NAME of the release and becomes it. All
further options go to it. With --store postgres it installs what that needs, too, and the benchmark
starts a PostgreSQL of its own, unless DATABASE_URL names one.

  transitions  commands a second with many in flight, beside the same by hand
  hot          the same on one entity
  latency      one in flight
  effects      claim, perform, decide the outcome; beside pg-boss and graphile-worker
  http         a request over HTTP to its durable receipt
  horizon      beside a transaction that is held open            (PostgreSQL)
  recovery     a cold start after kill -9 with 100,000 effects under way
  growth       10,000 to 1,000,000 entities (--entities 10000000 for more)
  crash        kill -9 in the middle of effects; beside four rivals on PostgreSQL
  connections, edge, checker, soak      without a store, or the whole program

  --store sqlite|postgres   --in-flight N[,N...]   --entities N   --rounds N   --seconds S   --json
  --sync-ms N      every sync takes N ms longer, as on a cloud volume
  --lanes N, --max-batch N   of Pawl's engine
  --processes N    Pawl as N processes on one database, keys overlapping   (transitions, hot)
  --clients N      of what is written by hand, instead of the best of several
  --alone          without the baseline   (transitions, hot, latency, effects, horizon)
  --jobs again     the same jobs, instead of a new one for each command   (horizon)
  --list           the names

Examples:
  ./dev bench transitions --store postgres --rounds 5
  ./dev bench latency --store postgres --sync-ms 2 --json

Exit codes: those of the benchmark; 1 when the build failed, 2 for an unknown name.
HELP
}

# run_own_help ARGUMENT: is it help of ours that is asked for? After "--" everything is the program's.
run_own_help() { [[ ${1:-} == -h || ${1:-} == --help ]]; }

run_main() { run_pawl run "$@"; }
demo_main() { run_pawl demo "$@"; }

run_pawl() {
  local verb=$1
  shift
  if run_own_help "${1:-}"; then "${verb}_help" && return; fi
  [[ ${1:-} != -- ]] || shift
  setup_ensure run
  build_configure release
  build_targets release pawl_cli
  exec "$root/build/release/src/app/pawl" "$verb" "$@"
}

bench_main() {
  case ${1:-} in
    -h | --help) bench_help && return ;;
    "") usage_error "bench: which one? ./dev bench --list names them" "./dev bench --help" ;;
  esac
  local name=$1
  shift
  if bench_needs_postgres "$@"; then
    setup_ensure bench
    case $name in
      effects | crash)
        say "installing the rivals into build/rivals"
        "$root/bench/rivals/install.sh" || stop "$exit_unavailable" "bench: the rivals cannot be installed, see above"
        ;;
    esac
  else
    setup_ensure run
  fi
  build_configure release -DPAWL_BUILD_BENCH=ON
  if [[ $name == --list ]]; then
    bench_names
    return
  fi
  bench_names | grep -qxF -e "$name" || {
    local names
    names=$(bench_names)
    usage_error "bench: no benchmark \"$name\" (there are: ${names//$'\n'/ })" "./dev bench --help"
  }
  build_targets release "pawl_bench_$name"
  exec "$root/build/release/bench/pawl_bench_$name" "$@"
}

bench_needs_postgres() {
  local word before=
  for word in "$@"; do
    [[ $before != --store || $word != postgres ]] || return 0
    before=$word
  done
  return 1
}

# The names of the programs as the build knows them.
bench_names() {
  ninja -C "$root/build/release" -t targets all |
    sed -n 's|^bench/pawl_bench_\([a-z0-9_]*\): CXX_EXECUTABLE_LINKER.*|\1|p' | sort -u
}
