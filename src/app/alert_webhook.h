// SPDX-License-Identifier: Apache-2.0
//
// Tells somebody outside about alerts, by HTTP POST, signed as Standard Webhooks has it. The store
// knows what is still to be told, so nothing is lost while the sink is down or this process is; a
// delivery has the same id each time it is tried. Of several processes on one store one tells at a
// time. On a thread and a client of its own: no request waits for it. What an alert means and when
// it ends is left to the engine and to people.
#pragma once

#include <pawl/engine.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/client.h"

namespace pawl::app {

inline constexpr ErrorCode webhook_url_invalid{"webhook_url_invalid", ErrorClass::invalid,
                                               "The webhook's address must be https, or plain http "
                                               "on this machine, without user and fragment"};

struct AlertWebhookOptions {
  std::string url;
  std::string secret;  // empty: unsigned
  unsigned timeout_ms = 5'000;
  std::int64_t poll_ms = 500;
  std::int64_t backoff_base_ms = 200;
  std::int64_t backoff_cap_ms = 60'000;
};

Result<void> check_webhook_url(std::string_view url);

// "v1," and the base64 of HMAC-SHA256 over "ID.TIMESTAMP.BODY".
std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::string_view timestamp, std::string_view body);

class AlertWebhook {
 public:
  // The engine must outlive it.
  AlertWebhook(Engine& engine, AlertWebhookOptions options);
  ~AlertWebhook();  // ends what is under way; it is delivered again after the next start
  AlertWebhook(const AlertWebhook&) = delete;
  AlertWebhook& operator=(const AlertWebhook&) = delete;

 private:
  struct Delivery {
    AlertInfo alert;
    std::string id;
    net::ClientResult result;
  };
  // An alert that the sink will not take, though it takes others.
  struct Refused {
    std::int64_t count = 0;
    int times = 0;
    std::int64_t next_us = 0;
  };
  enum class Judgement { delivered, refused, sink_fails };

  void run();
  bool wait(std::int64_t ms);
  // Tells what is to be told, if it is this process's to do. How long to wait from then on.
  std::int64_t look();
  bool go_on_duty();
  void go_off_duty();
  // What is to be told now, at most max_under_way.
  std::vector<AlertInfo> due();
  bool deliver(const std::vector<AlertInfo>& alerts);
  net::ClientRequest request_for(const AlertInfo& alert, const std::string& id);
  std::string body_of(const AlertInfo& alert, const std::string& id, Time now);
  static Judgement judge(const net::ClientResult& result);
  void settle(const Delivery& delivery, Judgement judgement);
  std::int64_t backoff_ms(int times) const;

  Engine& engine_;
  AlertWebhookOptions options_;
  StoreIdentity store_;
  std::map<std::int64_t, Refused> refused_;
  int sink_failures_ = 0;
  bool on_duty_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  net::Client client_;
  std::thread thread_;
};

}  // namespace pawl::app
