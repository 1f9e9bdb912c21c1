#!/bin/sh
# Installs what the tests need beside Rust, where it is missing: ip (the lab's addresses), nft (its
# silent hops), setpriv and unshare (its users without privileges), the peers that it is compared
# with, and what reads exported files (dot, jq, chromium by way of node).
set -eu

missing=
need() { # COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
PATH=$PATH:/usr/sbin:/sbin
need ip iproute2
need nft nftables
need setpriv util-linux
need unshare util-linux
need bash bash
need python3 python3-minimal
need traceroute traceroute
need scamper scamper
need mtr mtr-tiny
need inetutils-traceroute inetutils-traceroute
need jq jq
need pgrep procps
need mmdblookup mmdb-bin
need gzip gzip
need bzip2 bzip2
need ssh openssh-client
need taskset util-linux
need awk gawk
need tmux tmux
need dot graphviz
need sqlite3 sqlite3
need chromium chromium
need node nodejs
need npm npm
need dublin-traceroute dublin-traceroute
need promtool prometheus
need systemd-analyze systemd
need logrotate logrotate
need time time
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"

[ -n "$missing" ] || exit 0
echo "installing:$missing"
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
# shellcheck disable=SC2086 # one word a package
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing
