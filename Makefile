# Everything that a user or a developer does here; `make` says what there is.

CARGO  ?= cargo
PREFIX ?= /usr/local
HOST   ?= localhost
FUZZ_SECONDS ?= 10
FUZZ_ONLY    ?=
BINARIES = tm-probe tm-import tm-dns tm-asn tm-geo tm-redact tm-watch tm-diff tm-render tm-export \
	tracemap
LAB    = tests/lab/topologies/tour.toml

.PHONY: help build install deb run test fresh-root scale bench screens anomalies names lab netns \
	lint fuzz coverage publish-check docs tools clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the tools (target/release)
	$(CARGO) build --release --locked $(BINARIES:%=--package %)

install: build ## Install tools, manual pages and completions to PREFIX (/usr/local), below DESTDIR
	packaging/stage.sh target/release '$(PREFIX)' '$(DESTDIR)'

deb: build ## Make a package for Debian and Ubuntu (needs dpkg-dev; cargo install cargo-deb)
	@command -v dpkg-shlibdeps >/dev/null || \
		{ echo 'make deb: without dpkg-shlibdeps the package names no libraries: apt install dpkg-dev' >&2; exit 2; }
	rm -rf target/stage
	packaging/stage.sh target/release /usr target/stage
	$(CARGO) deb --package tracemap --no-build --locked

run: build ## Trace HOST and show the way to it
	target/release/tracemap trace --no-save $(HOST)

tools: ## Install what the tests need beside Rust, where it is missing (Debian, Ubuntu)
	@tests/tools.sh

test: tools ## Run every test
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked --workspace

fresh-root: ## What README.md tells, done in a Debian with nothing in it (needs root, debootstrap)
	tests/fresh-root.sh

scale: tools ## The tests and figures on Apache Spark: fetches PySpark and chdb (1 GB), needs java
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked -p tm-tests --test scaling -- --ignored
	$(CARGO) build --release --locked -p tm-import -p tm-asn -p tm-geo -p tm-tests --bins
	tests/bench/spark.sh

bench: ## Compare with peers, as ratios; measure the filters
	$(CARGO) build --release --locked --workspace --bins
	tests/bench/peers.sh
	target/release/tm-places-mmdb target && tests/bench/enrich.sh --mmdb target/places.mmdb
	tests/bench/watch.sh
	tests/bench/import.sh
	tests/bench/export.sh
	tests/bench/tui.sh
	tests/bench/multipath.sh 20 2
	target/release/tm-multipath
	tests/bench/bulk.sh

screens: ## Capture the screens of docs/screens.md anew
	$(CARGO) build --locked -p tm-render
	TM_WRITE_SCREENS=1 $(CARGO) test --locked -p tm-tests --test captures

anomalies: ## Precision and recall of alerts over scenarios whose truth is known
	$(CARGO) build --release --locked -p tm-watch -p tm-tests --bins
	target/release/tm-anomalies

names: ## Precision and recall of the places read out of router names
	$(CARGO) test --locked -p tm-path --test router_names -- --nocapture

lab: ## A shell in a simulated internet with a path worth tracing
	$(CARGO) build --release --locked --workspace --bins
	@echo 'Try: tracemap trace 198.51.100.9    (also 2001:db8:9::9; leave with exit)'
	PATH="$(CURDIR)/target/release:$$PATH" target/release/tm-sim --ping-group $(LAB) -- bash || true

netns: ## A shell in a lab of kernel routers
	$(CARGO) build --release --locked --workspace --bins
	PATH="$(CURDIR)/target/release:$$PATH" tests/lab/netns/lab.sh

lint: ## Check format and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --quiet
	RUSTFLAGS='--cfg fuzzing -D warnings' $(CARGO) check --locked --package tm-fuzz --features targets \
		--bins --target-dir target/fuzz-check

fuzz: ## Run every fuzz target for FUZZ_SECONDS (10), those of FUZZ_ONLY where it is set (needs C++)
	CARGO='$(CARGO)' tests/fuzz.sh --seconds '$(FUZZ_SECONDS)' --only '$(FUZZ_ONLY)'

coverage: ## What the tests cover, by crate (needs cargo-llvm-cov and llvm-tools)
	CARGO='$(CARGO)' tests/coverage.sh

publish-check: ## Package the crates as for crates.io, and build them from the packages
	$(CARGO) publish --dry-run --locked --workspace --exclude tm-tests --exclude tm-fuzz --exclude tm-lab --exclude tm-mutate

docs: ## Write docs/schema.json anew
	$(CARGO) run --quiet --locked -p tm-tests --bin tm-schema-json > docs/schema.json

clean: ## Remove what was built
	$(CARGO) clean
