// SPDX-License-Identifier: Apache-2.0
#include "systems/otc/custodian_node_call.h"

#include <algorithm>
#include <array>

#include "systems/otc/custodian_http.h"

namespace pawl::otc {
namespace {

// Every state in which a job of ours may be found, the likely ones first.
constexpr std::array<std::string_view, 7> job_states = {
    "open", "claimed", "delivered", "completed", "cancelled", "expired", "disputed"};
// Pending first: a transfer leaves it only for the other two, so whoever is missed there because it
// just moved is met later.
constexpr std::array<std::string_view, 3> transfer_states = {"pending", "confirmed", "voided"};

std::string page_path(std::string_view list, std::string_view status, int rows, int page) {
  return std::string(list) + "?status=" + std::string(status) + "&limit=" + std::to_string(rows) +
         "&offset=" + std::to_string(rows * page);
}

std::string one_field(std::string_view name, std::string_view text) {
  json::Writer out;
  out.begin_object().field(name, text).end_object();
  return std::move(out).take();
}

// Whether a list may go on: a short page is the last, and a server that ignores the offset answers
// the same page again.
bool has_next_page(const json::Value::Array& rows, int rows_per_page, int page,
                   std::string_view row, std::string_view previous_row) {
  const bool full = rows.size() >= static_cast<std::size_t>(rows_per_page);
  return full && row != previous_row && page + 1 < max_node_pages;
}

}  // namespace

NodeCall::NodeCall(std::shared_ptr<const NodeCustodianOptions> options, net::Client& client,
                   CustodianRequest request, bool inquiry, int timeout_ms, Custodian::Done done)
    : options_(std::move(options)),
      client_(client),
      request_(std::move(request)),
      inquiry_(inquiry),
      deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms)),
      done_(std::move(done)) {}

void NodeCall::run(std::int64_t now_seconds) {
  if (!is_custodian_key(key_of(request_))) return end(Outcome::never_sent, "key_malformed");
  switch (call_of(request_)) {
    case Call::lock:
      if (inquiry_) return find_job(0, 0, "");
      return lock(std::get<LockRequest>(request_), now_seconds);
    case Call::release:
      return release(0);
    case Call::refund:
      return refund(false);
    case Call::payout:
      if (inquiry_) return find_transfer(0, 0, "");
      return payout(std::get<PayoutRequest>(request_));
  }
}

void NodeCall::lock(const LockRequest& request, std::int64_t now_seconds) {
  const auto amount = node_amount_text(request.amount_micro);
  const auto ttl_seconds = request.until_seconds - now_seconds;
  if (!amount) return end(Outcome::refused, "amount_not_exact_at_node");
  if (request.amount_micro > max_node_reward_micro) {
    return end(Outcome::refused, "amount_above_node_limit");
  }
  // The node would clamp it, and the escrow end at another time than the order counts on.
  if (ttl_seconds < min_ttl_seconds || ttl_seconds > max_ttl_seconds) {
    return end(Outcome::refused, "escrow_end_outside_node_limits");
  }
  json::Writer out;
  out.begin_object().field("poster_wallet", request.holder.text());
  out.field("title", node_job_title(request.key));
  out.field("description", "Escrow of the over-the-counter order " + request.order_id);
  out.field("category", "other").key("reward_rtc").raw(*amount);
  out.field("ttl_seconds", ttl_seconds).key("tags").begin_array().string("otc").end_array();
  out.end_object();
  post("/agent/jobs", std::move(out).take(), Admin::without_key,
       [this](const net::Response& response, const json::Value& body) {
         const auto job_id = node_text(body, "job_id");
         const bool made = response.status == 201 && is_custodian_key(job_id) &&
                           node_text(body, "poster_wallet") == holder_text();
         if (made) return end(Outcome::confirmed, "", job_id);
         if (is_node_refusal(response, body))
           return end(Outcome::refused, node_text(body, "error"));
         end(Outcome::unknown, unknown_answer(response, "not a job of ours").code);
       });
}

