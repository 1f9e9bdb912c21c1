#!/bin/sh
# Installs what `make build` has built: programs, manual pages, completions, a sample of settings,
# and the documentation. Usage: packaging/stage.sh BIN_FOLDER PREFIX [DESTDIR]
set -eu
umask 022

built=$1
prefix=$2
to=${3-}$prefix
programs='tm-probe tm-import tm-dns tm-asn tm-geo tm-redact tm-watch tm-diff tm-render tm-export tracemap'
doc=$to/share/doc/tracemap

page() { # NAME COMMAND…: the page of a command, and of its subcommands
	name=$1
	shift
	"$@" --generate man >"$to/share/man/man1/$name.1"
}

install -d "$to/bin" "$to/share/man/man1" "$to/share/bash-completion/completions" \
	"$to/share/zsh/site-functions" "$to/share/fish/vendor_completions.d" "$doc/examples"
for program in $programs; do
	install -m 755 "$built/$program" "$to/bin"
	page "$program" "$built/$program"
	"$built/$program" --generate bash >"$to/share/bash-completion/completions/$program"
	"$built/$program" --generate zsh >"$to/share/zsh/site-functions/_$program"
	"$built/$program" --generate fish >"$to/share/fish/vendor_completions.d/$program.fish"
done
for part in trace watch tui replay stats doctor profiles cache config; do
	page "tracemap-$part" "$built/tracemap" "$part"
done
page tm-asn-build "$built/tm-asn" build
HOME='~' XDG_CONFIG_HOME= "$built/tracemap" config sample >"$doc/examples/config.toml"
install -m 644 README.md CHANGELOG.md LICENSE docs/*.md docs/schema.json "$doc"
for example in docs/examples/*; do
	sed "s#/usr/local/bin/#$prefix/bin/#g" "$example" >"$doc/examples/${example##*/}"
done
