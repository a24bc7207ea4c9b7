# shellcheck shell=bash
# Messages of the scripts, to be sourced. Each step prints one line and writes its output to a log. A failure prints the
# reason and one line with a hint.
log_folder=build/log
script=$(basename "$0" .sh)
last_log=""     # the log of the last step
progress_id=""  # the process that shows progress

say() { printf '%s: %s\n' "$script" "$*"; }

fail() {
  printf '%s: %s\n' "$script" "$*" >&2
  exit 1
}

minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# show_progress TITLE: shows the last line of the log. A terminal shows one line that is renewed each second; otherwise,
# a new line is printed every 30 s.
show_progress() {
  local start=$SECONDS pause=1 sleeping last
  trap 'kill "$sleeping"; exit' TERM
  [ -t 1 ] || pause=2
  while kill -0 $$ 2>/dev/null; do
    sleep $pause &
    sleeping=$!
    wait $sleeping
    last=$(tail -c 2000 "$last_log" | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c 1-70)
    if [ -t 1 ]; then
      printf '\r\033[K%s: %s (%s) %s' "$script" "$1" "$(minutes $((SECONDS - start)))" "$last"
    elif [ $pause = 2 ]; then
      pause=28
      say "$1"
    else
      pause=30
      say "  $(minutes $((SECONDS - start))) $last"
    fi
  done
}

hide_progress() {
  [ -n "$progress_id" ] || return 0
  kill "$progress_id" 2>/dev/null || true
  wait "$progress_id" 2>/dev/null || true
  progress_id=""
  [ ! -t 1 ] || printf '\r\033[K'
}
trap hide_progress EXIT

# Prints the part of a failed step's log that says why: from the first error of CMake or ninja on, else the end.
show_reason() {
  if grep -qE '^(CMake Error|FAILED:)' "$last_log"; then
    sed -nE '/^(CMake Error|FAILED:)/,$p' "$last_log" | cut -c 1-300 | head -n 25
  else
    tail -n 20 "$last_log"
  fi
}

# step TITLE HINT COMMAND...: runs the command with its output in a log. If it fails, prints the reason and the hint.
step() {
  local title=$1 hint=$2 start=$SECONDS code=0
  shift 2
  mkdir -p "$log_folder"
  last_log=$log_folder/${title%% *}.log
  : >"$last_log"
  show_progress "$title" &
  progress_id=$!
  "$@" >"$last_log" 2>&1 || code=$?
  hide_progress
  if [ $code -ne 0 ]; then
    show_reason >&2
    fail "$title: failed with exit code $code (log: $last_log). Hint: $hint"
  fi
  [ $((SECONDS - start)) -lt 2 ] || say "$title: done in $(minutes $((SECONDS - start)))"
}
