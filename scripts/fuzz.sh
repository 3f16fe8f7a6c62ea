# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev fuzz: builds fuzz/TARGET.cpp with clang's libFuzzer and runs one target after another. What they
# learn stays in build/fuzz/corpus; fuzz/corpus is what is kept, and what every ./dev test replays. With a
# seed a run can be had again: it begins with fuzz/corpus alone and learns into a directory of its own.

readonly fuzz_seconds_default=30
# A run of one input longer than this, and more memory than this, are findings too.
readonly fuzz_input_seconds=10 fuzz_memory_mb=2048 fuzz_input_bytes=4096
readonly fuzz_largest_seed=4294967295 fuzz_largest_runs=2000000000

fuzz_help() {
  cat <<HELP
usage: ./dev fuzz [TARGET...] [--seconds N] [--runs N] [--seed N]
       ./dev fuzz --list

Installs what is missing, builds the fuzzers (clang-19, libFuzzer, AddressSanitizer and
UndefinedBehaviorSanitizer, in build/fuzz) and runs the targets one after another, all of them if none is
named. Says for each how many inputs it ran, what it covers and how many inputs it learned; for a finding the
file that holds it and how to run it again.

  --seconds N   how long each target runs (default: $fuzz_seconds_default)
  --runs N      and how many inputs at most (default: as many as the seconds take)
  --seed N      tries the same inputs each time: begins with fuzz/corpus alone and leaves out what earlier runs
                learned. Without it every run searches anew, with a seed of its own, which is printed.
  --list        the targets

A merge is held against a fixed seed and number of inputs (./dev ci), so that no luck decides over it; what
searches for the unknown is ./dev fuzz without --seed, for as long as one can spare.

Inputs that reach something new are kept in build/fuzz/corpus/TARGET and taken up by the next run.
A finding that was mended goes to fuzz/corpus/TARGET, which ./dev test replays.

Examples:
  ./dev fuzz
  ./dev fuzz json --seconds 300
  ./dev fuzz http_request --seed 1 --runs 20000

Exit codes: 0 nothing found, 1 a finding or the build failed, 2 wrong usage, 3 packages are missing
and cannot be installed, 130 interrupted.
HELP
}

