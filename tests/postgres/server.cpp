// SPDX-License-Identifier: Apache-2.0
#include "postgres/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "eventually.h"

namespace pawl::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* programs = "/usr/lib/postgresql/15/bin/";
constexpr int start_deadline_ms = 60'000;
constexpr int stop_deadline_ms = 20'000;
constexpr std::uintmax_t room_bytes = std::uintmax_t{1} << 30;
// Another may take the port that was free a moment ago.
constexpr int start_attempts = 3;
// Part of the template's name: count it up when what initdb is told changes.
constexpr int template_generation = 2;

[[noreturn]] void fail_with(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// In memory where there is room: the first sync of a server on a disk would write all that was
// copied for it. What a test can kill are processes, and for these both are the same.
fs::path roomy_directory() {
  std::error_code none;
  const fs::path memory = "/dev/shm";
  const auto space = fs::space(memory, none);
  return !none && space.available > room_bytes ? memory : fs::temp_directory_path();
}

std::string fresh_directory() {
  std::string path = (roomy_directory() / "pawl-pg-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) fail_with("mkdtemp " + path);
  give_to_postgres(path);
  return path;
}

std::string postgres_version() {
  const std::string log =
      (fs::temp_directory_path() / "pawl-pg-version-").string() + std::to_string(::getpid());
  run_to_end({.arguments = {std::string(programs) + "postgres", "--version"},
              .log_file = log,
              .as_postgres = false});
  std::istringstream words(file_content(log));
  fs::remove(log);
  std::string version;
  words >> version >> version >> version;
  return version;
}

class FileLock {
 public:
  explicit FileLock(const std::string& path)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (fd_ < 0 || ::flock(fd_, LOCK_EX) != 0) fail_with("lock " + path);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { ::close(fd_); }

 private:
  int fd_;
};

void make_template(const std::string& path) {
  const std::string work = fresh_directory();
  const std::string secret = work + "/password";
  std::ofstream(secret) << TestServer::password << '\n';
  give_to_postgres(secret);
  run_to_end(
      {.arguments = {std::string(programs) + "initdb", "-D", work + "/data", "-U", "postgres", "-E",
                     "UTF8", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
                     "--pwfile=" + secret, "--no-sync", "--wal-segsize=4"},
       .log_file = work + "/initdb.log"});
  const std::string statements = "CREATE ROLE pawl LOGIN PASSWORD '" +
                                 std::string(TestServer::password) +
                                 "'\nCREATE DATABASE pawl OWNER pawl\n";
  run_to_end(
      {.arguments = {"/bin/sh", "-c", "printf '%s' \"$2\" | \"$0\" --single -F -D \"$1\" postgres",
                     std::string(programs) + "postgres", work + "/data", statements},
       .log_file = work + "/single.log"});
  run_to_end({.arguments = {"/bin/cp", "-a", work + "/data", path + ".new"},
              .log_file = work + "/copy.log",
              .as_postgres = false});
  fs::rename(path + ".new", path);
  fs::remove_all(work);
}

// A data directory as initdb makes it, at `data`.
void copy_template(const std::string& directory) {
  const std::string base = PAWL_POSTGRES_TEMPLATE;
  const std::string path =
      base + "-" + postgres_version() + "-" + std::to_string(template_generation);
  fs::create_directories(fs::path(base).parent_path());
  {
    const FileLock lock(base + ".lock");
    fs::remove_all(path + ".new");
    if (!fs::exists(path)) make_template(path);
  }
  run_to_end({.arguments = {"/bin/cp", "-a", "--reflink=auto", path, directory + "/data"},
              .log_file = directory + "/copy.log",
              .as_postgres = false});
}

// A standby's, of a server that runs.
void copy_primary(const TestServer& primary, const std::string& directory) {
  run_to_end({.arguments = {std::string(programs) + "pg_basebackup", "-D", directory + "/data",
                            "-h", primary.directory(), "-p", std::to_string(primary.port()), "-U",
                            "postgres", "-c", "fast", "-X", "stream", "--no-sync"},
              .log_file = directory + "/copy.log"});
}

// Every process of a server works in its data directory.
std::vector<pid_t> processes_in(const std::string& data) {
  std::vector<pid_t> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (fs::read_symlink(entry.path() / "cwd", ignored) == data) out.push_back(std::stoi(name));
  }
  return out;
}

// The one segment of System V that a killed server leaves; its number is in the pid file's seventh
// line.
void remove_segment(const std::string& data) {
  std::ifstream file(data + "/postmaster.pid");
  std::string line;
  for (int i = 0; i < 7; ++i) std::getline(file, line);
  std::istringstream words(line);
  long key = 0;
  int id = -1;
  if (words >> key >> id) ::shmctl(id, IPC_RMID, nullptr);
}

// The server's own word in its pid file: the eighth line.
std::string status_of(const std::string& data, pid_t pid) {
  std::ifstream file(data + "/postmaster.pid");
  std::string line;
  for (int i = 0; i < 8; ++i) {
    if (!std::getline(file, line)) return {};
    // One that was killed has left its file behind.
    if (i == 0 && line != std::to_string(pid)) return {};
  }
  return line.substr(0, line.find(' '));
}

}  // namespace

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, generic, length) != 0 || ::getsockname(fd, generic, &length) != 0) {
    fail_with("bind");
  }
  ::close(fd);
  return ntohs(address.sin_port);
}

