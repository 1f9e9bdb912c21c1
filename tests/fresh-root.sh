#!/usr/bin/env bash
# A Debian with nothing in it, and in there what a stranger does who follows README.md: the two
# commands, the package, each example of the documentation (tests/fresh-root/steps.sh). Prints a
# line a step; exits with 1 where one failed. Needs root, debootstrap and the network.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/.." && pwd)
suite=bookworm mirror='' root='' keep=no
logs=${CARGO_TARGET_DIR:-$repository/target}/fresh-root

usage() {
  cat <<END
Usage: fresh-root.sh [OPTIONS] [STEP...]
       fresh-root.sh [OPTIONS] -- COMMAND...

  --suite NAME   of Debian [$suite]
  --mirror URL   where it comes from [that of this machine's apt, or deb.debian.org]
  --root DIR     where it stands; one that is there is used again [a temporary one]
  --keep         do not remove it afterwards
  --logs DIR     what each step wrote [$logs]
  --list         name the steps and end

With STEPs, only those. With COMMAND, that in place of steps. The root gets the sources as they were
last committed, and the Rust of this machine, read-only. CARGO_BUILD_JOBS says how many cores it may
take. Mounts are those of a namespace of its own: none outlives the script.
END
}

die() {
  echo "fresh-root.sh: $*" >&2
  exit 2
}

parse_options() {
  while (($#)); do
    case $1 in
      --suite) suite=$2 && shift ;;
      --mirror) mirror=$2 && shift ;;
      --root) root=$2 && shift ;;
      --logs) logs=$2 && shift ;;
      --keep) keep=yes ;;
      --list) exec "$here/fresh-root/steps.sh" --list ;;
      -h | --help) usage && exit ;;
      --) break ;;
      -*) die "unknown option $1; see --help" ;;
      *) break ;;
    esac
    shift
  done
  what=("$@")
}

# The first mirror of Debian that apt of this machine knows.
own_mirror() {
  # shellcheck disable=SC2016 # the variables are apt's
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" { print $2; exit }' || true
}

make_root() {
  : "${mirror:=$(own_mirror)}"
  mkdir -p "$root" && chmod 755 "$root" # as mktemp does not
  echo "debootstrap $suite ${mirror:=http://deb.debian.org/debian}"
  debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$logs/debootstrap.log" 2>&1 ||
    die "debootstrap failed: $logs/debootstrap.log"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
  take_network_settings
}

# How this machine reaches mirrors and registries: proxies, and certificates that its owner added.
take_network_settings() {
  local added=/usr/local/share/ca-certificates file
  apt-config dump 2>/dev/null | grep -E '^Acquire::(https?::|Check-|Retries)' \
    >"$root/etc/apt/apt.conf.d/90host" || true
  for file in "$added"/*.crt; do
    [[ -e $file ]] && install -D -m 644 -t "$root$added" "$file"
  done
  [[ ! -e /etc/pip.conf ]] || cp /etc/pip.conf "$root/etc"
}

# The committed sources, and of cargo what was downloaded before; no build products, no tokens.
fill_root() {
  local cargo=${CARGO_HOME:-$HOME/.cargo} sources=$root/src/tracemap part
  mkdir -p "$root/root/.cargo/registry" "$root/opt/rust" "$root/logs"
  if [[ -e $sources ]]; then
    git -C "$sources" fetch --quiet --depth 1 "file://$repository" HEAD
    git -C "$sources" reset --quiet --hard FETCH_HEAD
    return
  fi
  git clone --quiet --depth 1 "file://$repository" "$sources"
  for part in config.toml registry/cache registry/index; do
    [[ ! -e $cargo/$part ]] || cp -rT --reflink=auto "$cargo/$part" "$root/root/.cargo/$part"
  done
}

remove_root() {
  [[ $keep == yes ]] || rm -rf --one-file-system "$root"
}

environment() {
  local name
  echo "PATH=/root/.cargo/bin:/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  echo "HOME=/root"
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY CARGO_BUILD_JOBS; do
    [[ -z ${!name:-} ]] || echo "$name=${!name}"
  done
  # Node brings its own certificates and asks nobody else.
  [[ ! -d $root/usr/local/share/ca-certificates || -z $(ls "$root/usr/local/share/ca-certificates") ]] ||
    echo "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt"
}

parse_options "$@"
[[ $(id -u) == 0 ]] || die "it needs root, for debootstrap and mounts"
for program in debootstrap unshare git rustc; do
  command -v "$program" >/dev/null || die "$program is missing"
done
[[ -n $root ]] || root=$(mktemp -d /var/tmp/tracemap-root.XXXXXX)
mkdir -p "$logs"
trap remove_root EXIT
[[ -e $root/etc/debian_version ]] || make_root
fill_root
if [[ ${what[0]:-} == -- ]]; then
  what=("${what[@]:1}")
else
  what=(/src/tracemap/tests/fresh-root/steps.sh "${what[@]}")
fi
mapfile -t variables < <(environment)
unshare --mount --propagation private --pid --fork --kill-child --ipc --uts \
  "$here/fresh-root/enter.sh" "$root" "$(rustc --print sysroot)" "$logs" \
  env -i "${variables[@]}" "${what[@]}"
