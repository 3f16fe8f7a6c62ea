#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every named crash point of the source stands in ARCHITECTURE.md and in the table of docs/checker.md, and none
# that is not there; each has a schedule with that crash in it, and all of them are explored and end well.
#
# usage: crash_points_test.sh PAWL_CHECK SOURCE_ROOT
set -euo pipefail

check=$1 source=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
page=$source/docs/checker.md

# Each store has the store's points, once; any other name stands for one place.
points() { grep -rhoE 'PAWL_CRASH_POINT\("[^"]+"\)' "$@" | cut -d'"' -f2 | sort; }
points "$source/src/store/sqlite" >"$place/sqlite"
points "$source/src/store/postgres" >"$place/postgres"
diff "$place/sqlite" "$place/postgres" || { echo "the stores have different points" && exit 1; }
points --exclude-dir=postgres "$source/src" >"$place/source"
[[ -s $place/source ]] || { echo "no crash points found" && exit 1; }
[[ -z $(uniq -d "$place/source") ]] || { echo "a name stands for two points" && exit 1; }
sed -n '/^### Steps and crash points/,/^## /p' "$source/ARCHITECTURE.md" |
  grep -oE '`[a-z]+\.[a-z_]+`' | tr -d '`' | sort >"$place/architecture"
sed -n '/^## Crash points/,/^## [^C]/p' "$page" >"$place/section"
sed -n 's/^| `\([a-z]*\.[a-z_]*\)` |.*/\1/p' "$place/section" | sort >"$place/table"
sed -n "s/^\$ pawl check --replay '\(.*\)'  # \(.*\)$/\1\t\2/p" "$place/section" >"$place/schedules"
cut -f2 "$place/schedules" | tr -d ' ' | tr ',' '\n' | sort -u >"$place/replayed"
for list in architecture table replayed; do
  diff "$place/source" "$place/$list" || { echo "the crash points of $list are not those of the source" && exit 1; }
done

while IFS=$'\t' read -r schedule names; do
  [[ $schedule == *crashes* ]] || { echo "no crash in the schedule of $names" && exit 1; }
  "$check" --replay "$schedule" >"$place/out" 2>&1 || { cat "$place/out" && echo "$names" && exit 1; }
  grep -q '^every invariant holds' "$place/out" || { cat "$place/out" && echo "$names" && exit 1; }
done <"$place/schedules"
