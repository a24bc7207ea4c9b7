# Which LibTorch is in a folder, and whether fqgan can be built on it: 2.11 or newer (for the operators alone 2.7), new
# C++ ABI.
#   fqgan_check_libtorch(FOLDER)
#       sets torch_version, torch_kind (CPU or CUDA) and torch_problem (empty when all is well)
#   cmake -DFQGAN_TORCH=FOLDER -P cmake/CheckLibTorch.cmake
#       prints "VERSION KIND", or prints the problem and fails; scripts/setup.sh asks in this way
function(fqgan_check_libtorch folder)
  set(torch_version "" PARENT_SCOPE)
  set(torch_kind "CPU" PARENT_SCOPE)
  set(least 2.11)
  if(FQGAN_OPERATORS_ONLY)
    set(least 2.7)
  endif()
  set(hint "Hint: set FQGAN_TORCH to the 'torch' folder of a Python installation, or to an unpacked LibTorch.")
  foreach(needed include/torch/csrc/api/include/torch/torch.h lib/libtorch_cpu.so lib/libc10.so)
    if(NOT EXISTS "${folder}/${needed}")
      set(torch_problem "[LibTorch] expected a folder with include/ and lib/, got '${folder}' without ${needed}. \
${hint}" PARENT_SCOPE)
      return()
    endif()
  endforeach()

  # The version stands in a header that moved between releases.
  set(lines "")
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${folder}/include/${header}")
      file(STRINGS "${folder}/include/${header}" found REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
      string(APPEND lines "${found};")
    endif()
  endforeach()
  set(parts "")
  foreach(part MAJOR MINOR PATCH)
    if(NOT lines MATCHES "TORCH_VERSION_${part} ([0-9]+)")
      set(torch_problem "[LibTorch] expected version ${least} or newer, got '${folder}' without a version header. \
${hint}" PARENT_SCOPE)
      return()
    endif()
    list(APPEND parts ${CMAKE_MATCH_1})
  endforeach()
  list(JOIN parts "." version)
  set(torch_version ${version} PARENT_SCOPE)
  if(EXISTS "${folder}/lib/libtorch_cuda.so")
    set(torch_kind "CUDA" PARENT_SCOPE)
  endif()
  set(torch_problem "" PARENT_SCOPE)
  if(version VERSION_LESS ${least})
    set(torch_problem "[LibTorch] expected version ${least} or newer, got ${version} in '${folder}'. ${hint}"
        PARENT_SCOPE)
    return()
  endif()

  # The mangled name of a function that takes a std::string shows the ABI.
  file(STRINGS "${folder}/lib/libc10.so" new_abi REGEX "torchCheckFail.*__cxx1112basic_string" LIMIT_COUNT 1)
  if(NOT new_abi)
    set(torch_problem "[LibTorch] expected the C++11 ABI, got ${version} with the old one in '${folder}', which g++ \
does not link with. Hint: take the official wheel (${least} or newer) or the 'cxx11 ABI' archive." PARENT_SCOPE)
  endif()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  fqgan_check_libtorch("${FQGAN_TORCH}")
  if(torch_problem)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "${torch_problem}")
    message(FATAL_ERROR "${torch_problem}")
  endif()
  execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "${torch_version} ${torch_kind}")
endif()
