# CI runs the same commands as people. `make demo` and `make test` need no set-up.

.PHONY: demo test lint bench bench-image soak release docs packages help

help:
	@echo 'make demo   run the exporter against the embedded simulator'
	@echo 'make test   install what is missing from Debian packages, then run all tests'
	@echo 'make bench  measure speed and memory, side by side with nginx and blackbox_exporter'
	@echo 'make bench-image   the memory of the program that the image holds'
	@echo 'make soak   ten minutes of faults (SOAK=60s: one): no scrape fails, no count is lost, nothing grows'
	@echo 'make docs   regenerate docs/metrics.md, the golden pages, and what the chart copies'

# An unoptimised build takes half the time, and is fast enough for the demo.
demo:
	cargo run --locked --quiet -- demo

# Tests wait for programs more than they compute. Those of the whole program start the one that is
# shipped: the optimiser has made mistakes that an unoptimised build does not show.
TEST_THREADS ?= $(shell expr 5 \* $$(nproc))

test: packages release lint
	TEST_BINARY=$(CURDIR)/target/release/whatsapp-exporter RUST_TEST_THREADS=$(TEST_THREADS) \
		cargo test --locked --workspace --no-fail-fast
	alerts/tests/run
	deploy/helm/test
	@[ -f target/tools/axe.min.js ] || echo 'LEFT OUT: the accessibility of the pages, since axe-core could not be fetched' >&2

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --quiet

# FIGURES names groups, and `quick` shortens them: make bench FIGURES="quick scrape".
bench: packages release
	cargo run --release --locked -p whatsapp-exporter-bench --bin figures -- $(FIGURES)

# The image's program is linked statically, so no pages of libc's file are part of its memory.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
bench-image: packages
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target $(HOST)
	BENCH_BINARY=$(CURDIR)/target/$(HOST)/release/whatsapp-exporter \
		cargo run --release --locked -p whatsapp-exporter-bench --bin figures -- $(or $(FIGURES),single)

# The faults take ten minutes, or the duration in SOAK, such as 60s; the calm after them one more.
soak: release
	cargo run --release --locked -p whatsapp-exporter-bench --bin soak

# What is shipped: built by itself, so that no other crate adds features to its dependencies.
release:
	cargo build --release --locked

docs:
	BLESS=1 cargo test --locked --quiet --test it -- documents::the_reference prometheus::the_pages
	deploy/helm/test --update

# Debian's packages of the programs that the tests run. Services that they start are not used.
packages:
	@.ci/packages