fuzz_main() {
  local seconds=$fuzz_seconds_default runs=-1 seed= targets=() target
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) fuzz_help && return ;;
      --list) fuzz_targets && return ;;
      --seconds) positive "$1" fuzz "${2:-}"; seconds=$2; shift ;;
      --runs) positive "$1" fuzz "${2:-}" "$fuzz_largest_runs"; runs=$2; shift ;;
      --seed) positive "$1" fuzz "${2:-}" "$fuzz_largest_seed"; seed=$2; shift ;;
      -*) usage_error "fuzz: unknown option \"$1\"" "./dev fuzz --help" ;;
      *) targets+=("$1") ;;
    esac
    shift
  done
  for target in "${targets[@]}"; do
    fuzz_targets | grep -qxF -e "$target" ||
      usage_error "fuzz: no target \"$target\" (./dev fuzz --list names them)" "./dev fuzz --help"
  done
  [[ ${#targets[@]} -gt 0 ]] || mapfile -t targets < <(fuzz_targets)

  setup_ensure dev
  build_configure fuzz
  build_targets fuzz "${targets[@]/#/fuzz_}"
  local found=()
  for target in "${targets[@]}"; do
    fuzz_run "$target" "$seconds" "$runs" "$seed" || found+=("$target")
  done
  [[ ${#found[@]} -eq 0 ]] || stop "$exit_finding" "fuzz: findings in: ${found[*]}"
  say "fuzz: ${#targets[@]} targets, nothing found"
}

# A target is a file that says so.
fuzz_targets() { sed -n 's/^PAWL_FUZZ(\([a-z0-9_]*\)) {$/\1/p' "$root"/fuzz/*.cpp | sort; }

# fuzz_run TARGET SECONDS RUNS SEED: one target's run and its line; without a seed it takes one by chance. Fails
# on a finding.
fuzz_run() {
  local target=$1 seconds=$2 runs=$3 seed=$4 status=0
  local program=$root/build/fuzz/fuzz/fuzz_$target seeds=$root/fuzz/corpus/$target
  local learned=$root/build/fuzz/corpus/$target found=$root/build/fuzz/findings/$target
  local log=$root/build/fuzz/$target.log options=() from=("$seeds")
  # Debian gives the symbolizer a name that the sanitizers do not look for.
  local symbolizer
  symbolizer=$(command -v llvm-symbolizer-19 || true)
  if [[ -n $seed ]]; then
    learned=$root/build/fuzz/seeded/$target
    rm -rf "$learned"
    # By name: a directory gives them in whatever order the file system keeps them.
    fuzz_inputs_by_name "$seeds" >"$root/build/fuzz/$target.inputs"
    from=("-seed_inputs=@$root/build/fuzz/$target.inputs")
    # What these two do depends on where the program's memory lies, which no run shares with another.
    options+=(-use_cmp=0 -entropic=0)
  else
    seed=$((SRANDOM % fuzz_largest_seed + 1))
  fi
  mkdir -p "$learned" "$found" "$seeds"
  [[ ! -f $root/fuzz/dictionary/$target.dict ]] || options+=("-dict=$root/fuzz/dictionary/$target.dict")
  env ${symbolizer:+"ASAN_SYMBOLIZER_PATH=$symbolizer"} \
    "$program" "-max_total_time=$seconds" "-runs=$runs" "-seed=$seed" "-timeout=$fuzz_input_seconds" \
    "-rss_limit_mb=$fuzz_memory_mb" "-max_len=$fuzz_input_bytes" "-artifact_prefix=$found/" -print_final_stats=1 \
    "${options[@]}" "$learned" "${from[@]}" </dev/null >"$log" 2>&1 || status=$?
  [[ $status -ne 72 && $status -ne 130 ]] || exit 130  # libFuzzer's own word for an interrupt, and the shell's
  say "fuzz: $(printf '%-20s' "$target") $(fuzz_figures "$log"), $(find "$learned" -type f | wc -l) inputs learned, seed $seed"
  [[ $status -ne 0 ]] || return 0
  fuzz_finding "$target" "$log" "$program"
  return 1
}

# The files of a directory with commas between them, as libFuzzer takes a list.
fuzz_inputs_by_name() { find "$1" -type f | LC_ALL=C sort | paste -sd, | tr -d '\n'; }

# "1234567 runs, 41152/s, 806 edges and 2900 features covered" from libFuzzer's last lines.
fuzz_figures() {
  awk '
    /^stat::number_of_executed_units:/ {runs = $2}
    /^stat::average_exec_per_sec:/ {rate = $2}
    / cov: [0-9]+ ft: [0-9]+ / {for (i = 1; i < NF; ++i) {if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1)}}
    END {printf "%d runs, %d/s, %d edges and %d features covered", runs, rate, edges, features}' "$1"
}

# Names what was found: the words of the check or sanitizer, the input's file, how to run it again.
fuzz_finding() {
  local target=$1 log=$2 program=$3 file
  file=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  say "fuzz: $target: FOUND $(grep -m 1 -E 'what\(\):|SUMMARY: |ERROR: |runtime error: ' "$log" || echo "see $log")"
  say "fuzz:   log       ${log#"$root"/}"
  [[ -n $file ]] || return 0
  say "fuzz:   input     ${file#"$root"/}"
  say "fuzz:   again     ${program#"$root"/} ${file#"$root"/}"
  say "fuzz:   smaller   ${program#"$root"/} -minimize_crash=1 -max_total_time=60 -exact_artifact_path=SMALLER ${file#"$root"/}"
  say "fuzz:   mended?   cp ${file#"$root"/} fuzz/corpus/$target/NAME, which ./dev test replays"
}
