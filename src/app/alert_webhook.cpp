// SPDX-License-Identifier: Apache-2.0
#include "app/alert_webhook.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pawl/log.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "core/json.h"

namespace pawl::app {

namespace {

constexpr std::size_t max_under_way = 4;
constexpr int max_looked_at = 1'000;
constexpr std::size_t max_answer_bytes = 64 * 1'024;

// One process tells for all. It asks anew for its duty long before the lease has passed.
constexpr std::string_view duty = "alerts";
constexpr int duty_lease_ms = 10'000;
constexpr std::int64_t duty_interval_ms = 2'000;

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::string_view timestamp, std::string_view body) {
  std::string text(id);
  text.append(".").append(timestamp).append(".").append(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return "v1," + base64({reinterpret_cast<const char*>(mac.data()), size});
}

AlertWebhook::AlertWebhook(Engine& engine, AlertWebhookOptions options)
    : engine_(engine), options_(std::move(options)), store_(engine.store_identity()) {
  thread_ = std::thread([this] { run(); });
}

AlertWebhook::~AlertWebhook() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool AlertWebhook::wait(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return stopping_; });
}

std::int64_t AlertWebhook::backoff_ms(int times) const {
  const std::int64_t factor = std::int64_t{1} << std::min(times - 1, 30);
  return std::min(options_.backoff_base_ms * factor, options_.backoff_cap_ms);
}

void AlertWebhook::run() {
  std::int64_t wait_ms = options_.poll_ms;
  while (wait(wait_ms)) wait_ms = look();
  go_off_duty();
}

std::int64_t AlertWebhook::look() {
  const auto any = engine_.undelivered_alerts(1);
  if (any && any->empty()) {
    refused_.clear();
    go_off_duty();
    return options_.poll_ms;
  }
  if (!go_on_duty()) return options_.poll_ms;
  // Read only now: whoever was on duty until now has noted what it delivered.
  const auto alerts = due();
  if (alerts.empty()) return options_.poll_ms;
  if (deliver(alerts)) {
    sink_failures_ = 0;
    return 0;  // more may wait
  }
  // Perhaps it is only our way to the sink: another may try meanwhile.
  go_off_duty();
  return backoff_ms(++sink_failures_);
}

bool AlertWebhook::go_on_duty() {
  const auto taken = engine_.take_duty(duty, duty_lease_ms);
  if (!taken) log::warn("webhook_duty_unknown", {{"error", taken.error().text()}});
  on_duty_ = taken && *taken;
  return on_duty_;
}

void AlertWebhook::go_off_duty() {
  if (std::exchange(on_duty_, false)) engine_.leave_duty(duty);
}

std::vector<AlertInfo> AlertWebhook::due() {
  auto alerts = engine_.undelivered_alerts(max_looked_at);
  if (!alerts) {
    log::warn("webhook_alerts_unreadable", {{"error", alerts.error().text()}});
    return {};
  }
  const std::int64_t now_us = engine_.clock().monotonic_us();
  std::vector<AlertInfo> out;
  std::map<std::int64_t, Refused> still_refused;
  for (auto& alert : *alerts) {
    const auto refused = refused_.find(alert.id);
    if (refused != refused_.end()) {
      still_refused.insert(*refused);
      if (refused->second.count == alert.count && refused->second.next_us > now_us) continue;
    }
    if (out.size() < max_under_way) out.push_back(std::move(alert));
  }
  // What is no longer undelivered is forgotten with them.
  refused_ = std::move(still_refused);
  return out;
}

bool AlertWebhook::deliver(const std::vector<AlertInfo>& alerts) {
  std::vector<Delivery> deliveries;
  for (const auto& alert : alerts) {
    // The epoch is in it: after a restored backup alerts' ids are given out again.
    std::string id = "alert_" + store_.id + "_" + store_.epoch + "_" + std::to_string(alert.id) +
                     "_" + std::to_string(alert.count);
    deliveries.push_back({alert, std::move(id), {}});
  }
  std::size_t open = deliveries.size();
  std::vector<net::Client::Handle> handles;
  for (auto& delivery : deliveries) {
    net::ClientRequest request = request_for(delivery.alert, delivery.id);
    handles.push_back(client_.send(std::move(request), [&, this](net::ClientResult result) {
      const std::lock_guard lock(mutex_);
      delivery.result = std::move(result);
      --open;
      changed_.notify_all();
    }));
  }
  std::unique_lock lock(mutex_);
  const auto interval = std::chrono::milliseconds(duty_interval_ms);
  while (!changed_.wait_for(lock, interval, [&] { return open == 0 || stopping_; })) {
    lock.unlock();
    (void)go_on_duty();  // a sink may take longer than the lease
    lock.lock();
  }
  if (open > 0) {
    lock.unlock();
    for (const auto& handle : handles) handle.cancel();
    lock.lock();
    changed_.wait(lock, [&] { return open == 0; });
  }
  lock.unlock();
  bool sink_works = true;
  for (const auto& delivery : deliveries) {
    const auto judgement = judge(delivery.result);
    sink_works = sink_works && judgement != Judgement::sink_fails;
    settle(delivery, judgement);
  }
  return sink_works;
}

