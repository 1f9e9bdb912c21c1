#!/usr/bin/env bash
# Fuzzing guided by coverage (libFuzzer) of whatever reads what strangers write: builds the targets
# of tests/fuzz and runs each for some time. It begins with tests/fuzz/seeds and with what earlier
# runs found worth keeping (target/fuzz/corpus). Needs a C++ compiler, and no nightly Rust.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=10 only='' cargo=${CARGO:-cargo}

usage() {
  cat <<END
Usage: fuzz.sh [--seconds N] [--only TEXT] [--list]

  --seconds N   how long each target runs [$seconds]
  --only TEXT   of the targets, those whose name contains TEXT
  --list        name them and end
END
}

list=no
while (($#)); do
  case $1 in
    --seconds) seconds=$2 && shift ;;
    --only) only=$2 && shift ;;
    --list) list=yes ;;
    -h | --help) usage && exit ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done

names=$(basename -s .rs tests/fuzz/targets/*.rs | grep -F -- "$only") ||
  { echo "fuzz.sh: there is no target '$only'" >&2 && exit 2; }
[[ $list == no ]] || { echo "$names" && exit; }

host=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
sancov='-Cpasses=sancov-module'
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
  sancov+=" -Cllvm-args=-sanitizer-coverage-$flag"
done
# With --target, build scripts and procedural macros stay as they are.
RUSTFLAGS="--cfg fuzzing $sancov" "$cargo" build --locked --profile fuzz --target "$host" \
  --target-dir target/fuzz --package tm-fuzz --features libfuzzer --bins

# Runs a target. The input of a finding is kept in a file; the target run on it shows it again.
fuzz() { # NAME
  local corpus=target/fuzz/corpus/$1 found=target/fuzz/found/$1- log=target/fuzz/$1.log
  mkdir -p "$corpus" target/fuzz/found
  if ! "target/fuzz/$host/fuzz/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
    -artifact_prefix="$found" -print_final_stats=1 "$corpus" "tests/fuzz/seeds/$1" >"$log" 2>&1; then
    grep -A 2 -e 'panicked at' -e 'ERROR: libFuzzer' "$log" | cut -c 1-500
    echo "FOUND     $1: $(sed -n 's/.*Test unit written to //p' "$log") ($log)"
    return 1
  fi
  local inputs counters covered
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  counters=$(sed -n 's/.*(\([0-9]*\) inline 8-bit counters).*/\1/p' "$log")
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  printf 'fine      %-12s %10d inputs in %d s, %d of %d counters\n' \
    "$1" "$inputs" "$seconds" "$covered" "$counters"
}

status=0
for name in $names; do
  fuzz "$name" || status=1
done
exit "$status"
