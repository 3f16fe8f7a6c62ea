# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Verbs that are planned and do nothing yet. They say so and fail, so that nobody takes their silence
# for a result.

check_help() {
  cat <<'HELP'
usage: ./dev check

Not yet available. It will explore every interleaving of a system's decisions, lost or late answers
and crashes. Until then the verb exits 2.
HELP
}

check_main() {
  case ${1:-} in -h | --help) check_help && return ;; esac
  stop "$exit_usage" "check: not yet available, nothing was checked"
}
