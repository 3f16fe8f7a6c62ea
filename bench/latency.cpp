// SPDX-License-Identifier: Apache-2.0
//
// Latency with one in flight, beside the same work by hand on one connection: an idle engine
// commits at once.
#include "workload.h"

int main(int argc, char** argv) {
  using namespace pawl::bench;
  const Options options = parse_options(argc, argv, {1}, PAWL_SLOW_SYNC);
  const Workspace workspace(options);
  PawlSide pawl(workspace.file("pawl.db"), options.entities);
  HandWrittenSide hand(workspace.file("hand.db"), options.entities);
  std::vector<Line> lines;
  for (const int in_flight : options.in_flight) {
    Line line;
    line.name = "latency";
    line.in_flight = in_flight;
    line.baseline = "hand-written, one connection";
    for (int round = 0; round < options.rounds; ++round) {
      line.hand_written.push_back(hand.run(options.seconds));
      line.pawl.push_back(pawl.run(in_flight, options.seconds));
    }
    lines.push_back(std::move(line));
  }
  print_lines(options, lines);
  return 0;
}
