# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Verbs that are planned and do nothing yet. They say so and fail, so that nobody takes their silence
# for a result.

fuzz_help() {
  cat <<'HELP'
usage: ./dev fuzz

Not yet available. It will run the fuzzers of the parsers (HTTP, JSON, URLs). Until then the verb
exits 2.
HELP
}

fuzz_main() {
  case ${1:-} in -h | --help) fuzz_help && return ;; esac
  stop "$exit_usage" "fuzz: not yet available, nothing was fuzzed"
}
