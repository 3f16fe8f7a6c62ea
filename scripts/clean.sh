# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev clean: removes what builds made; with --all also the data that ./dev run made here.

clean_help() {
  cat <<'HELP'
usage: ./dev clean [--all] [--yes]

Removes build/.

  --all   also .pawl, the data of ./dev run started in this directory of the repository; asks first
  --yes   do not ask

Exit codes: 0 removed, 1 not confirmed, 2 wrong usage.
HELP
}

clean_main() {
  local all=no yes=no answer=''
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) clean_help && return ;;
      --all) all=yes ;;
      --yes) yes=yes ;;
      *) usage_error "clean: unknown option \"$1\"" "./dev clean --help" ;;
    esac
    shift
  done
  if [[ $all == yes && -e $root/.pawl ]]; then
    if [[ $yes == no ]]; then
      printf 'Remove the data in %s? [y/N] ' "$root/.pawl" >&2
      read -r answer || true
      [[ $answer == [yY]* ]] || stop "$exit_finding" "clean: nothing was removed"
    fi
    rm -rf "${root:?}/.pawl"
  fi
  rm -rf "${root:?}/build"
}
