// SPDX-License-Identifier: Apache-2.0
#include "database.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace pawl::bench {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value == nullptr ? std::string() : std::string(value);
}

// The fields of /proc/PID/stat behind the command's name, which may hold blanks.
std::vector<std::string> stat_of(const std::filesystem::path& process) {
  std::ifstream file(process / "stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto name_end = text.rfind(')');
  std::vector<std::string> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(text.substr(name_end + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

}  // namespace

std::string database_url(int argc, char** argv, double sync_ms) {
  const std::string url = environment("DATABASE_URL");
  if (!url.empty()) {
    const std::string given = environment("PAWL_BENCH_SYNC_MS");
    if (std::strtod(given.c_str(), nullptr) == sync_ms) return url;
    std::fprintf(stderr, "--sync-ms: the server of DATABASE_URL syncs as it does\n");
    std::exit(2);
  }
  std::ostringstream sync;
  sync << sync_ms;
  std::vector<std::string> words{PAWL_BENCH_RIVALS "/postgres.sh", "with", "--sync-ms", sync.str(),
                                 std::filesystem::read_symlink("/proc/self/exe").string()};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  std::perror(arguments[0]);
  std::exit(1);
}

std::string sql(const std::string& url, const std::string& text) {
  PGconn* connection = PQconnectdb(url.c_str());
  if (PQstatus(connection) == CONNECTION_OK) {
    PQclear(PQexec(connection, "SET client_min_messages = warning"));
    PGresult* result = PQexec(connection, text.c_str());
    const auto status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
      std::string value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
      PQclear(result);
      PQfinish(connection);
      return value;
    }
  }
  std::fprintf(stderr, "bench: %s\n%s\n", PQerrorMessage(connection), text.c_str());
  std::exit(1);
}

double server_cpu_seconds_now() {
  const std::string postmaster = environment("PAWL_BENCH_PG_PID");
  if (postmaster.empty()) return 0;
  // Places in /proc/PID/stat: the parent, then user and system time, then those of the children
  // that it has reaped.
  constexpr std::size_t parent = 1;
  constexpr std::array<std::size_t, 4> times{11, 12, 13, 14};
  std::int64_t ticks = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto fields = stat_of(entry.path());
    if (fields.size() <= times.back()) continue;
    if (name != postmaster && fields[parent] != postmaster) continue;
    const std::size_t count = name == postmaster ? times.size() : 2;
    for (std::size_t i = 0; i < count; ++i) ticks += std::stoll(fields[times.at(i)]);
  }
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace pawl::bench
