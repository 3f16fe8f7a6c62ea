#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every guard of the gallery has a failing schedule in docs/races.md, and each of those schedules fails without
# its guard and with nothing else.
#
# usage: races_test.sh RACES DOCS_RACES_MD
set -euo pipefail

races=$1 page=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

"$races" --list | sed -n 's/^  guard //p' | sort >"$place/guards"
sed -n "s/^\$ races --without \([a-z_.]*\) --replay '\(.*\)'$/\1\t\2/p" "$page" >"$place/schedules"
cut -f1 "$place/schedules" | sort >"$place/shown"
diff "$place/guards" "$place/shown" || { echo "docs/races.md and the gallery have other guards" && exit 1; }

while IFS=$'\t' read -r guard schedule; do
  status=0
  "$races" --without "$guard" --replay "$schedule" >"$place/out" 2>&1 || status=$?
  if [[ $status -ne 1 ]] || ! grep -q '^=> ' "$place/out"; then
    cat "$place/out" && echo "without $guard its schedule ended with $status" && exit 1
  fi
  # With its guard a step is refused and all is well, or it cannot happen at all.
  status=0
  "$races" --replay "$schedule" >"$place/out" 2>&1 || status=$?
  if [[ $status -ne 0 && $status -ne 2 ]]; then
    cat "$place/out" && echo "with $guard its schedule fails all the same" && exit 1
  fi
done <"$place/schedules"
