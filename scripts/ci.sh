# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev ci: the stages that must pass before a change is merged, one after another, each with its time.
# Processes are recognised by PAWL_CI_RUN in their environment, which children inherit however they
# detach: what is left at the end is named, ended by its id, and makes the run fail.

ci_help() {
  cat <<'HELP'
usage: ./dev ci

Runs, one after another, and goes on after a failure so that one run shows them all:

  lint        ./dev lint --self-test, ./dev lint --all
  test        ./dev test
  sanitizers  ./dev test --preset asan, with few crash rounds
  check       ./dev check
  fuzz        ./dev fuzz with a fixed seed and number of inputs: the same ones each time, so that a merge is
              refused for what it changes and not by luck
  demo        ./dev demo --seconds 30 --json
  processes   nothing that was started is still there

Each stage's output is also kept in
build/ci/STAGE.log. The last lines printed are the closing lines of the test stage.

Environment: PAWL_JOBS; PAWL_CRASH_ROUNDS and PAWL_CI_ASAN_CRASH_ROUNDS (default 3) bound the crash tests;
PAWL_CI_FUZZ_RUNS (default 20000) is how many inputs each fuzz target tries, for at most
PAWL_CI_FUZZ_SECONDS (default 30).

Exit codes: 0 all passed, 1 a stage failed, 2 wrong usage.
HELP
}

ci_main() {
  case ${1:-} in
    -h | --help) ci_help && return ;;
    "") ;;
    *) usage_error "ci: unknown option \"$1\"" "./dev ci --help" ;;
  esac
  ci_log=$root/build/ci
  ci_failed=()
  mkdir -p "$ci_log"
  export CI=true
  PAWL_CI_RUN=$$-$(date +%s)
  export PAWL_CI_RUN
  trap ci_interrupted INT TERM

  local dev=$root/dev
  ci_stage lint-rules "$dev" lint --self-test
  ci_stage lint "$dev" lint --all
  ci_stage test "$dev" test
  ci_stage sanitizers env "PAWL_CRASH_ROUNDS=${PAWL_CI_ASAN_CRASH_ROUNDS:-3}" "$dev" test --preset asan
  ci_stage check "$dev" check
  ci_stage fuzz "$dev" fuzz --seed 1 --runs "${PAWL_CI_FUZZ_RUNS:-20000}" --seconds "${PAWL_CI_FUZZ_SECONDS:-30}"
  ci_stage demo ci_demo "$dev"
  if ! ci_no_process_left; then ci_failed+=(processes); fi

  say "ci: all stages took $((SECONDS / 60)) min $((SECONDS % 60)) s"
  if [[ ${#ci_failed[@]} -eq 0 ]]; then
    say "ci: every stage passed"
  else
    say "ci: failed: ${ci_failed[*]}; see build/ci/STAGE.log"
  fi
  ci_closing_lines "$ci_log/test.log"
  [[ ${#ci_failed[@]} -eq 0 ]] || exit "$exit_finding"
}

# ci_stage NAME COMMAND...: its output is followed through a file and not a pipe, so that a process it leaves
# behind cannot hold us up.
ci_stage() {
  local name=$1 begin=$SECONDS status=0 stage
  shift
  say "ci: $name begins"
  : >"$ci_log/$name.log"  # it has to be there before the reader looks
  "$@" </dev/null >"$ci_log/$name.log" 2>&1 &
  stage=$!
  tail -n +1 -s 0.2 --pid="$stage" -f "$ci_log/$name.log"
  wait "$stage" || status=$?
  if [[ $status -ne 0 ]]; then
    ci_failed+=("$name")
    say "ci: $name FAILED with status $status after $((SECONDS - begin)) s"
  else
    say "ci: $name passed in $((SECONDS - begin)) s"
  fi
}

ci_interrupted() {
  trap '' INT TERM
  say "ci: interrupted"
  ci_no_process_left || true
  exit 130
}

# The demo makes its data where it is started, so it is started in a place of its own.
ci_demo() {
  local place status=0
  place=$(mktemp -d)
  (cd "$place" && "$1" demo --seconds 30 --json) || status=$?
  rm -rf "$place"
  return "$status"
}

# Names and ends what this run started and is still there: first asked, then forced.
ci_no_process_left() {
  local left signal
  left=$(ci_processes)
  [[ -n $left ]] || return 0
  local process
  for process in $left; do
    say "ci: still running: $process $(tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null | cut -c1-200)"
  done
  for signal in TERM KILL; do
    for process in $(ci_processes); do kill -s "$signal" "$process" 2>/dev/null || true; done
    ci_wait_until_gone && break
  done
  return 1
}

ci_wait_until_gone() {
  local _
  for _ in {1..30}; do
    [[ -n $(ci_processes) ]] || return 0
    sleep 0.1
  done
  return 1
}

# Processes with this run's mark in their environment, but for those on the way from here to our own shell and
# what this very function starts. Zombies have no environment and do not count.
ci_processes() {
  local self=$BASHPID directory process parent
  for directory in /proc/[0-9]*; do
    process=${directory#/proc/}
    { tr '\0' '\n' <"$directory/environ"; } 2>/dev/null | grep -qxF "PAWL_CI_RUN=$PAWL_CI_RUN" || continue
    [[ $process -ne $$ && $process -ne $self ]] || continue
    parent=$(ci_parent "$process")
    [[ $parent -eq $self ]] || printf '%s\n' "$process"
  done
}

ci_parent() { awk '$1 == "PPid:" {print $2}' "/proc/$1/status" 2>/dev/null || echo 0; }

# ctest's last words, from its count of passed tests on.
ci_closing_lines() {
  if ! grep -q 'tests passed' "$1"; then
    printf 'No tests were run, see build/ci/test.log\n'
    return
  fi
  awk '/% tests passed/ {text = ""} {text = text $0 "\n"} END {printf "%s", text}' "$1"
}
