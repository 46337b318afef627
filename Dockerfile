# The image contains a single executable. It is linked statically against glibc (with musl's memcpy,
# writing the metrics takes 4.5 to 7 times as long), so it needs no loader, no library and no base
# image. Host names are resolved from /etc/hosts and DNS, without NSS modules. Mozilla's CA roots are
# compiled in.
#
#   docker build --build-arg BUILD_REVISION="$(git rev-parse HEAD)" -t whatsapp-exporter .

ARG RUST_VERSION=1.95

FROM docker.io/library/rust:${RUST_VERSION}-slim-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
ENV RUSTFLAGS="-C target-feature=+crt-static"

# The dependencies alone, with empty sources in place of ours: this layer stays in the cache until a
# dependency changes. The benchmarks stay empty: Cargo wants to see every member of the workspace.
# Naming the target keeps RUSTFLAGS away from build scripts and macros.
COPY Cargo.toml Cargo.lock ./
COPY crates/simulator/Cargo.toml crates/simulator/
COPY crates/bench/Cargo.toml crates/bench/
RUN mkdir -p src crates/simulator/src crates/bench/src/bin/{figures,soak} \
    && touch {.,crates/simulator,crates/bench}/src/lib.rs \
    && tee {src,crates/bench/src/bin/figures,crates/bench/src/bin/soak}/main.rs <<<'fn main() {}' \
    && cargo build --release --locked --target "$(rustc -vV | sed -n 's/^host: //p')"

COPY askama.toml ./
COPY src src
COPY crates/simulator/src crates/simulator/src
# Shown by the metric `whatsapp_exporter_build_info`.
ARG BUILD_REVISION=unknown
# The copied sources can be older than the empty ones that cargo has built, so touch them.
RUN touch src/main.rs src/lib.rs crates/simulator/src/lib.rs \
    && target="$(rustc -vV | sed -n 's/^host: //p')" \
    && BUILD_REVISION="$BUILD_REVISION" BUILD_RUSTC="$(rustc --version | cut -d ' ' -f 2)" \
        cargo build --release --locked --target "$target" \
    && install -D -m 0755 "target/$target/release/whatsapp-exporter" /image/whatsapp-exporter \
    && ldd /image/whatsapp-exporter | grep -q 'statically linked' \
    && /image/whatsapp-exporter --version \
    # `demo` writes its settings to /tmp.
    && install -d -m 1777 /image/tmp \
    # A new volume mounted here takes over its owner, so the exporter may write STATE_FILE to it.
    && install -d -o 65532 -g 65532 /image/var/lib/whatsapp-exporter \
    && install -d /image/etc \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
    && echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' > /image/etc/passwd \
    && echo 'nonroot:x:65532:' > /image/etc/group

# With a shell, for looking around: `docker build --target debug .`; releases have it as `…-debug`.
FROM docker.io/library/busybox:1.37.0-musl AS debug
COPY --from=build /image/ /
ENV PATH=/:/bin
USER 65532:65532
EXPOSE 10401
ENTRYPOINT ["/whatsapp-exporter"]

FROM scratch
COPY --from=build /image/ /
COPY LICENSE /LICENSE

ARG BUILD_REVISION=unknown
LABEL org.opencontainers.image.title="whatsapp-exporter" \
      org.opencontainers.image.description="Prometheus exporter for WhatsApp lines: Whapi, Meta, WAHA, Evolution API, GREEN-API" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.revision="${BUILD_REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/whatsapp-exporter/whatsapp-exporter" \
      org.opencontainers.image.documentation="https://github.com/whatsapp-exporter/whatsapp-exporter/blob/main/deploy/README.md"

# `docker exec` and `kubectl exec` find the program by its name.
ENV PATH=/
# One heap for all threads: almost all happens in one, and what another that reads a long list leaves
# behind would be of no use to it.
ENV MALLOC_ARENA_MAX=1
USER 65532:65532
EXPOSE 10401
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 CMD ["/whatsapp-exporter", "healthcheck"]
ENTRYPOINT ["/whatsapp-exporter"]
