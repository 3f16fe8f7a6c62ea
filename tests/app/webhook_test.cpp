// SPDX-License-Identifier: Apache-2.0
//
// Acceptance case 49, on the real server: alerts are kept while their sink is down, hangs, fails or
// answers half, are delivered once it works, and cost no request any time.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "app/alert_webhook.h"
#include "app/client_options.h"
#include "app/desk_world.h"

namespace pawl::app::test {
namespace {

// A sink on a port of its own that keeps what it is sent. Down, nothing listens there.
class Sink {
 public:
  enum class Mode { hang, fail, half, refuse, work };
  struct Delivery {
    std::string id;
    std::string timestamp;
    std::string signature;
    std::string body;
    Mode mode = Mode::work;
  };

  Sink() {
    open();
    close();
  }
  ~Sink() { down(); }
  std::uint16_t port() const { return port_; }
  void up(Mode mode) {
    mode_ = mode;
    if (thread_.joinable()) return;
    open();
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
  }
  void down() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    close();
  }
  std::vector<Delivery> seen(Mode mode) {
    const std::lock_guard lock(mutex_);
    std::vector<Delivery> out;
    for (const auto& delivery : deliveries_) {
      if (delivery.mode == mode) out.push_back(delivery);
    }
    return out;
  }

 private:
  void open() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  void close() {
    if (listener_ >= 0) ::close(listener_);
    listener_ = -1;
  }
  void run() {
    std::vector<int> hanging;
    while (!stopping_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) continue;
      if (serve(connection)) {
        ::close(connection);
      } else {
        hanging.push_back(connection);
      }
    }
    for (const int connection : hanging) ::close(connection);
  }
  static std::string header(const std::string& head, const std::string& name) {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const auto from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
  bool serve(int connection) {
    std::string text;
    std::size_t end = std::string::npos;
    std::size_t wanted = 0;
    while (end == std::string::npos || text.size() < end + 4 + wanted) {
      char buffer[4'096];
      const auto size = ::recv(connection, buffer, sizeof buffer, 0);
      if (size <= 0) return true;
      text.append(buffer, static_cast<std::size_t>(size));
      end = text.find("\r\n\r\n");
      if (end != std::string::npos) wanted = std::stoul(header(text, "Content-Length"));
    }
    const Mode mode = mode_;
    {
      const std::lock_guard lock(mutex_);
      deliveries_.push_back({header(text, "webhook-id"), header(text, "webhook-timestamp"),
                             header(text, "webhook-signature"), text.substr(end + 4), mode});
    }
    std::string answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    if (mode == Mode::fail) {
      answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    } else if (mode == Mode::refuse) {
      answer = "HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    } else if (mode == Mode::half) {
      answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    }
    if (mode == Mode::hang) return false;
    (void)!::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    return true;
  }

  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<Mode> mode_ = Mode::work;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<Delivery> deliveries_;
  std::thread thread_;
};

class WebhookTest : public DeskWorld {
 protected:
  std::string settings() const override {
    const std::string key = write("webhook.key", "a secret of the test\n");
    std::filesystem::permissions(
        key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return "[otc]\npayout_poll_interval_ms = 20\n[alerts]\nwebhook_url = \"http://127.0.0.1:" +
           std::to_string(sink_.port()) + "/alerts?from=pawl\"\nwebhook_timeout_ms = 300\n" +
           "webhook_secret_file = \"" + key + "\"\n";
  }
  // An order whose payout the custodian refuses: an alert.
  Sale stopped_sale() {
    fault(R"({"call":"payout","mode":"refuse","next":1})");
    const auto before = std::chrono::steady_clock::now();
    Sale sale = matched();
    EXPECT_EQ(confirm(sale, 0)->status, 202U);
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
    EXPECT_TRUE(reaches(sale, "settlement_recovery")) << status_of(sale);
    return sale;
  }
  bool delivered(std::size_t number) {
    return eventually([&] { return sink_.seen(Sink::Mode::work).size() >= number; });
  }

  mutable Sink sink_;
};

TEST_F(WebhookTest, Case49AnAlertWaitsForItsSinkWhateverTheSinkDoes) {
  ASSERT_TRUE(start_server());
  const Sale sale = stopped_sale();
  for (const auto mode :
       {Sink::Mode::hang, Sink::Mode::fail, Sink::Mode::half, Sink::Mode::refuse}) {
    sink_.up(mode);
    ASSERT_TRUE(eventually([&] { return !sink_.seen(mode).empty(); })) << static_cast<int>(mode);
    EXPECT_TRUE(sink_.seen(Sink::Mode::work).empty());
  }
  sink_.up(Sink::Mode::work);
  ASSERT_TRUE(delivered(1));
  const auto told = sink_.seen(Sink::Mode::work).front();
  EXPECT_EQ(told.id, sink_.seen(Sink::Mode::hang).front().id) << "the same delivery each time";
  EXPECT_EQ(told.signature,
            webhook_signature("a secret of the test", told.id, told.timestamp, told.body));
  const auto body = json::parse(told.body);
  ASSERT_TRUE(body) << told.body;
  const auto* data = body->find("data");
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(member_text(*data, "code"), "otc_payout_refused");
  EXPECT_EQ(member_text(*data, "key"), sale.id);
  EXPECT_EQ(member_number(*data, "count"), 1);
  EXPECT_FALSE(member_text(*data, "first_seen").empty());
  // The next one arrives alone: the first is not told again.
  stopped_sale();
  ASSERT_TRUE(delivered(2));
  EXPECT_NE(sink_.seen(Sink::Mode::work)[1].id, told.id);
  EXPECT_EQ(sink_.seen(Sink::Mode::work).size(), 2U);
}

TEST_F(WebhookTest, Case49KilledBetweenItForgetsNothingAndRepeatsNothing) {
  ASSERT_TRUE(start_server());
  stopped_sale();
  server_.kill_now();
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  sink_.up(Sink::Mode::work);
  ASSERT_TRUE(delivered(1));
  // Noted, as the store itself says, before the next kill.
  ASSERT_TRUE(eventually([&] {
    const auto commits = HttpCall(url()).get("/statistics");
    return commits && member_number(commits->body, "commits") > 0;
  }));
  stopped_sale();
  ASSERT_TRUE(delivered(2));
  stopped_sale();
  ASSERT_TRUE(delivered(3));  // by then the first two have been noted
  server_.kill_now();
  ASSERT_TRUE(start_server()) << read_file(path("serve.log"));
  stopped_sale();
  ASSERT_TRUE(eventually([&] {
    const auto seen = sink_.seen(Sink::Mode::work);
    return seen.size() >= 4 && seen.back().id != seen[2].id;
  }));
  const auto seen = sink_.seen(Sink::Mode::work);
  for (std::size_t i = 3; i < seen.size(); ++i) {
    EXPECT_NE(seen[i].id, seen[0].id);
    EXPECT_NE(seen[i].id, seen[1].id);
  }
}

class SlowSink : public WebhookTest {
 protected:
  std::string settings() const override {
    return "[otc]\npayout_poll_interval_ms = 20\n[alerts]\nwebhook_url = \"http://127.0.0.1:" +
           std::to_string(sink_.port()) + "/\"\nwebhook_timeout_ms = 60000\n";
  }
};

TEST_F(SlowSink, Case49DelaysNeitherRequestsNorTheStop) {
  sink_.up(Sink::Mode::hang);
  ASSERT_TRUE(start_server());
  stopped_sale();
  ASSERT_TRUE(eventually([&] { return !sink_.seen(Sink::Mode::hang).empty(); }));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(reaches(confirmed(), "completed"));
  EXPECT_TRUE(server_.stop(20'000));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(40));
}

TEST(WebhookUrl, IsHttpsOrThisMachine) {
  for (const char* sound : {"https://alerts.example/in?x=1", "http://127.0.0.1:9/x",
                            "http://localhost:9", "http://[::1]:9/"}) {
    EXPECT_TRUE(check_webhook_url(sound)) << sound;
  }
  for (const char* unsound : {"http://alerts.example/", "https://user:pw@alerts.example/",
                              "ftp://x", "https://alerts.example/#a", "", "alerts.example"}) {
    EXPECT_FALSE(check_webhook_url(unsound)) << unsound;
  }
}

}  // namespace
}  // namespace pawl::app::test
