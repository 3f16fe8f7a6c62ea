// SPDX-License-Identifier: Apache-2.0
//
// Transitions of one entity with many in flight, beside the same work by hand: commands that wait
// for the same row fold in memory into one change of it.
#include "workload.h"

int main(int argc, char** argv) {
  return pawl::bench::compare(argc, argv, "hot", {256, 1'024}, PAWL_SLOW_SYNC,
                              pawl::bench::Keys::hot);
}
