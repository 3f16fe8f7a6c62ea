// SPDX-License-Identifier: Apache-2.0
#include "app/service_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace pawl::app {

namespace {

class OpenFile {
 public:
  OpenFile(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

Result<otc::SigningKey> read_key(const std::string& path) {
  auto hex = read_secret_file(path);
  if (!hex) return std::unexpected(hex.error());
  std::array<unsigned char, 32> seed{};
  const bool sound = hex->size() == 2 * seed.size() && otc::from_hex(*hex, seed);
  explicit_bzero(hex->data(), hex->size());
  if (!sound) return fail(key_file_unusable, path + " does not hold 64 hexadecimal digits");
  auto key = otc::SigningKey::from_seed(seed);
  explicit_bzero(seed.data(), seed.size());
  return key;
}

}  // namespace

Result<void> prepare_data_dir(const std::string& data_dir) {
  std::error_code error;
  if (std::filesystem::is_directory(data_dir, error)) return {};
  if (!std::filesystem::create_directories(data_dir, error) || error) {
    return fail(data_dir_unusable, data_dir + ": " + error.message());
  }
  std::filesystem::permissions(data_dir, std::filesystem::perms::owner_all, error);
  return {};
}

// Written whole beside its place, then linked there: nobody ever reads half a secret, and of two
// makers one wins.
Result<void> write_secret_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + "." + std::to_string(::getpid());
  bool written = false;
  {
    const OpenFile file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    written = file.fd() >= 0 &&
              ::write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
              ::fsync(file.fd()) == 0;
  }
  const bool linked = written && (::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int why = errno;
  ::unlink(temporary.c_str());
  if (!linked) return fail(key_file_unusable, path + ": " + std::system_category().message(why));
  return {};
}

Result<std::string> read_secret_file(const std::string& path) {
  const OpenFile file(path, O_RDONLY);
  struct stat status{};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0) {
    return fail(key_file_unusable, path + ": " + std::system_category().message(errno));
  }
  if ((status.st_mode & 077) != 0) {
    return fail(key_file_unusable,
                path + " may be read by others: chmod 600 it, and replace the key if it was");
  }
  std::string text(max_secret_bytes + 1, '\0');
  const auto size = ::read(file.fd(), text.data(), text.size());
  if (size <= 0 || static_cast<std::size_t>(size) > max_secret_bytes) {
    return fail(key_file_unusable, path + " is empty or too long");
  }
  text.resize(static_cast<std::size_t>(size));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string service_key_path(const std::string& data_dir) {
  return data_dir + "/service.key";
}

Result<otc::SigningKey> load_or_make_key(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) {
    std::string text = otc::to_hex(otc::SigningKey::generate().seed()) + "\n";
    auto made = write_secret_file(path, text);
    explicit_bzero(text.data(), text.size());
    if (!made) return std::unexpected(made.error());
  }
  return read_key(path);
}

}  // namespace pawl::app
