#!/usr/bin/env bash
# Runs the fuzz targets by time. A target is a property test of a parser (proptest): octets that
# nothing chose, or samples damaged by tests/mutate. Every round draws new ones.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=10 only='' cargo=${CARGO:-cargo} profile=${FUZZ_PROFILE:-release}

usage() {
  cat <<END
Usage: fuzz.sh [--seconds N] [--only TEXT] [--list]

  --seconds N   how long each target runs [$seconds]
  --only TEXT   of the targets, those whose package and name contain TEXT
  --list        name them and end

FUZZ_PROFILE: how they are built [release]
END
}

# package, kind of its test binary, part of the names of its targets
targets() {
  cat <<END
tm-schema --lib damaged_
tm-stream --lib damaged_
tm-stream --lib the_line_reads_the_same
tm-stream --lib whatever_a_parser_takes
tm-stream --lib every_octet_comes_out
tm-stream --lib any_text_
tm-enrich --lib damaged_
tm-path --lib geohint::tests::no_name
tm-path --lib geohint::tests::names_like
tm-tracer --lib damaged_
tm-tracer --lib panic
tm-asn --bins no_line
tm-asn --bins no_octets
tm-asn --bins damaged_
tm-geo --bins damaged_
tm-import --bins panic
tm-import --bins any_octets
tm-tests --test=fuzz damaged_
END
}

# The test binary of a package, built; empty where there is none.
binary() { # PACKAGE KIND
  "$cargo" test --profile "$profile" --locked --no-run --message-format=json -p "$1" "$2" 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*\)".*"fresh".*/\1/p' | tail -n 1
}

# Doubles the cases of a round until a round takes a few seconds.
fuzz() { # PACKAGE BINARY NAME
  local end=$((SECONDS + seconds)) cases=100 total=0 began
  while ((SECONDS < end)); do
    began=$SECONDS
    if ! PROPTEST_CASES=$cases "$2" --exact "$3" >"$scratch" 2>&1; then
      cat "$scratch"
      echo "FOUND     $1 $3, after $total inputs"
      return 1
    fi
    total=$((total + cases))
    ((SECONDS - began > 4)) || cases=$((cases * 2))
  done
  printf 'fine      %-10s %-70s %12d inputs in %d s\n' "$1" "$3" "$total" "$((SECONDS - end + seconds))"
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
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
status=0
while read -r package kind part; do
  binary=$(binary "$package" "$kind")
  [[ $binary ]] || { echo "fuzz.sh: $package was not built" >&2 && exit 2; }
  names=$("$binary" --list --format terse | sed -n 's/: test$//p' | grep -F -- "$part" || true)
  [[ $names ]] || { echo "fuzz.sh: $package has no target $part" >&2 && exit 2; }
  for name in $names; do
    [[ "$package $name" == *"$only"* ]] || continue
    if [[ $list == yes ]]; then
      echo "$package $name"
    else
      # Paths in the tests are relative to their package, as cargo runs them.
      fuzz "$package" "$binary" "$name" || status=1
    fi
  done
done < <(targets)
exit "$status"
