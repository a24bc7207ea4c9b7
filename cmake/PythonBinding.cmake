# The Python extension fqgan._core beside libfqgan_ops.so, where the interpreter that LibTorch belongs to has headers:
#   fqgan_python_binding(LINKED...)   target fqgan_core
# LibTorch must be a wheel's: tensors cross the border by its libtorch_python.so, which is made for one Python version.
option(FQGAN_PYTHON "build the Python extension, where Python's headers and libtorch_python.so are there" ON)

function(fqgan_python_binding)
  set(python python3)
  if(FQGAN_TORCH MATCHES "/(python3\\.[0-9]+)/")
    set(python ${CMAKE_MATCH_1})
  endif()
  execute_process(
    COMMAND ${python} -c "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'), sep=';')"
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(APPEND found "" "")
  list(GET found 0 headers)
  list(GET found 1 suffix)
  set(bridge "${FQGAN_TORCH}/lib/libtorch_python.so")
  if(NOT FQGAN_PYTHON OR NOT EXISTS "${headers}/Python.h" OR NOT EXISTS "${bridge}")
    message(STATUS "Python extension: not built (needs the headers of ${python} and a wheel's LibTorch)")
    return()
  endif()
  message(STATUS "Python extension: _core${suffix}")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/binding/*.cpp)
  add_library(fqgan_core MODULE ${sources})
  fqgan_compile_like(fqgan_core binding)
  target_include_directories(fqgan_core SYSTEM PRIVATE "${headers}")
  target_link_libraries(fqgan_core PRIVATE ${ARGN} "${bridge}")
  # The rooms stay inside; operators come from libfqgan_ops.so, which this process loads once.
  target_link_options(fqgan_core PRIVATE -Wl,--exclude-libs,ALL)
  set_target_properties(fqgan_core PROPERTIES PREFIX "" OUTPUT_NAME _core SUFFIX "${suffix}"
    BUILD_RPATH "$ORIGIN;${FQGAN_TORCH}/lib")
endfunction()
