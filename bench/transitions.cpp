// SPDX-License-Identifier: Apache-2.0
//
// Transitions per second with many in flight, beside the same work by hand with one commit each.
#include "workload.h"

int main(int argc, char** argv) {
  return pawl::bench::compare(argc, argv, "transitions", {64, 256, 1'024}, PAWL_SLOW_SYNC);
}
