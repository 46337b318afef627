# What a person types is what CI runs. `make demo` and `make test` do all their set-up themselves.

.PHONY: demo test bench soak release docs packages help

help:
	@echo 'make demo   run the exporter against the embedded simulator'
	@echo 'make test   install what is missing from Debian packages, then run everything CI runs'
	@echo 'make bench  print the figures of speed and memory, side by side with nginx and blackbox_exporter'
	@echo 'make soak   ten minutes of everything that goes wrong (SOAK=60s: one): no scrape fails, no count is lost, nothing grows'
	@echo 'make docs   write docs/metrics.md and the golden pages anew'

# Unoptimised builds in half the time, and it serves the demo as well.
demo:
	cargo run --locked --quiet -- demo

# Tests wait for programs more than they compute.
TEST_THREADS ?= $(shell expr 2 \* $$(nproc))

test: packages
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --quiet
	RUST_TEST_THREADS=$(TEST_THREADS) cargo test --locked --workspace --no-fail-fast
	alerts/tests/run

# FIGURES names groups, and `quick` shortens them: make bench FIGURES="quick scrape".
bench: packages release
	cargo run --release --locked -p whatsapp-exporter-bench --bin figures -- $(FIGURES)

# The storm takes ten minutes, or as long as SOAK says, such as 60s; the calm after it about one more.
soak: release
	cargo run --release --locked -p whatsapp-exporter-bench --bin soak

# What is shipped: built by itself, so that no other crate adds features to its dependencies.
release:
	cargo build --release --locked

docs:
	BLESS=1 cargo test --locked --quiet --test it -- documents::the_reference prometheus::the_pages

# Debian's own packages; the services they start by themselves are not used.
packages:
	@.ci/packages
