#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: install_test.sh CMAKE BUILD_DIRECTORY CONSUMER_DIRECTORY [SANITIZERS]
# Installs the build into a temporary prefix, copies the consumer out of the tree, then configures,
# builds and runs it. A version that we are not must not be found.
set -euo pipefail
cmake=$1 build=$2 consumer=$3 sanitizers=${4:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/prefix" >"$work/install.log" || {
  cat "$work/install.log"
  exit 1
}
cp -r "$consumer" "$work/consumer"
configure=(-S "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix")
[[ -z $sanitizers ]] || configure+=(-DCMAKE_CXX_FLAGS="-fsanitize=$sanitizers")

"$cmake" "${configure[@]}" -B "$work/build"
"$cmake" --build "$work/build" -j 1
"$work/build/consumer"

# Before 1.0 another minor version is another API.
sed -i 's/find_package(pawl 0\.1 /find_package(pawl 0.0 /' "$work/consumer/CMakeLists.txt"
if "$cmake" "${configure[@]}" -B "$work/build_older" >"$work/older.log" 2>&1; then
  echo "find_package(pawl 0.0) accepted this version"
  exit 1
fi
grep -q 'version: 0\.1\.' "$work/older.log" || {
  echo "find_package(pawl 0.0) failed for another reason:"
  cat "$work/older.log"
  exit 1
}
