// SPDX-License-Identifier: Apache-2.0
//
// Latency with one in flight, beside the same work by hand on one connection: an idle engine
// commits at once.
#include "workload.h"

int main(int argc, char** argv) {
  return pawl::bench::compare(argc, argv, "latency", {1}, PAWL_SLOW_SYNC);
}
