// SPDX-License-Identifier: Apache-2.0
#include "measure.h"

#include <pawl/log.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "database.h"

namespace pawl::bench {

namespace {

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(stderr,
               "%s\noptions: --store sqlite|postgres  --in-flight N[,N...]  --entities N  "
               "--rounds N  --seconds S  --sync-ms N  --lanes N  --max-batch N  --processes N  "
               "--clients N  --jobs new|again  --dir DIR  --alone  --json\n",
               problem.c_str());
  std::exit(2);
}

double number(const std::string& text, const std::string& option) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || value < 0) usage(option + ": not a number: " + text);
  return value;
}

std::string decimal(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

double median_of(const std::vector<Sample>& samples, double Sample::* member) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(sample.*member);
  return median(std::move(values));
}

double median_ratio(const Line& line, double Sample::* member) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(line.pawl.size(), line.hand_written.size()); ++i) {
    ratios.push_back(line.pawl[i].*member / line.hand_written[i].*member);
  }
  return median(std::move(ratios));
}

void run_under_shim(int argc, char** argv, double sync_ms, const char* library) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the first thing that main does
  if (std::getenv("PAWL_SYNC_MS") != nullptr) return;
  ::setenv("PAWL_SYNC_MS", decimal(sync_ms).c_str(), 1);
  ::setenv("LD_PRELOAD", library, 1);
  std::vector<char*> arguments(argv, argv + argc);
  arguments.push_back(nullptr);
  ::execv("/proc/self/exe", arguments.data());
  std::perror("exec");
  std::exit(1);
}

}  // namespace

Options parse_options(int argc, char** argv, std::vector<int> default_in_flight,
                      const char* slow_sync_library) {
  // A line for each effect would be part of what is measured.
  log::set_level(log::Level::warn);
  Options options;
  options.in_flight = std::move(default_in_flight);
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json" || name == "--alone") {
      (name == "--json" ? options.json : options.alone) = true;
      continue;
    }
    if (i + 1 >= argc) usage(name + ": needs a value, or is not an option");
    const std::string value = argv[++i];
    if (name == "--store") {
      if (value != "sqlite" && value != "postgres") usage("--store: sqlite or postgres");
      options.store = value;
    } else if (name == "--in-flight") {
      options.in_flight.clear();
      std::stringstream list(value);
      for (std::string part; std::getline(list, part, ',');) {
        options.in_flight.push_back(static_cast<int>(number(part, name)));
      }
    } else if (name == "--entities") {
      options.entities = static_cast<int>(number(value, name));
      options.entities_given = true;
    } else if (name == "--rounds") {
      options.rounds = static_cast<int>(number(value, name));
      options.rounds_given = true;
    } else if (name == "--seconds") {
      options.seconds = number(value, name);
      options.seconds_given = true;
    } else if (name == "--sync-ms") {
      options.sync_ms = number(value, name);
    } else if (name == "--lanes") {
      options.lanes = static_cast<int>(number(value, name));
    } else if (name == "--max-batch") {
      options.max_batch = static_cast<int>(number(value, name));
    } else if (name == "--jobs") {
      if (value != "new" && value != "again") usage("--jobs: new or again");
      options.jobs_again = value == "again";
    } else if (name == "--processes") {
      options.processes = std::max(1, static_cast<int>(number(value, name)));
    } else if (name == "--clients") {
      options.clients = static_cast<int>(number(value, name));
    } else if (name == "--dir") {
      options.directory = value;
    } else {
      usage("unknown option " + name);
    }
  }
  if (options.store == "postgres") {
    options.url = database_url(argc, argv, options.sync_ms);
  } else if (options.processes > 1) {
    usage("--processes: several processes share PostgreSQL alone");
  } else if (options.sync_ms > 0) {
    run_under_shim(argc, argv, options.sync_ms, slow_sync_library);
  }
  return options;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double load_average_now() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : -1;
}

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

double cpu_seconds_now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Sample summarise(std::vector<std::int64_t>& latencies_us, double seconds, double cpu_seconds,
                 double commits) {
  Sample sample;
  if (latencies_us.empty()) return sample;
  std::sort(latencies_us.begin(), latencies_us.end());
  const auto count = static_cast<double>(latencies_us.size());
  const auto at = [&](double share) {
    const auto index = static_cast<std::size_t>(share * (count - 1));
    return static_cast<double>(latencies_us[index]) / 1'000;
  };
  sample.per_second = count / seconds;
  sample.p50_ms = at(0.5);
  sample.p99_ms = at(0.99);
  sample.cpu_us = cpu_seconds * 1e6 / count;
  sample.batch = commits > 0 ? count / commits : 0;
  return sample;
}