void NodeCall::find_job(std::size_t status, int page, const std::string& first_row) {
  if (status == job_states.size()) return end(Outcome::unknown, "lock_not_found_in_bounds");
  const auto path = page_path("/agent/jobs", job_states[status], node_jobs_per_page, page);
  get(path, Admin::without_key,
      [this, status, page, first_row](const net::Response& response, const json::Value& body) {
        const auto* member = body.find("jobs");
        const auto* rows = member ? member->as_array() : nullptr;
        if (response.status != 200 || !rows) {
          return end(Outcome::unknown, unknown_answer(response, "not a list of jobs").code);
        }
        for (const auto& row : *rows) {
          const auto job_id = node_text(row, "job_id");
          // Anybody may post a job of any title: it must be the holder's, and is read in full.
          if (node_text(row, "title") == node_job_title(key_of(request_)) &&
              node_text(row, "poster_wallet") == holder_text() && is_custodian_key(job_id)) {
            return check_found_job(std::string(job_id));
          }
        }
        const std::string row(rows->empty() ? "" : node_text(rows->front(), "job_id"));
        if (has_next_page(*rows, node_jobs_per_page, page, row, first_row)) {
          return find_job(status, page + 1, row);
        }
        find_job(status + 1, 0, "");
      });
}

void NodeCall::check_found_job(const std::string& job_id) {
  get("/agent/jobs/" + job_id, Admin::without_key,
      [this, job_id](const net::Response& response, const json::Value& body) {
        const auto* job = body.find("job");
        const auto* reward = job ? job->find("reward_i64") : nullptr;
        const auto amount = reward ? reward->as_int64() : std::nullopt;
        if (response.status != 200 || amount != std::get<LockRequest>(request_).amount_micro) {
          return end(Outcome::unknown, unknown_answer(response, "another amount is locked").code);
        }
        end(Outcome::confirmed, "", job_id);
      });
}

void NodeCall::with_job(std::function<void(const json::Value& job)> next) {
  if (job_path().empty()) return end(Outcome::never_sent, "escrow_reference_missing");
  get(job_path(), Admin::without_key,
      [this, next = std::move(next)](const net::Response& response, const json::Value& body) {
        if (response.status == 404 && is_node_refusal(response, body)) {
          return end(Outcome::refused, "escrow_unknown");
        }
        const auto* job = body.find("job");
        if (response.status != 200 || !job || node_text(*job, "poster_wallet") != holder_text()) {
          return end(Outcome::unknown, unknown_answer(response, "not a job of the holder").code);
        }
        next(*job);
      });
}

void NodeCall::release(int step) {
  with_job([this, step](const json::Value& job) {
    const auto status = node_text(job, "status");
    const auto job_id = std::get<ReleaseRequest>(request_).escrow_reference;
    if (status == "cancelled" || status == "expired") {
      return end(Outcome::refused, "escrow_refunded", job_id);
    }
    if (status == "completed") {
      if (worker_is_ours(job)) return end(Outcome::confirmed, "", job_id);
      return end(Outcome::refused, "released_to_another", job_id);
    }
    const bool taken = status == "claimed" || status == "delivered";
    if (taken && !worker_is_ours(job)) {
      return end(Outcome::refused, "escrow_claimed_by_another", job_id);
    }
    if (!taken && status != "open") {
      return end(Outcome::unknown, "job_" + std::string(status), job_id);
    }
    if (inquiry_) return end(Outcome::absent, "job_" + std::string(status), job_id);
    if (step == max_release_steps) return end(Outcome::unknown, "job_does_not_move", job_id);
    // Whatever the node says to the step, its state is read again and decides.
    const auto again = [this, step](const net::Response& response, const json::Value&) {
      if (response.status >= 500) {
        return end(Outcome::unknown, unknown_answer(response, "in a step of the release").code);
      }
      release(step + 1);
    };
    if (status == "open") {
      return post(job_path() + "/claim", one_field("worker_wallet", options_->worker_wallet),
                  Admin::without_key, again);
    }
    if (status == "delivered") {
      json::Writer out;
      out.begin_object().field("poster_wallet", holder_text()).field("rating", 5).end_object();
      return post(job_path() + "/accept", std::move(out).take(), Admin::without_key, again);
    }
    json::Writer out;
    out.begin_object().field("worker_wallet", options_->worker_wallet);
    out.field("result_summary", "Settled order " + order_id_of(request_)).end_object();
    post(job_path() + "/deliver", std::move(out).take(), Admin::without_key, again);
  });
}