AlertWebhook::Judgement AlertWebhook::judge(const net::ClientResult& result) {
  if (!result) return Judgement::sink_fails;
  if (result->status >= 200 && result->status < 300) return Judgement::delivered;
  const bool about_this_one = result->status >= 400 && result->status < 500 &&
                              result->status != 408 && result->status != 429;
  return about_this_one ? Judgement::refused : Judgement::sink_fails;
}

void AlertWebhook::settle(const Delivery& delivery, Judgement judgement) {
  if (judgement == Judgement::delivered) {
    refused_.erase(delivery.alert.id);
    // Not written down before a crash, it is delivered again under the same id.
    std::mutex mutex;
    std::condition_variable done;
    bool answered = false;
    engine_.alert_delivered(
        delivery.alert.id, delivery.alert.count, [&](const Result<Receipt>& receipt) {
          if (!receipt) {
            log::warn("webhook_delivery_not_noted", {{"error", receipt.error().text()}});
          }
          const std::lock_guard lock(mutex);
          answered = true;
          done.notify_all();
        });
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return answered; });
    return;
  }
  log::warn("webhook_delivery_failed",
            {{"delivery", delivery.id},
             {"status", delivery.result ? static_cast<std::int64_t>(delivery.result->status) : 0},
             {"error", delivery.result ? "" : delivery.result.error().error.text()}});
  if (judgement != Judgement::refused) return;
  Refused& refused = refused_[delivery.alert.id];
  refused.times = refused.count == delivery.alert.count ? refused.times + 1 : 1;
  refused.count = delivery.alert.count;
  refused.next_us = engine_.clock().monotonic_us() + backoff_ms(refused.times) * 1'000;
}

net::ClientRequest AlertWebhook::request_for(const AlertInfo& alert, const std::string& id) {
  const Time now = engine_.clock().now();
  const std::string timestamp = std::to_string(now.seconds());
  net::ClientRequest request;
  request.method = "POST";
  request.url = options_.url;
  request.timeout_ms = options_.timeout_ms;
  request.max_response_bytes = max_answer_bytes;
  request.body = body_of(alert, id, now);
  request.headers = {
      {"Content-Type", "application/json"}, {"webhook-id", id}, {"webhook-timestamp", timestamp}};
  if (!options_.secret.empty()) {
    request.headers.push_back(
        {"webhook-signature", webhook_signature(options_.secret, id, timestamp, request.body)});
  }
  return request;
}

std::string AlertWebhook::body_of(const AlertInfo& alert, const std::string& id, Time now) {
  json::Writer out;
  out.begin_object().field("type", "alert").field("id", id).field("timestamp", to_rfc3339(now));
  out.key("data").begin_object();
  out.field("alert", alert.id).field("code", alert.code);
  out.field("machine", alert.machine).field("key", alert.key).field("cause", alert.detail);
  out.field("attempt", static_cast<std::int64_t>(alert.attempt)).field("count", alert.count);
  out.field("first_seen", to_rfc3339(alert.first_seen));
  out.field("last_seen", to_rfc3339(alert.last_seen));
  out.field("store", store_.id).field("epoch", store_.epoch);
  const auto effect =
      alert.effect_id == 0 ? Result<std::optional<EffectInfo>>() : engine_.effect(alert.effect_id);
  if (effect && *effect) {
    out.key("effect").begin_object().field("id", alert.effect_id).field("kind", (*effect)->kind);
    out.field("state", (*effect)->state).field("idempotency_key", (*effect)->idempotency_key);
    // The far side's status and error, and its own name for it.
    out.field("answer", (*effect)->code).field("reference", (*effect)->reference).end_object();
  } else {
    out.key("effect").raw("null");
  }
  out.end_object().end_object();
  return std::move(out).take();
}

}  // namespace pawl::app
