# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev lint: clang-format, the house rules (scripts/lint_rules.py) and clang-tidy (scripts/lint_tidy.py).
# The rules are in Python because they must tell code from comments and strings in C++, which grep cannot;
# python3 costs nothing here, clang-tidy-19 depends on it.

lint_help() {
  cat <<'HELP'
usage: ./dev lint [--all] [--deep] [--no-tidy]
       ./dev lint --self-test

Checks the form of every source: clang-format, the SPDX line, the layers (arrows point down only) and
the house rules, whose messages name what to do instead. Then clang-tidy over what ships (src, examples) and differs from
origin/main (from HEAD where there is no such branch); what it found clean it remembers in build/lint
until the file, a header under it or .clang-tidy changes.

  --all        clang-tidy over every file (so it is in CI)
  --deep       also the checks of clang's static analyzer, slow
  --no-tidy    without clang-tidy
  --self-test  plant a violation of each house rule in a temporary tree and see that it is caught

Exit codes: 0 clean, 1 findings, 2 wrong usage, 3 packages are missing and cannot be installed.
HELP
}

lint_main() {
  local all=${CI:-} deep=no tidy=yes status=0
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) lint_help && return ;;
      --all) all=true ;;
      --deep) deep=yes ;;
      --no-tidy) tidy=no ;;
      --self-test)
        setup_ensure dev
        python3 -B "$root/scripts/lint_self_test.py" || exit "$exit_finding"
        return
        ;;
      *) usage_error "lint: unknown option \"$1\"" "./dev lint --help" ;;
    esac
    shift
  done
  setup_ensure dev

  lint_format || status=$exit_finding
  python3 -B "$root/scripts/lint_rules.py" "$root" || status=$exit_finding
  if [[ $tidy == yes ]]; then
    build_configure dev
    local jobs options=()
    jobs=$(build_jobs)
    [[ -n $all ]] || options+=(--changed)
    [[ $deep == no ]] || options+=(--deep)
    python3 -B "$root/scripts/lint_tidy.py" "$root" --jobs "$jobs" "${options[@]}" || status=$exit_finding
  fi
  [[ $status -eq 0 ]] || stop "$status" "lint: findings, see above"
  say "lint: clean"
}

lint_format() {
  find "$root"/{include,src,tests,bench,examples,fuzz} \( -name '*.cpp' -o -name '*.h' \) -print0 |
    xargs -0 -r clang-format-19 --dry-run -Werror --style=file && return
  say "lint: clang-format-19 -i FILE puts the form right"
  return 1
}
