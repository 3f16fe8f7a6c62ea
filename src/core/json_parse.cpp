// SPDX-License-Identifier: Apache-2.0
//
// The strict reader: boost::json::basic_parser checks the grammar and the UTF-8, the builder here
// keeps numbers as text, refuses duplicate keys and counts against the limits. Boost's own value is
// not used: it rounds numbers, lets 1e999 become Infinity, and takes the last of two equal keys.
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <limits>

#include "core/json.h"
#include "core/utf8.h"

namespace pawl::json {

namespace bj = boost::json;

// Builds one Value from the parser's events. A false return stops the parser; why is in refusal_.
class ValueBuilder {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  explicit ValueBuilder(const ParseLimits& limits) : limits_(limits) {}

  const std::optional<Error>& refusal() const { return refusal_; }
  Value take() { return std::move(root_); }

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code& ec) {
    open_.push_back(Open{Value::object(), {}});
    return count(ec);
  }
  bool on_array_begin(bj::error_code& ec) {
    open_.push_back(Open{Value::array(), {}});
    return count(ec);
  }
  bool on_object_end(std::size_t, bj::error_code& ec) {
    const Value::Object& members = std::get<Value::Object>(open_.back().container.data_);
    if (const std::string* key = repeated_key(members)) {
      constexpr std::size_t shown = 64;
      return refuse(ec, {json_duplicate_key, "the key \"" + key->substr(0, shown) + "\""});
    }
    return close();
  }
  bool on_array_end(std::size_t, bj::error_code&) { return close(); }
  bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) {
    open_.back().key.append(part.data(), part.size());
    return true;
  }
  bool on_key(bj::string_view part, std::size_t n, bj::error_code& ec) {
    return on_key_part(part, n, ec);
  }
  bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(bj::string_view part, std::size_t n, bj::error_code& ec) {
    on_string_part(part, n, ec);
    return place(Value::string(std::exchange(text_, {})), ec);
  }
  bool on_number_part(bj::string_view part, bj::error_code& ec) {
    if (text_.size() + part.size() > max_number_length) {
      return refuse(ec, {json_too_large, "a number of more than " +
                                             std::to_string(max_number_length) + " characters"});
    }
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t, bj::string_view part, bj::error_code& ec) { return number(part, ec); }
  bool on_uint64(std::uint64_t, bj::string_view part, bj::error_code& ec) {
    return number(part, ec);
  }
  bool on_double(double, bj::string_view part, bj::error_code& ec) { return number(part, ec); }
  bool on_bool(bool value, bj::error_code& ec) { return place(Value::boolean(value), ec); }
  bool on_null(bj::error_code& ec) { return place(Value(), ec); }
  bool on_comment_part(bj::string_view, bj::error_code&) { return false; }
  bool on_comment(bj::string_view, bj::error_code&) { return false; }

 private:
  struct Open {
    Value container;
    std::string key;  // of the member that comes next
  };

  bool refuse(bj::error_code& ec, Error why) {
    refusal_ = std::move(why);
    ec = bj::make_error_code(bj::error::syntax);
    return false;
  }

  bool count(bj::error_code& ec) {
    if (++elements_ <= limits_.max_elements) return true;
    return refuse(
        ec, {json_too_large, "more than " + std::to_string(limits_.max_elements) + " values"});
  }

  bool number(bj::string_view part, bj::error_code& ec) {
    if (!on_number_part(part, ec)) return false;
    Value value;
    value.data_ = Value::Number{std::exchange(text_, {})};
    return place(std::move(value), ec);
  }

  bool place(Value value, bj::error_code& ec) {
    if (!count(ec)) return false;
    attach(std::move(value));
    return true;
  }

  bool close() {
    Value done = std::move(open_.back().container);
    open_.pop_back();
    attach(std::move(done));
    return true;
  }

  void attach(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (auto* items = std::get_if<Value::Array>(&parent.container.data_)) {
      items->push_back(std::move(value));
      return;
    }
    std::get<Value::Object>(parent.container.data_)
        .push_back(Member{std::exchange(parent.key, {}), std::move(value)});
  }

  // Sorted above a few members: an object of 10,000 must not cost their square.
  static const std::string* repeated_key(const Value::Object& members) {
    constexpr std::size_t few = 8;
    if (members.size() <= few) {
      for (std::size_t i = 1; i < members.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (members[i].key == members[j].key) return &members[i].key;
        }
      }
      return nullptr;
    }
    std::vector<const std::string*> keys;
    keys.reserve(members.size());
    for (const Member& member : members) keys.push_back(&member.key);
    std::sort(keys.begin(), keys.end(), [](auto* a, auto* b) { return *a < *b; });
    const auto twin =
        std::adjacent_find(keys.begin(), keys.end(), [](auto* a, auto* b) { return *a == *b; });
    return twin == keys.end() ? nullptr : *twin;
  }

  const ParseLimits& limits_;
  std::vector<Open> open_;
  std::string text_;  // the string or number that is coming in
  std::size_t elements_ = 0;
  std::optional<Error> refusal_;
  Value root_;
};

namespace {

using Parser = bj::basic_parser<ValueBuilder>;

bj::parse_options options_of(const ParseLimits& limits) {
  bj::parse_options options;
  options.max_depth = limits.max_depth;
  return options;
}

// The parser does not say where it stopped, so a refused text is read once more in small pieces.
std::size_t place_of_error(std::string_view text, const ParseLimits& limits) {
  constexpr std::size_t most_pieces = 4096;
  const std::size_t piece = text.size() / most_pieces + 1;
  Parser parser(options_of(limits), limits);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::string_view part = text.substr(at, piece);
    bj::error_code ec;
    const std::size_t used = parser.write_some(true, part.data(), part.size(), ec);
    if (ec || used < part.size()) return at;
  }
  return text.size();
}

Error refusal_of(std::string_view text, const ParseLimits& limits, const ValueBuilder& builder,
                 const bj::error_code& ec) {
  const std::string where = " at byte " + std::to_string(place_of_error(text, limits));
  if (builder.refusal()) return {builder.refusal()->code, builder.refusal()->detail + where};
  if (ec == bj::error::too_deep) {
    return {json_too_deep, "more than " + std::to_string(limits.max_depth) + " levels" + where};
  }
  if (!ec) return {json_invalid, "text after the value" + where};
  return {json_invalid, ec.message() + where};
}

}  // namespace

Result<Value> parse(std::string_view text, ParseLimits limits) {
  if (text.size() > limits.max_bytes) {
    return fail(json_too_large, std::to_string(text.size()) + " bytes, at most " +
                                    std::to_string(limits.max_bytes) + " are taken");
  }
  Parser parser(options_of(limits), limits);
  bj::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  const bool trailing = !ec && used < text.size();
  if (ec || trailing) return std::unexpected(refusal_of(text, limits, parser.handler(), ec));
  return parser.handler().take();
}

}  // namespace pawl::json
