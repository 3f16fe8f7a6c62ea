// SPDX-License-Identifier: Apache-2.0
//
// Pawl's side and the one by hand in turn, on the same store, and the table of both.
#include <memory>

#include "processes.h"
#include "workload.h"

namespace pawl::bench {

namespace {

std::vector<Line> compare_on_sqlite(const Options& options, const std::string& name, Keys keys) {
  const Workspace workspace(options);
  PawlSide pawl(options, workspace.file("pawl.db"));
  HandWrittenSide hand(workspace.file("hand.db"), keys == Keys::hot ? 1 : options.entities);
  std::vector<Line> lines;
  for (const int number : options.in_flight) {
    Line line{name, number, {}, "hand-written, one connection", {}};
    for (int round = 0; round < options.rounds; ++round) {
      if (!options.alone) line.hand_written.push_back(hand.run(options.seconds));
      line.pawl.push_back(pawl.run(number, options.seconds, keys));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// As many runs of the baseline as of Pawl. With several processes each side's keys overlap.
std::vector<Line> compare_on_postgres(const Options& options, const std::string& name, Keys keys) {
  using Spread = HandWrittenPostgres::Spread;
  std::vector<Line> lines;
  PawlSide pawl(options, {});
  std::unique_ptr<Processes> others;
  if (options.processes > 1) others = std::make_unique<Processes>(options);
  const Spread several = options.processes > 1 ? Spread::overlapping : Spread::own;
  for (const int number : options.in_flight) {
    Options by_hand = options;
    if (number == 1) by_hand.clients = 1;
    HandWrittenPostgres hand(by_hand, keys == Keys::hot ? Spread::hot : several);
    Line line{name, number, {}, {}, {}};
    for (int round = 0; round < options.rounds; ++round) {
      if (!options.alone) line.hand_written.push_back(hand.run(options.seconds));
      pawl.begin_anew();
      line.pawl.push_back(others ? others->run(number, options.seconds, keys)
                                 : pawl.run(number, options.seconds, keys));
    }
    line.baseline = "hand-written, " + std::to_string(hand.clients()) + " clients";
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

int compare(int argc, char** argv, const std::string& name, std::vector<int> in_flight,
            const char* slow_sync_library, Keys keys) {
  if (ran_as_process(argc, argv)) return 0;
  const Options options = parse_options(argc, argv, std::move(in_flight), slow_sync_library);
  const bool sqlite = options.store == "sqlite";
  print_lines(options, sqlite ? compare_on_sqlite(options, name, keys)
                              : compare_on_postgres(options, name, keys));
  return 0;
}

}  // namespace pawl::bench
