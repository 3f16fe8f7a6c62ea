# SPDX-License-Identifier: Apache-2.0
#
# What `cmake --install` puts where: the library and its public headers, the package that
# find_package(pawl) reads, and the program. The library is static, so its users link the same
# Debian packages that it was built with; pawlConfig.cmake finds them.
include(CMakePackageConfigHelpers)

set(pawl_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pawl)

install(TARGETS pawl pawl_check EXPORT pawlTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/pawl DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(EXPORT pawlTargets NAMESPACE pawl:: DESTINATION ${pawl_package_dir})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/pawlConfig.cmake.in
  ${PROJECT_BINARY_DIR}/pawlConfig.cmake INSTALL_DESTINATION ${pawl_package_dir})
# Before 1.0 a minor version may break its callers.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pawlConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pawlConfig.cmake ${PROJECT_BINARY_DIR}/pawlConfigVersion.cmake
        DESTINATION ${pawl_package_dir})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/ARCHITECTURE.md
              ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.md")

if(TARGET pawl_cli)
  install(TARGETS pawl_cli pawl_check_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/pawl.service DESTINATION lib/systemd/system)
endif()
