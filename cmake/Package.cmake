# SPDX-License-Identifier: Apache-2.0
#
# `cmake --build DIR --target package` makes a .deb of what `cmake --install` would install: the program, the
# library with its headers and CMake files, the documentation, and a systemd unit that nobody enables.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pawl)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Pawl authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "engine and server for state that must move exactly once")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "It never acts on a stale read, never forgets an effect and never lies
about an outcome. Holds the program pawl, the C++ library with its headers, and the documentation.")
# What the program is linked against is read from it; what the static library wants of its users is here.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libsqlite3-dev, libpq-dev, libssl-dev, libboost-json1.81-dev")
include(CPack)