TestServer& TestServer::shared() {
  static TestServer server;
  return server;
}

TestServer::TestServer(const TestServer& primary, const std::string& name, ServerSettings settings)
    : TestServer(
          [&] {
            settings["primary_conninfo"] = "host=" + primary.directory() +
                                           " port=" + std::to_string(primary.port()) +
                                           " user=postgres application_name=" + name;
            return settings;
          }(),
          &primary) {}

TestServer::TestServer(ServerSettings settings, const TestServer* primary)
    : settings_(std::move(settings)), directory_(fresh_directory()) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_with("pipe");
  cleaner_pipe_ = ends[1];
  // The server, told of our death by the kernel, goes at the same time: wait for its pid file to
  // vanish.
  cleaner_ = Process(
      {.arguments = {"/bin/sh", "-c",
                     "read -r _; n=0; while [ -e \"$0/data/postmaster.pid\" ] && [ $n -lt 100 ]; do"
                     " sleep 0.1; n=$((n+1)); done; rm -rf \"$0\"",
                     directory_},
       .as_postgres = false,
       .death_signal = 0,
       .stdin_fd = ends[0]});
  ::close(ends[0]);
  try {
    if (primary == nullptr) {
      copy_template(directory_);
      start();
    } else {
      copy_primary(*primary, directory_);
      start_as_standby();
    }
    keeps_port_ = true;
  } catch (...) {
    postmaster_ = Process();
    ::close(cleaner_pipe_);
    cleaner_.wait(stop_deadline_ms);
    throw;
  }
}

TestServer::~TestServer() {
  try {
    stop_or_kill();
  } catch (...) {
    postmaster_.signal(SIGKILL);
  }
  remove_segment(data_directory());
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
  ::close(cleaner_pipe_);
  cleaner_.wait(stop_deadline_ms);
}

void TestServer::launch() {
  std::vector<std::string> arguments = {std::string(programs) + "postgres", "-D", data_directory()};
  ServerSettings all = {{"listen_addresses", "127.0.0.1"},
                        {"unix_socket_directories", directory_},
                        {"port", std::to_string(port_)},
                        {"max_connections", "200"},
                        {"shared_buffers", "64MB"},
                        // In the data directory, so that a killed server leaves none behind.
                        {"dynamic_shared_memory_type", "mmap"},
                        {"log_line_prefix", "%m [%p] %a "}};
  for (const auto& [name, value] : settings_) all[name] = value;
  for (const auto& [name, value] : all) {
    arguments.emplace_back("-c");
    arguments.push_back(name + "=" + value);
  }
  // SIGQUIT: it ends at once, and ends its children.
  postmaster_ = Process({.arguments = std::move(arguments),
                         .log_file = directory_ + "/log",
                         .death_signal = SIGQUIT});
}

