# LibTorch, linked directly: the Python wheel that users have (CPU or CUDA build) or any LibTorch folder, without the
# CUDA toolkit. LibTorch's own CMake package looks for that toolkit and stops where it is missing.
#   input:  FQGAN_TORCH (cache or environment): a folder with include/ and lib/; else the `torch` of `python3`
#   output: target `libtorch`
include(${CMAKE_CURRENT_LIST_DIR}/CheckLibTorch.cmake)
if(NOT FQGAN_TORCH)
  set(FQGAN_TORCH "$ENV{FQGAN_TORCH}")
endif()
if(NOT FQGAN_TORCH)
  execute_process(COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/../scripts/find_torch.py
                  OUTPUT_VARIABLE FQGAN_TORCH OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
fqgan_check_libtorch("${FQGAN_TORCH}")
if(torch_problem)
  unset(FQGAN_TORCH CACHE)
  message(FATAL_ERROR "${torch_problem} Or run ./quickstart.sh --build-only, which finds or installs one.")
endif()
set(FQGAN_TORCH "${FQGAN_TORCH}" CACHE PATH "LibTorch: a folder with include/ and lib/" FORCE)

add_library(libtorch INTERFACE)
target_include_directories(libtorch SYSTEM INTERFACE "${FQGAN_TORCH}/include"
                                                     "${FQGAN_TORCH}/include/torch/csrc/api/include")
set(torch_libraries "")
foreach(name torch torch_cpu c10 torch_cuda c10_cuda)
  if(EXISTS "${FQGAN_TORCH}/lib/lib${name}.so")
    list(APPEND torch_libraries "${FQGAN_TORCH}/lib/lib${name}.so")
  endif()
endforeach()
# --no-as-needed: nothing names a symbol of libtorch_cuda, yet it must be loaded for a GPU to be found.
# --allow-shlib-undefined: the CUDA wheel's own dependencies lie in sibling packages that its rpath finds at run time.
target_link_options(libtorch INTERFACE -Wl,--allow-shlib-undefined "-Wl,-rpath,${FQGAN_TORCH}/lib")
target_link_libraries(libtorch INTERFACE -Wl,--no-as-needed ${torch_libraries} -Wl,--as-needed)
message(STATUS "LibTorch ${torch_version} (${torch_kind} build) in ${FQGAN_TORCH}")
