// SPDX-License-Identifier: Apache-2.0
//
// The PostgreSQL that a bench runs on: the one of DATABASE_URL, or a server of its own
// (rivals/postgres.sh); plain statements on it, and the CPU time of its processes.
#pragma once

#include <string>

namespace pawl::bench {

// DATABASE_URL. Without it the program becomes itself beside a server of its own, whose syncs take
// `sync_ms` longer, and this does not return.
std::string database_url(int argc, char** argv, double sync_ms);

// Runs statements on a connection of their own and gives the first value of the last one. Each is a
// transaction of its own if it stands alone. Prints what failed and exits with 1.
std::string sql(const std::string& url, const std::string& text);

// User and system time of the postmaster PAWL_BENCH_PG_PID and its children; 0 where it is not
// known.
double server_cpu_seconds_now();

}  // namespace pawl::bench
