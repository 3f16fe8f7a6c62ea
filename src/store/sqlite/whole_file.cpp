// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/whole_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <pawl/backup.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

namespace pawl::sqlite {

namespace {

std::unexpected<Error> failed(const std::string& path) {
  return fail(backup_failed, path + ": " + std::generic_category().message(errno));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<void> sync(const std::string& path, int flags) {
  const Descriptor file(path, flags);
  if (file.get() < 0 || ::fsync(file.get()) != 0) return failed(path);
  return {};
}

}  // namespace

bool file_exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<std::string> sha256_of_file(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.get() < 0) return failed(path);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::vector<char> buffer(std::size_t{1} << 20);
  while (true) {
    const auto size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(path);
    if (size == 0) break;
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(size));
  }
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += digits[byte / 16];
    out += digits[byte % 16];
  }
  return out;
}

Result<void> put_in_place(const std::string& made, const std::string& path, ErrorCode exists) {
  if (auto synced = sync(made, O_RDONLY); !synced) return synced;
  if (::link(made.c_str(), path.c_str()) != 0) {
    return errno == EEXIST ? Result<void>(fail(exists, path)) : failed(path);
  }
  if (::unlink(made.c_str()) != 0) return failed(made);
  const auto folder = std::filesystem::path(path).parent_path();
  return sync(folder.empty() ? "." : folder.string(), O_RDONLY | O_DIRECTORY);
}

Result<void> write_whole(const std::string& path, std::string_view text, ErrorCode exists) {
  const std::string made = path + ".partial";
  {
    const Descriptor file(made, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.get() < 0) return failed(made);
    while (!text.empty()) {
      const auto size = ::write(file.get(), text.data(), text.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return failed(made);
      text.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  return put_in_place(made, path, exists);
}

}  // namespace pawl::sqlite