void print_lines(const Options& options, const std::vector<Line>& lines) {
  if (!options.json) {
    std::printf(
        "store %s, durable before the answer, %d entities, %d rounds of %.1f s in turn%s\n",
        options.store.c_str(), options.entities, options.rounds, options.seconds,
        options.sync_ms > 0 ? (", each sync +" + decimal(options.sync_ms) + " ms").c_str() : "");
    std::printf("%-12s %9s %10s %10s %7s %8s %8s %8s %8s %8s %22s\n", "bench", "in flight",
                "pawl/s", "hand/s", "ratio", "p50 ms", "p99 ms", "hand p50", "hand p99", "batch",
                "cpu us, ours+server");
  }
  for (const Line& line : lines) {
    const double pawl = median_of(line.pawl, &Sample::per_second);
    const double hand = median_of(line.hand_written, &Sample::per_second);
    const double ratio = median_ratio(line, &Sample::per_second);
    if (options.json) {
      std::printf(
          "{\"name\":\"%s\",\"store\":\"%s\",\"in_flight\":%d,\"pawl_per_s\":%.0f,"
          "\"baseline\":\"%s\",\"baseline_per_s\":%.0f,\"ratio\":%.2f,\"p50_ms\":%.3f,"
          "\"p99_ms\":%.3f,\"baseline_p50_ms\":%.3f,\"baseline_p99_ms\":%.3f,\"cpu\":%.1f,"
          "\"baseline_cpu\":%.1f,\"server_cpu\":%.1f,\"baseline_server_cpu\":%.1f,\"batch\":%.1f,"
          "\"sync_ms\":%g,\"processes\":%d,\"p50_ratio\":%.2f,\"p99_ratio\":%.2f,\"load\":%.1f}\n",
          line.name.c_str(), options.store.c_str(), line.in_flight, pawl, line.baseline.c_str(),
          hand, ratio, median_of(line.pawl, &Sample::p50_ms), median_of(line.pawl, &Sample::p99_ms),
          median_of(line.hand_written, &Sample::p50_ms),
          median_of(line.hand_written, &Sample::p99_ms), median_of(line.pawl, &Sample::cpu_us),
          median_of(line.hand_written, &Sample::cpu_us),
          median_of(line.pawl, &Sample::server_cpu_us),
          median_of(line.hand_written, &Sample::server_cpu_us),
          median_of(line.pawl, &Sample::batch), options.sync_ms, options.processes,
          median_ratio(line, &Sample::p50_ms), median_ratio(line, &Sample::p99_ms),
          load_average_now());
    } else {
      std::printf(
          "%-12s %9d %10.0f %10.0f %6.2fx %8.3f %8.3f %8.3f %8.3f %8.1f %5.1f+%.1f : %.1f+%.1f\n",
          line.name.c_str(), line.in_flight, pawl, hand, ratio,
          median_of(line.pawl, &Sample::p50_ms), median_of(line.pawl, &Sample::p99_ms),
          median_of(line.hand_written, &Sample::p50_ms),
          median_of(line.hand_written, &Sample::p99_ms), median_of(line.pawl, &Sample::batch),
          median_of(line.pawl, &Sample::cpu_us), median_of(line.pawl, &Sample::server_cpu_us),
          median_of(line.hand_written, &Sample::cpu_us),
          median_of(line.hand_written, &Sample::server_cpu_us));
      std::printf("  of each round, pawl/s : by hand/s (baseline: %s; load %.1f):",
                  line.baseline.c_str(), load_average_now());
      for (std::size_t i = 0; i < line.pawl.size(); ++i) {
        std::printf(" %.0f:%.0f", line.pawl[i].per_second,
                    options.alone ? 0 : line.hand_written[i].per_second);
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
}

Workspace::Workspace(const Options& options) : path_(options.directory) {
  if (!path_.empty()) {
    std::filesystem::create_directories(path_);
    return;
  }
  std::string pattern = (std::filesystem::temp_directory_path() / "pawl-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) usage("no temporary directory can be made");
  path_ = pattern;
  own_ = true;
}

Workspace::~Workspace() {
  std::error_code ignored;
  if (own_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace pawl::bench
