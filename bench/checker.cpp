// SPDX-License-Identifier: Apache-2.0
//
// How fast the checker explores: a small model of 11^6 states, the same in Promela for SPIN
// (checker.pml), round after round of ours and SPIN's, medians. Ours runs the production committer
// for its steps; both check an invariant in every state, on one core.
//
//   pawl_bench_checker [--rounds N] [--dials N] [--json]
#include <pawl/check.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace {

enum class State { on };
constexpr auto pawl_names(State) {
  return std::array<std::string_view, 1>{"on"};
}
struct Dial {
  static constexpr std::string_view machine = "dial";
  static constexpr std::string_view table = "dials";
  std::string id;
  State state = State::on;
  pawl::Time state_since;
  std::int64_t at = 1;
  static constexpr auto fields() {
    return std::tuple{pawl::field("id", &Dial::id), pawl::field("state", &Dial::state),
                      pawl::field("state_since_us", &Dial::state_since),
                      pawl::field("at", &Dial::at)};
  }
};
struct Place {
  static constexpr std::string_view kind = "dial.place";
  std::string dial;
  auto keys() const { return std::tuple{pawl::Key<Dial>{dial}}; }
  static constexpr auto fields() { return std::tuple{pawl::field("dial", &Place::dial)}; }
};
struct Turn {
  static constexpr std::string_view kind = "dial.turn";
  std::string dial;
  auto keys() const { return std::tuple{pawl::Key<Dial>{dial}}; }
  static constexpr auto fields() { return std::tuple{pawl::field("dial", &Turn::dial)}; }
};

pawl::Decision decide(const Place& place, pawl::Locked<Dial>& dial, const pawl::Context& now) {
  if (dial.present()) return pawl::Decision::ignore("there");
  return pawl::Change()
      .create(dial, Dial{.id = place.dial}, "placed")
      .deadline(dial, "turn", now.time, Turn{place.dial});
}
pawl::Decision decide(const Turn& turn, pawl::Locked<Dial>& dial, const pawl::Context& now) {
  Dial row = *dial;
  row.at = row.at == 10 ? 1 : row.at + 1;
  return pawl::Change()
      .update(dial, row, "turned")
      .deadline(dial, "turn", now.time, Turn{turn.dial});
}

pawl::check::Scenario dials(int count) {
  auto registry = std::make_shared<pawl::Registry>();
  registry->machine<Dial>().initial(State::on).stored_command<Turn>();
  pawl::check::Scenario out;
  out.name = "dials";
  out.registry = std::move(registry);
  out.bounds.ticks = 0;
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    names.push_back("d" + std::to_string(i));
    out.requests.push_back(
        pawl::check::request("place " + names.back(), Place{names.back()}, "bench"));
  }
  out.invariants.push_back(
      {"no dial is beyond ten", [names](const pawl::check::View& view) -> std::string {
         for (const auto& name : names) {
           const auto* row = view.row<Dial>(name);
           if (row != nullptr && row->at > 10) return name;
         }
         return {};
       }});
  return out;
}

struct Measured {
  std::int64_t states = 0;
  double seconds = 0;
  double per_second() const { return seconds == 0 ? 0 : static_cast<double>(states) / seconds; }
};

Measured ours(int count, bool wedges, std::int64_t& state_bytes) {
  pawl::check::Options options;
  options.wedges = wedges;
  options.memory_mb = 8'000;
  const auto result = pawl::check::explore(dials(count), options);
  if (!result.complete) std::exit(1);
  state_bytes = result.state_bytes;
  return {result.states, result.seconds};
}

// Builds pan in a folder of its own; empty if SPIN is not installed.
std::string build_spin() {
  const auto folder = std::filesystem::temp_directory_path() / "pawl_bench_spin";
  std::filesystem::create_directories(folder);
  const std::string place = folder.string();
  const std::string build = "cd " + place +
                            " && cp " PAWL_PROMELA
                            " model.pml && spin -a model.pml >/dev/null && cc -O2 -DSAFETY "
                            "-DNOREDUCE -DMEMLIM=8000 -o pan pan.c 2>/dev/null";
  return std::system(build.c_str()) == 0 ? place : std::string();
}

// The states that pan says it stored, by the wall clock around it.
Measured spin(const std::string& place) {
  const std::string run = "cd " + place + " && ./pan -m10000000 -w24 >out.txt 2>&1";
  const auto began = std::chrono::steady_clock::now();
  if (std::system(run.c_str()) != 0) std::exit(1);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::ifstream out(place + "/out.txt");
  std::string line;
  Measured measured;
  while (std::getline(out, line)) {
    double states = 0;
    if (line.find("states, stored") != line.npos &&
        std::sscanf(line.c_str(), "%lf", &states) == 1) {
      measured.states = static_cast<std::int64_t>(states);
    }
  }
  measured.seconds = took.count();
  return measured;
}

Measured median(std::vector<Measured> all) {
  std::sort(all.begin(), all.end(),
            [](const Measured& a, const Measured& b) { return a.seconds < b.seconds; });
  return all.empty() ? Measured() : all[all.size() / 2];
}

void print(const char* name, const Measured& measured, bool json) {
  std::printf(json ? "{\"name\":\"checker\",\"what\":\"%s\",\"states\":%lld,\"seconds\":%.3f,"
                     "\"states_per_s\":%.0f}\n"
                   : "%-24s %10lld states %8.3f s %12.0f states/s\n",
              name, static_cast<long long>(measured.states), measured.seconds,
              measured.per_second());
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 3;
  int count = 6;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const bool value = i + 1 < argc;
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--rounds") == 0 && value) {
      rounds = std::max(1, std::atoi(argv[++i]));
    } else if (std::strcmp(argv[i], "--dials") == 0 && value) {
      count = std::clamp(std::atoi(argv[++i]), 1, 6);
    } else {
      std::fprintf(stderr, "usage: pawl_bench_checker [--rounds N] [--dials 1..6] [--json]\n");
      return 2;
    }
  }
  // The Promela model has six dials.
  const std::string place = count == 6 ? build_spin() : std::string();
  std::vector<Measured> plain;
  std::vector<Measured> with_ends;
  std::vector<Measured> spins;
  std::int64_t bytes = 0;
  std::int64_t bytes_with_ends = 0;
  for (int round = 0; round < rounds; ++round) {
    plain.push_back(ours(count, false, bytes));
    if (!place.empty()) spins.push_back(spin(place));
    with_ends.push_back(ours(count, true, bytes_with_ends));
  }
  print("pawl", median(plain), json);
  print("pawl, ends reachable", median(with_ends), json);
  if (place.empty()) {
    std::fprintf(stderr,
                 "no figure for SPIN: it is not installed, or the model has not six dials\n");
  } else {
    print("spin", median(spins), json);
  }
  if (!json) {
    std::printf("bytes a state: %lld, with ends %lld\n", static_cast<long long>(bytes),
                static_cast<long long>(bytes_with_ends));
  }
  return 0;
}
