#!/usr/bin/env bash
# What a stranger does with a fresh Debian who follows README.md to the letter; tests/fresh-root.sh
# makes that Debian and starts this in it. A step is a function, run by a shell of its own; what it
# writes goes to /logs.
# shellcheck disable=SC2317 # steps are called by name
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
steps=(prerequisites run test lab docs deb package trace doctor man completions remove install)

# The commands of a section of README.md, without what is said of them. example.com cannot be
# reached from everywhere.
commands() { # SECTION
  awk -v section="## $1" '/^## / { inside = $0 == section }
    inside && sub(/^    /, "") { sub(/ +#.*/, ""); sub(/example\.com/, "localhost"); print }' README.md
}

packages() { # PACKAGE...
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

as_stranger() { # SHELL_COMMAND
  id stranger >/dev/null 2>&1 || useradd --create-home stranger
  su --login stranger --command "$1"
}

# Shows what is on stdin and fails where TEXT is not in it.
expect() { # TEXT
  local all
  all=$(cat)
  printf '%s\n' "$all"
  [[ $all == *"$1"* ]] || { echo "steps.sh: \"$1\" is not in it" && exit 1; }
}

# What README.md asks for (gcc brings the linker), and of the network what Rust's own installer asks for.
step_prerequisites() {
  apt-get update -qq
  packages make gcc libc6-dev ca-certificates
  cargo --version
}

step_run() {
  local command
  command=$(commands Install | sed -n 1p)
  [[ $command == 'make run '* ]]
  sh -ec "$command" | expect reached
}

step_test() {
  local command
  command=$(commands Install | sed -n 2p)
  [[ $command == 'make test' ]]
  sh -ec "$command"
}

step_lab() {
  packages iproute2 nftables python3
  echo 'tracemap trace 198.51.100.9' | make lab | expect '10 hops, 9 answered, 1 silent'
  echo 'tm-probe 10.9.0.1 | tm-render' | make netns | expect reached
}

# Commands of the pages that no test of `make test` runs: those of cargo. `cargo deny` fetches the
# advisories from GitHub, which few networks of build machines reach.
step_docs() {
  local command
  sed -n '/^    cargo deny/d; s/^    \(cargo .*\)/\1/p' docs/*.md | sed 's/example\.com/127.0.0.1/' |
    while read -r command; do
      echo "$command"
      sh -ec "$command" </dev/null
    done
}

# With what the Makefile says that it needs.
step_deb() {
  packages dpkg-dev
  cargo install --quiet --locked cargo-deb
  make deb
}

step_package() {
  packages ./target/debian/tracemap_*.deb
  dpkg --status tracemap | grep '^Depends:' | expect 'libc6 (>='
  [[ -z $(dpkg --verify tracemap) ]]
  getcap -r /usr/bin | grep tm- | diff - <(echo '/usr/bin/tm-probe cap_net_raw=ep')
}

# By a user without privileges: with the capability of the program, and without.
step_trace() {
  as_stranger 'tm-probe -v 127.0.0.1 | tm-render' 2>&1 | tee /dev/stderr | expect 'raw sockets'
  as_stranger 'tracemap trace --profile offline localhost' | expect reached
  as_stranger 'cp /usr/bin/tm-probe . && ./tm-probe 127.0.0.1 | tm-render' | expect reached
}

step_doctor() {
  as_stranger 'tracemap doctor'
}

step_man() {
  local page pages warnings
  packages man-db
  as_stranger 'man tracemap' | expect 'tracemap(1)'
  mapfile -t pages < <(dpkg --listfiles tracemap | grep /man1/.)
  for page in "${pages[@]}"; do
    echo "$page"
    warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings --local-file "$page" 2>&1 >/tmp/page)
    [[ -z $warnings ]] || { echo "$warnings" && exit 1; }
    grep -q '^NAME' /tmp/page
  done
}

step_completions() {
  local tools
  packages bash-completion zsh fish
  mapfile -t tools < <(dpkg --listfiles tracemap | sed -n 's,^/usr/bin/,,p')
  ((${#tools[@]} == 11))
  bash -ec 'set +u; . /usr/share/bash-completion/bash_completion
    for tool; do
      _completion_loader "$tool" || [[ $? == 124 ]]
      complete -p "$tool"
    done
    COMP_WORDS=(tm-probe --max-h) COMP_CWORD=1
    [[ $(complete -p tm-probe) =~ -F\ ([^ ]+) ]]
    "${BASH_REMATCH[1]}" tm-probe --max-h tm-probe
    [[ ${COMPREPLY[*]} == --max-hops ]]' bash "${tools[@]}"
  zsh -fec 'autoload -Uz compinit; compinit -u -d /tmp/zcompdump
    for tool; do
      [[ $_comps[$tool] == _$tool ]]; autoload -Uz +X _$tool
    done' zsh "${tools[@]}"
  fish -c 'complete -C "tm-probe --max-h"' | expect --max-hops
}

step_remove() {
  apt-get purge -y -qq tracemap
  for path in /usr/bin/tm-* /usr/bin/tracemap /usr/share/doc/tracemap; do
    [[ ! -e $path ]] || { echo "$path is left" && exit 1; }
  done
}

# From the sources, with what README.md says of the capability.
step_install() {
  local setcap
  # shellcheck disable=SC2016 # the backquotes are Markdown's
  setcap=$(sed -n 's/.*`sudo \(setcap [^`]*\)`.*/\1/p' README.md)
  make install
  packages libcap2-bin
  sh -ec "$setcap"
  as_stranger '/usr/local/bin/tm-probe -v 127.0.0.1' 2>&1 | expect 'raw sockets'
  as_stranger 'tracemap trace --profile offline localhost' | expect reached
}

case ${1:-} in
  --list) printf '%s\n' "${steps[@]}" && exit ;;
  --run) "step_$2"; exit ;;
esac
(($#)) && steps=("$@")
failed=0
for step in "${steps[@]}"; do
  began=$SECONDS
  if "$0" --run "$step" >"/logs/$step.log" 2>&1 </dev/null; then
    printf 'ok      %-14s %5d s\n' "$step" $((SECONDS - began))
  else
    printf 'FAILED  %-14s %5d s\n' "$step" $((SECONDS - began))
    tail -n 15 "/logs/$step.log" | sed 's/^/        /'
    failed=1
  fi
done
exit $failed
