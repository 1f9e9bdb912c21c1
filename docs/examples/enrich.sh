#!/usr/bin/env bash
# Enriches the traces on stdin: enrich.sh [FORMAT], where FORMAT is one of tm-import's, or nothing
# for records. Tools and databases may lie beside it. Nothing is asked over the network, and
# nothing is kept. Without its databases it does not begin; it fails where any stage fails.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$here:${PATH:-/usr/local/bin:/usr/bin:/bin}

# The tools go on without a database that they cannot read: here that would leave a hole.
ready() { # TOOL…
  findings=$("$@" --check) || { printf '%s\n' "$findings" >&2 && exit 2; }
}

records() {
  if (($#)); then tm-import --from "$1"; else cat; fi
}

# A share of the work may be empty, which is no error here.
IFS= read -r first || [[ $first ]] || exit 0
asn=(tm-asn --offline --no-cache --db "${ASN_DB:-$here/asn.mmdb}")
geo=(tm-geo --offline --no-cache --mmdb "${GEO_DB:-$here/places.mmdb}")
ready "${asn[@]}" && ready "${geo[@]}"
{ printf '%s\n' "$first" && cat; } | records "$@" | "${asn[@]}" | "${geo[@]}"