void TestServer::start() {
  for (int attempt = 0; attempt < start_attempts; ++attempt) {
    // One that others know must come back where it was.
    if (!keeps_port_) port_ = free_port();
    launch();
    bool up = false;
    eventually(
        [&] {
          const auto status = status_of(data_directory(), pid());
          up = status == "ready" || status == "standby";
          return up || !postmaster_.running();
        },
        start_deadline_ms);
    if (up) return;
  }
  throw std::runtime_error("PostgreSQL did not start:\n" + log());
}

void TestServer::stop() {
  postmaster_.signal(SIGINT);
  if (!postmaster_.wait(stop_deadline_ms)) {
    throw std::runtime_error("PostgreSQL did not stop:\n" + log());
  }
}

void TestServer::stop_or_kill() {
  postmaster_.signal(SIGINT);
  if (!postmaster_.wait(stop_deadline_ms)) kill_now();
}

void TestServer::kill_now() {
  postmaster_.signal(SIGKILL);
  postmaster_.wait(stop_deadline_ms);
  // Its children see that it has gone and follow; until then the memory they share is in use.
  if (!eventually([this] { return processes_in(data_directory()).empty(); })) {
    throw std::runtime_error("processes of a killed PostgreSQL stay:\n" + log());
  }
}

void TestServer::start_as_standby() {
  std::ofstream(data_directory() + "/standby.signal") << "";
  give_to_postgres(data_directory() + "/standby.signal");
  start();
}

void TestServer::promote() {
  if (sql("SELECT pg_promote()") != "t") {
    throw std::runtime_error("PostgreSQL was not promoted:\n" + log());
  }
}

void TestServer::stall() const {
  // The first of them makes no more meanwhile.
  postmaster_.signal(SIGSTOP);
  for (const pid_t pid : processes_in(data_directory())) ::kill(pid, SIGSTOP);
}

void TestServer::go_on() const {
  for (const pid_t pid : processes_in(data_directory())) ::kill(pid, SIGCONT);
}

std::string TestServer::url(std::string_view role, std::string_view its_password) const {
  std::string url = "postgresql://";
  url.append(role).append(":").append(its_password);
  return url + "@127.0.0.1:" + std::to_string(port_) + "/pawl";
}

std::string TestServer::socket_url() const {
  return "host=" + directory_ + " port=" + std::to_string(port_) + " user=pawl dbname=pawl";
}

std::string TestServer::admin_url() const {
  return "host=" + directory_ + " port=" + std::to_string(port_) +
         " user=postgres dbname=pawl options='-c synchronous_commit=local -c "
         "client_min_messages=warning'";
}

std::string TestServer::log() const {
  return file_content(directory_ + "/log");
}

std::string TestServer::sql(const std::string& statements) const {
  struct Finish {
    void operator()(PGconn* c) const { PQfinish(c); }
  };
  struct Clear {
    void operator()(PGresult* r) const { PQclear(r); }
  };
  const std::unique_ptr<PGconn, Finish> connection(PQconnectdb(admin_url().c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(connection.get()));
  }
  const std::unique_ptr<PGresult, Clear> result(PQexec(connection.get(), statements.c_str()));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(statements + ": " + PQresultErrorMessage(result.get()));
  }
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : std::string();
}

TestSchema::TestSchema(TestServer& server) : server_(server) {
  static std::atomic<int> made{0};
  name_ = "test_" + std::to_string(::getpid()) + "_" + std::to_string(++made);
  server_.sql("CREATE SCHEMA " + name_ + " AUTHORIZATION pawl");
}

TestSchema::~TestSchema() {
  try {
    // A test that failed may have left a transaction open, and must not hang here.
    server_.sql("SET lock_timeout = '10s'; DROP SCHEMA " + name_ + " CASCADE");
  } catch (const std::exception&) {
    // Its server goes soon, and the schema with it.
  }
}

std::string TestSchema::url() const {
  return server_.url() + "?options=-csearch_path%3D" + name_;
}

postgres::ConnectionOptions TestSchema::options() const {
  postgres::ConnectionOptions options;
  options.url = server_.url();
  options.schema = name_;
  return options;
}

}  // namespace pawl::test
