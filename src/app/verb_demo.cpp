// SPDX-License-Identifier: Apache-2.0
//
// pawl demo: trades under kill -9 and a failing custodian, then an audit.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>

#include "app/demo.h"
#include "app/service_key.h"
#include "app/settings.h"
#include "app/stop_signal.h"
#include "app/verbs.h"

namespace pawl::app {

namespace {

struct DemoVerb {
  DemoOptions demo;
  std::optional<std::uint64_t> seed;
  bool json = false;
};

constexpr std::int64_t plain_line_every_ms = 5'000;

// One line that is written over at a terminal, a line now and then elsewhere.
class ProgressLine {
 public:
  void operator()(const DemoProgress& progress) {
    if (!terminal_ && progress.phase == phase_ && progress.elapsed_ms < next_ms_) return;
    phase_ = progress.phase;
    next_ms_ = progress.elapsed_ms + plain_line_every_ms;
    const auto& counts = *progress.counts;
    std::string line =
        std::to_string(progress.elapsed_ms / 1'000) + " s  " + progress.phase + "  orders " +
        std::to_string(counts.created) + "  confirmed " + std::to_string(counts.confirmed) +
        "  cancelled " + std::to_string(counts.cancelled) + "  unanswered " +
        std::to_string(counts.unanswered) + "  kills " + std::to_string(progress.kills);
    if (progress.phase == "draining") line += "  under way " + std::to_string(progress.open);
    std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  }
  void end() const {
    if (terminal_) std::fputs("\n", stderr);
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::string phase_;
  std::int64_t next_ms_ = 0;
};

Result<std::uint64_t> seed_of(const DemoVerb& options) {
  if (options.seed) return *options.seed;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this program sets a variable
  const char* text = std::getenv("PAWL_SEED");
  if (text == nullptr || *text == '\0') return std::random_device()() % 1'000'000;
  std::uint64_t seed = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, seed);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return fail(configuration_invalid, "PAWL_SEED is \"" + std::string(text) + "\", not a number");
  }
  return seed;
}

// A folder of its own that goes away if all went well.
Result<std::string> temporary_folder() {
  std::error_code error;
  std::string path = (std::filesystem::temp_directory_path(error) / "pawl-demo-XXXXXX").string();
  if (error || ::mkdtemp(path.data()) == nullptr) return fail(data_dir_unusable, path);
  return path;
}

Exit demo(const DemoVerb& options) {
  StopSignal stop_signal;
  DemoOptions demo_options = options.demo;
  const auto seed = seed_of(options);
  if (!seed) return report(seed.error());
  demo_options.seed = *seed;
  const bool temporary = demo_options.data_dir.empty();
  if (temporary) {
    const auto folder = temporary_folder();
    if (!folder) return report(folder.error());
    demo_options.data_dir = *folder;
  } else if (auto made = prepare_data_dir(demo_options.data_dir); !made) {
    return report(made.error());
  }
  std::fprintf(stderr, "seed %llu, data in %s\n",
               static_cast<unsigned long long>(demo_options.seed), demo_options.data_dir.c_str());
  ProgressLine line;
  Demo demo(
      demo_options,
      [&stop_signal](std::int64_t wait_ms) { return stop_signal.wait_ms(wait_ms) != 0; },
      [&line](const DemoProgress& progress) { line(progress); });
  const auto result = demo.run();
  line.end();
  if (!result) {
    const Exit exit = report(result.error());
    std::fprintf(stderr, "pawl: the data is left in %s\n", demo_options.data_dir.c_str());
    return result.error().code == demo_interrupted ? Exit::interrupted : exit;
  }
  std::fputs(demo_text(*result).c_str(), options.json ? stderr : stdout);
  if (options.json) std::printf("%s\n", demo_json(*result, demo_options.seed).c_str());
  std::error_code error;
  if (result->held()) {
    if (temporary) std::filesystem::remove_all(demo_options.data_dir, error);
    return Exit::done;
  }
  std::fprintf(stderr, "pawl: a promise did not hold; the data is left in %s\n",
               demo_options.data_dir.c_str());
  return Exit::finding;
}

}  // namespace

void add_demo(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<DemoVerb>();
  auto& demo_options = options->demo;
  auto* verb = app.add_subcommand("demo", "Trades under kill -9 and a failing custodian, audited");
  verb->add_option("--seconds", demo_options.seconds, "how long to trade")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400}));
  verb->add_option("--kills", demo_options.kills, "trade until the server was killed so often")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  verb->add_option("--kill-every-ms", demo_options.kill_interval_ms, "on the average")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{3'600'000}));
  verb->add_option("--drain-seconds", demo_options.drain_seconds,
                   "what is under way must have ended by then")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{3'600}));
  verb->add_option("--clients", demo_options.clients, "customers at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  verb->add_option("--seed", options->seed, "of all chance (default $PAWL_SEED, else a new one)");
  verb->add_option("--data", demo_options.data_dir, "keep the data there (default: a temporary)");
  verb->add_flag("--json", options->json, "the result as one JSON object, the last line of stdout");
  verb->footer(
      "Customers create, match, confirm and cancel signed orders while the server is killed with\n"
      "-9 and started again, and the custodian resets, hangs, answers garbage, refuses, voids\n"
      "payouts, or does what it was asked and loses the answer. Then the faults end, what is\n"
      "under way is brought to its end, and every coin is counted.\n"
      "\n"
      "Examples:\n"
      "  pawl demo\n"
      "  pawl demo --seconds 120 --json\n"
      "  pawl demo --kills 1000 --kill-every-ms 300 --seed 7\n"
      "\n"
      "Exit codes: 0 nothing lost, doubled or wedged; 1 something was (the data is kept); 130\n"
      "interrupted.");
  verb->callback([options, &chosen] { chosen = [options] { return demo(*options); }; });
}

}  // namespace pawl::app
