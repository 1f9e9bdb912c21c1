# shellcheck shell=bash
# shellcheck disable=SC2034  # read by the scripts that source this file
#
# The topology: what exists, how it is joined, what each node does. The lab is
# built from these tables and the truth is printed from them, so that neither
# can drift from the other. Nothing here touches the network.

# A node and those it hangs from, nearer first in the path. Several parents are
# ECMP branches that meet again; the first of them is the way back.
NODES=(
  "src"
  "r1  src"
  "r2  r1"
  "a1  r2"
  "a2  r2"
  "b1  a1"
  "b2  a1 a2"
  "b3  a2"
  "r5  b1 b2 b3"
  "r6  r5"
  "r7  r6"
  "dst r7"
)
EDGE=r7        # the last router: its firewall decides what becomes of a target
HOST=dst       # the only machine behind it
SILENT=(r6)    # forwards, but never says that a time was exceeded
TCP_OPEN=80
UDP_ECHO=7

# A target and its fate. `open` lives on $HOST; what is `dropped` vanishes in the
# edge's firewall; the others are refused by the edge with that ICMP message.
# Refused by the firewall and not by `ip route add unreachable`, for the kernel
# answers such routes at most once a second per peer and offers no per-namespace
# setting to change that.
TARGETS=(
  "dst        open"
  "dark       dropped"
  "nonet      net-unreachable"
  "nohost     host-unreachable"
  "prohibited admin-prohibited"
)

# The fates' ICMP messages: nft's name, type and code, traceroute's mark; for
# IPv4, then for IPv6.
declare -A REFUSAL=(
  [net-unreachable]="net-unreachable 3 0 !N   no-route 1 0 !N"
  [host-unreachable]="host-unreachable 3 1 !H   addr-unreachable 1 3 !H"
  [admin-prohibited]="admin-prohibited 3 13 !X   admin-prohibited 1 1 !X"
)

# The second vantage point and the box that masquerades it.
NAT_HOST=nat-src
NAT_BOX=nat
NAT_JOINS=r1

# Targets live in one prefix, so that each router needs one route.
TARGET_NET4=10.9.0.0/16
TARGET_NET6=fd00:9::/32

# Addresses say where they are: 10.0.TTL.INDEX and fd00::TTL:INDEX. A node has one
# of each, on all its links: whichever way a probe came or the answer leaves, it
# answers from that.
address() { # FAMILY TTL INDEX
  if [[ $1 == 4 ]]; then echo "10.0.$2.$3"; else echo "fd00::$2:$3"; fi
}

# What follows is derived.
declare -A TTL=()        # node: its distance from src
declare -A INDEX=()      # node: its number among those at that distance
declare -A PARENTS=()    # node: nodes before it
declare -A CHILDREN=()   # node: nodes after it
declare -A ADDRESS4=()   # node: its address
declare -A ADDRESS6=()
declare -A TARGET4=()    # target: its address, which is not its node's
declare -A TARGET6=()
declare -A FATE=()       # target: its fate
LINKS=()                 # "A A's-IPv4 A's-IPv6 B B's-IPv4 B's-IPv6"
NAMES=()                 # nodes in order, and then the vantage point behind NAT
TARGET_NAMES=()
LAST_TTL=0

derive_nodes() {
  local row name parents parent ttl
  local -A width=()
  for row in "${NODES[@]}"; do
    read -r name parents <<<"$row"
    ttl=0
    for parent in $parents; do
      ttl=$((TTL[$parent] + 1))
      CHILDREN[$parent]+="$name "
    done
    width[$ttl]=$((${width[$ttl]:-0} + 1))
    NAMES+=("$name")
    PARENTS[$name]=$parents
    TTL[$name]=$ttl
    INDEX[$name]=${width[$ttl]}
    ADDRESS4[$name]=$(address 4 "$ttl" "${INDEX[$name]}")
    ADDRESS6[$name]=$(address 6 "$ttl" "${INDEX[$name]}")
    LAST_TTL=$((ttl > LAST_TTL ? ttl : LAST_TTL))
  done
}

link() { # NODE OTHER
  LINKS+=("$1 ${ADDRESS4[$1]} ${ADDRESS6[$1]} $2 ${ADDRESS4[$2]} ${ADDRESS6[$2]}")
}

derive_links() {
  local name parent
  for name in "${NAMES[@]}"; do
    for parent in ${PARENTS[$name]}; do
      link "$parent" "$name"
    done
  done
}

# The box is the one node with two addresses.
derive_nat() {
  ADDRESS4[$NAT_HOST]=192.168.1.2 ADDRESS6[$NAT_HOST]=fd00:192::2
  ADDRESS4[$NAT_BOX]=192.168.1.1 ADDRESS6[$NAT_BOX]=fd00:192::1
  link "$NAT_HOST" "$NAT_BOX"
  NAT_OUTSIDE4=$(address 4 0 2) NAT_OUTSIDE6=$(address 6 0 2)
  LINKS+=("$NAT_BOX $NAT_OUTSIDE4 $NAT_OUTSIDE6 $NAT_JOINS ${ADDRESS4[$NAT_JOINS]} ${ADDRESS6[$NAT_JOINS]}")
  NAMES+=("$NAT_BOX" "$NAT_HOST")
  PARENTS[$NAT_BOX]=$NAT_JOINS
  PARENTS[$NAT_HOST]=$NAT_BOX
}

derive_targets() {
  local row name fate n=0
  for row in "${TARGETS[@]}"; do
    read -r name fate <<<"$row"
    n=$((n + 1))
    TARGET_NAMES+=("$name")
    FATE[$name]=$fate
    TARGET4[$name]="${TARGET_NET4%.0/*}.$n"
    TARGET6[$name]="${TARGET_NET6%/*}$n"
  done
}

derive_nodes
derive_links
derive_nat
derive_targets

is_silent() { [[ " ${SILENT[*]} " == *" $1 "* ]]; }