void NodeCall::refund(bool cancelled) {
  with_job([this, cancelled](const json::Value& job) {
    const auto status = node_text(job, "status");
    const auto job_id = std::get<RefundRequest>(request_).escrow_reference;
    // Also if the node itself gave it back, at its end: done already is success.
    if (status == "cancelled" || status == "expired") return end(Outcome::confirmed, "", job_id);
    if (status == "completed") return end(Outcome::refused, "escrow_released", job_id);
    if (status == "claimed" || status == "delivered") {
      return end(Outcome::refused,
                 worker_is_ours(job) ? "escrow_claimed" : "escrow_claimed_by_another", job_id);
    }
    if (status != "open" && status != "disputed") {
      return end(Outcome::unknown, "job_" + std::string(status), job_id);
    }
    if (inquiry_) return end(Outcome::absent, "job_" + std::string(status), job_id);
    if (cancelled) return end(Outcome::unknown, "job_does_not_move", job_id);
    post(job_path() + "/cancel", one_field("poster_wallet", holder_text()), Admin::without_key,
         [this](const net::Response& response, const json::Value&) {
           if (response.status >= 500) {
             return end(Outcome::unknown, unknown_answer(response, "in the refund").code);
           }
           refund(true);
         });
  });
}

void NodeCall::payout(const PayoutRequest& request) {
  const auto amount = node_amount_text(request.amount_micro);
  if (!amount) return end(Outcome::refused, "amount_not_exact_at_node");
  json::Writer out;
  out.begin_object().field("from_miner", options_->worker_wallet);
  out.field("to_miner", request.recipient.text()).key("amount_rtc").raw(*amount);
  out.field("reason", request.key).field("idempotency_key", request.key).end_object();
  post("/wallet/transfer", std::move(out).take(), Admin::with_key,
       [this](const net::Response& response, const json::Value& body) {
         const auto hash = node_transfer_hash(key_of(request_));
         const auto phase = node_text(body, "phase");
         const auto* ok = body.find("ok");
         const bool ours = response.status == 200 && ok && ok->as_bool().value_or(false) &&
                           node_text(body, "tx_hash") == hash;
         if (ours && phase == "pending") return end(Outcome::accepted, "", hash);
         if (ours && phase == "confirmed") return end(Outcome::confirmed, "", hash);
         // A replayed key answers ok:true for a voided transfer, too.
         if (ours && phase == "voided") return end(Outcome::refused, payout_voided_code, hash);
         if (response.status == 409 && node_text(body, "error") == "idempotency_key_conflict") {
           return end(Outcome::refused, key_conflict_code);
         }
         // Not 401 or 503: they speak of us or of the node, and not of this key.
         if (response.status == 400 && is_node_refusal(response, body)) {
           return end(Outcome::refused, node_text(body, "error"));
         }
         end(Outcome::unknown, unknown_answer(response, "not our transfer").code);
       });
}

void NodeCall::find_transfer(std::size_t status, int page, const std::string& first_row) {
  if (status == transfer_states.size()) {
    return end(Outcome::unknown, "payout_not_found_in_bounds");
  }
  const auto path =
      page_path("/pending/list", transfer_states[status], node_transfers_per_page, page);
  get(path, Admin::with_key,
      [this, status, page, first_row](const net::Response& response, const json::Value& body) {
        const auto* member = body.find("pending");
        const auto* rows = member ? member->as_array() : nullptr;
        if (response.status != 200 || !rows) {
          return end(Outcome::unknown, unknown_answer(response, "not a list of transfers").code);
        }
        const auto hash = node_transfer_hash(key_of(request_));
        for (const auto& row : *rows) {
          if (node_text(row, "tx_hash") == hash) return read_transfer(row);
        }
        const std::string row(rows->empty() ? "" : node_text(rows->front(), "tx_hash"));
        if (has_next_page(*rows, node_transfers_per_page, page, row, first_row)) {
          return find_transfer(status, page + 1, row);
        }
        find_transfer(status + 1, 0, "");
      });
}

void NodeCall::read_transfer(const json::Value& row) {
  const auto& request = std::get<PayoutRequest>(request_);
  const auto status = node_text(row, "status");
  const auto hash = node_text(row, "tx_hash");
  if (node_text(row, "to_miner") != request.recipient.text()) {
    return end(Outcome::unknown, "transfer_to_another_wallet", hash);
  }
  if (status == "pending") return end(Outcome::accepted, "", hash);
  if (status == "confirmed") return end(Outcome::confirmed, "", hash);
  if (status == "voided") return end(Outcome::refused, payout_voided_code, hash);
  end(Outcome::unknown, "transfer_" + std::string(status), hash);
}

void NodeCall::get(const std::string& path, Admin admin, Next next) {
  net::ClientRequest request;
  request.url = options_->url + path;
  exchange(std::move(request), admin, std::move(next));
}

void NodeCall::post(const std::string& path, std::string body, Admin admin, Next next) {
  net::ClientRequest request;
  request.method = "POST";
  request.url = options_->url + path;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::move(body);
  exchange(std::move(request), admin, std::move(next));
}

void NodeCall::exchange(net::ClientRequest request, Admin admin, Next next) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline_ - std::chrono::steady_clock::now());
  if (left.count() <= 0) {
    return end(something_sent_ ? Outcome::unknown : Outcome::never_sent, "time_ran_out");
  }
  if (admin == Admin::with_key) request.headers.push_back({"X-Admin-Key", options_->admin_key});
  request.timeout_ms = static_cast<unsigned>(left.count());
  request.max_response_bytes = max_node_page_bytes;
  const bool changes = request.method == "POST";
  client_.send(std::move(request), [self = shared_from_this(), changes,
                                    next = std::move(next)](net::ClientResult result) {
    const bool never_sent = !result && result.error().kind == net::ClientFailure::Kind::never_sent;
    self->something_sent_ |= changes && !never_sent;
    if (!result) return self->failed(result.error());
    const auto body = node_object(*result);
    if (!body) {
      return self->end(self->something_sent_ ? Outcome::unknown : Outcome::never_sent,
                       unknown_answer(*result, "not a JSON object").code);
    }
    next(*result, *body);
  });
}

// A look before the first step that could change anything is no part of the request: if it fails,
// nothing of the request was sent.
void NodeCall::failed(const net::ClientFailure& failure) {
  end(something_sent_ ? Outcome::unknown : Outcome::never_sent, answer_of_failure(failure).code);
}

void NodeCall::end(Outcome outcome, std::string_view code, std::string_view reference) {
  const bool nothing_learned = inquiry_ && outcome == Outcome::never_sent;
  auto done = std::move(done_);
  done({nothing_learned ? Outcome::unknown : outcome, bounded_text(code), bounded_text(reference)});
}

std::string NodeCall::job_path() const {
  const auto* release = std::get_if<ReleaseRequest>(&request_);
  const auto* refund = std::get_if<RefundRequest>(&request_);
  const std::string reference =
      release ? release->escrow_reference : (refund ? refund->escrow_reference : "");
  return is_custodian_key(reference) ? "/agent/jobs/" + reference : "";
}

std::string NodeCall::holder_text() const {
  return std::visit(
      [](const auto& request) -> std::string {
        if constexpr (requires { request.holder; }) return request.holder.text();
        return "";
      },
      request_);
}

bool NodeCall::worker_is_ours(const json::Value& job) const {
  return node_text(job, "worker_wallet") == options_->worker_wallet;
}

}  // namespace pawl::otc
