// SPDX-License-Identifier: Apache-2.0
//
// Stored payloads: a flat JSON object per command, effect or reply.
#include <pawl/fields.h>

#include <string>

#include "core/json.h"

namespace pawl {

namespace {

constexpr std::string_view schema_field = "schema_number";

Error unreadable(std::string detail) {
  return Error(payload_unreadable, std::move(detail));
}

Result<Value> decode_value(const ColumnSpec& column, const json::Value& found) {
  if (found.is_null()) {
    if (!column.nullable) return std::unexpected(unreadable("null in " + std::string(column.name)));
    return Value{};
  }
  if (column.type == ColumnType::integer) {
    const auto number = found.as_int64();
    if (!number) return std::unexpected(unreadable("no integer in " + std::string(column.name)));
    return Value{*number};
  }
  const auto text = found.as_string();
  if (!text) return std::unexpected(unreadable("no text in " + std::string(column.name)));
  return Value{std::string(*text)};
}

}  // namespace

std::string encode_payload(std::span<const ColumnSpec> columns, std::span<const Value> values,
                           int schema_number) {
  json::Writer out;
  out.begin_object();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    out.key(columns[i].name);
    if (const auto* number = std::get_if<std::int64_t>(&values[i])) {
      out.integer(*number);
    } else if (const auto* text = std::get_if<std::string>(&values[i])) {
      out.string(*text);
    } else {
      out.null();
    }
  }
  out.field(schema_field, schema_number);
  out.end_object();
  return std::move(out).take();
}

Result<Row> decode_payload(std::span<const ColumnSpec> columns, std::string_view payload,
                           int schema_number) {
  auto parsed = json::parse(payload);
  if (!parsed) return std::unexpected(unreadable(parsed.error().text()));
  const auto* members = parsed->as_object();
  if (members == nullptr) return std::unexpected(unreadable("no object"));
  const auto* schema = parsed->find(schema_field);
  if (schema == nullptr || schema->as_int64() != schema_number) {
    return std::unexpected(unreadable("schema number is not " + std::to_string(schema_number)));
  }
  if (members->size() != columns.size() + 1) return std::unexpected(unreadable("other fields"));
  Row row;
  row.reserve(columns.size());
  for (const ColumnSpec& column : columns) {
    const auto* found = parsed->find(column.name);
    if (found == nullptr) return std::unexpected(unreadable("no " + std::string(column.name)));
    auto value = decode_value(column, *found);
    if (!value) return std::unexpected(value.error());
    row.push_back(std::move(*value));
  }
  return row;
}

}  // namespace pawl
