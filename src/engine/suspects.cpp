// SPDX-License-Identifier: Apache-2.0
#include "engine/suspects.h"

#include <fcntl.h>
#include <pawl/log.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "protocol/storage.h"

namespace pawl::engine {

Result<Suspects> Suspects::open(const std::string& path) {
  Suspects suspects;
  if (path.empty()) return suspects;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0)
    return fail(protocol::store_failed, path + ": " + std::generic_category().message(errno));
  void* mapped = MAP_FAILED;
  if (::ftruncate(file, sizeof(Memory)) == 0) {
    mapped = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  ::close(file);
  if (mapped == MAP_FAILED)
    return fail(protocol::store_failed, path + ": " + std::generic_category().message(errno));
  suspects.memory_ = static_cast<Memory*>(mapped);
  suspects.count_death();
  return suspects;
}

Suspects::Suspects(Suspects&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}

Suspects& Suspects::operator=(Suspects&& other) noexcept {
  std::swap(memory_, other.memory_);
  return *this;
}

Suspects::~Suspects() {
  if (memory_ != nullptr) ::munmap(memory_, sizeof(Memory));
}

protocol::DecidingNote* Suspects::note() {
  return memory_ == nullptr ? nullptr : &memory_->deciding;
}

void Suspects::count_death() {
  const std::string name(memory_->deciding.text());
  memory_->deciding.end();
  if (name.empty()) return;
  auto place = std::find_if(memory_->suspects.begin(), memory_->suspects.end(),
                            [&](const Suspect& s) { return s.command.text() == name; });
  if (place == memory_->suspects.end()) {
    std::rotate(memory_->suspects.begin(), memory_->suspects.end() - 1, memory_->suspects.end());
    place = memory_->suspects.begin();
    place->command.begin(name);
    place->deaths = 0;
  }
  ++place->deaths;
  log::error("process_died_deciding", {{"command", name}, {"deaths", place->deaths}});
}

bool Suspects::condemned(std::string_view command) const {
  if (memory_ == nullptr) return false;
  return std::any_of(memory_->suspects.begin(), memory_->suspects.end(), [&](const Suspect& s) {
    return s.deaths >= deaths_until_parked && s.command.text() == command;
  });
}

bool Suspects::none() const {
  return memory_ == nullptr || std::all_of(memory_->suspects.begin(), memory_->suspects.end(),
                                           [](const Suspect& s) { return s.deaths == 0; });
}

void Suspects::acquit(std::string_view command) {
  if (memory_ == nullptr) return;
  for (Suspect& suspect : memory_->suspects) {
    if (suspect.command.text() != command) continue;
    suspect.command.end();
    suspect.deaths = 0;
  }
}

}  // namespace pawl::engine
