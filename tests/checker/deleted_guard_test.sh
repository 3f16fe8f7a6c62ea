#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Deletes one guard after another in a copy of the desk's own decide_*.cpp, builds the checker with the
# copy in the place of the original, and expects a violation. A second model of the desk, written beside
# it, could not do this.
#
# usage: deleted_guard_test.sh COMPILER SOURCE_ROOT SANITIZE OTC_LIBRARY TOKENS_LIBRARY CHECK_LIBRARY
set -euo pipefail

compiler=$1 source=$2 sanitize=$3 otc_library=$4 tokens_library=$5 check_library=$6
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
flags=(-std=c++23 -O1 -DPAWL_CHECKER=1 -Wno-restrict -Wno-maybe-uninitialized
  "-I$source/src" "-I$source/include")
[[ -z $sanitize ]] || flags+=("-fsanitize=$sanitize")

"$compiler" "${flags[@]}" -c "$source/src/app/check/main.cpp" -o "$place/main.o"

# build NAME: links with build/NAME.o, so that the library's own object of that source is not taken.
build() {
  "$compiler" "${flags[@]}" -c "$place/$1.cpp" -o "$place/$1.o"
  "$compiler" "${flags[@]}" "$place/main.o" "$place/$1.o" "$otc_library" "$tokens_library" "$check_library" \
    -lboost_json -lcrypto -lpthread -o "$place/pawl-check"
}

# without_guard FILE GUARD: the file without the statement PAWL_REQUIRE(guard::GUARD, ...);
without_guard() {
  python3 - "$source/src/systems/otc/$1.cpp" "$place/$1.cpp" "$2" <<'PYTHON'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
left, count = re.subn(r"  PAWL_REQUIRE\(guard::%s,.*?\);\n" % sys.argv[3], "", text, count=1, flags=re.S)
if count != 1:
    sys.exit("no such guard in " + sys.argv[1])
open(sys.argv[2], "w", encoding="utf-8").write(left)
PYTHON
}

cp "$source/src/systems/otc/decide_settle.cpp" "$place/decide_settle.cpp"
build decide_settle
"$place/pawl-check" otc.sell --crashes 0 --stalls 0 --late 0 >"$place/log" || {
  cat "$place/log" && echo "the copy itself is not clean" && exit 1
}

for case in decide_settle:settlement_time_left decide_board:open_to_cancel; do
  without_guard "${case%%:*}" "${case##*:}"
  build "${case%%:*}"
  status=0
  "$place/pawl-check" otc.sell --crashes 0 --stalls 0 --late 0 >"$place/log" || status=$?
  if [[ $status -ne 1 ]] || ! grep -q "violated" "$place/log"; then
    cat "$place/log"
    echo "without ${case##*:} the check stayed green (status $status)"
    exit 1
  fi
done
