# Two commands do everything on a fresh machine with Rust, Node.js and Debian's apt:
#   make run     builds, makes development certificates and keys, serves the demo
#   make test    installs what the tests need, and runs all checks
# Everything else is a part of these, but
#   make test-long   compares decisions with the model of them a million times, which takes minutes
#   make bench   measures Gatepost beside its peers, which it installs: bench/README.md

CARGO ?= cargo
BINARY := target/release/gatepost
# A balancer, for the tests of what is behind one.
HAPROXY := /usr/sbin/haproxy
CHROMIUM ?= $(shell command -v chromium || echo /usr/bin/chromium)
CARGO_DENY := .tools/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)
# Where stamps of finished installations are kept; a change of the list installs anew.
STAMPS := target/stamps

# What `make bench` measures, and how often: the workloads of every day, and those of bad days. Beside
# its peers Gatepost has its bad days three times, and they once: all of it takes under half an hour.
PEERS ?= floor gatepost tungstenite bun gorilla ws centrifugo
ROUNDS ?= 3
OTHERS := $(filter-out floor gatepost,$(PEERS))
MORE := $(filter floor gatepost,$(PEERS))
MORE_STORMS ?= $(if $(OTHERS),2,0)
STORMS := publish lone slow storm storm-flood
RESULTS := target/bench/results.jsonl

.PHONY: run build test test-long lint rust-tests web-tests sdk-tests issuer-tests browser-tests deny audit clean
.PHONY: bench bench-smoke release

run: build ## serve the demo at https://localhost:8443/
	$(BINARY) dev

build: web-build ## leave the program at target/release/gatepost
	$(CARGO) build --release --locked

# With the bench, in one go: cargo builds the dependencies again for each choice of packages.
release: web-build
	$(CARGO) build --release --locked --workspace

test: lint rust-tests web-tests sdk-tests issuer-tests browser-tests bench-smoke deny ## run all checks
	@echo "all checks passed"

test-long: web-build ## what takes too long to be part of every test
	$(CARGO) test --locked --test reference_model -- --ignored

# ---- checks -------------------------------------------------------------------------------------

lint: web-build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

rust-tests: web-build $(HAPROXY)
	$(CARGO) test --workspace --locked

web-tests: $(STAMPS)/npm
	cd web && npm run check && npm test

sdk-tests: release
	cd web && npm run test:sdk

issuer-tests: release
	cd web && npm run test:issuer

browser-tests: release $(CHROMIUM)
	cd web && CHROMIUM=$(CHROMIUM) npm run test:browser

deny: $(CARGO_DENY) ## bans, licences and sources of dependencies
	$(CARGO_DENY) --workspace check bans licenses sources

audit: $(CARGO_DENY) ## the same with the advisories, whose database is fetched
	$(CARGO_DENY) --workspace check

# ---- the bench ----------------------------------------------------------------------------------

bench: release ## measure Gatepost beside its peers, and write target/bench/report.md
	$(if $(OTHERS),$(MAKE) -C bench/peers $(OTHERS))
	rm -f $(RESULTS)
	target/release/bench run --peers "$(PEERS)" --rounds $(ROUNDS) --out $(RESULTS) \
		--workloads "connect idle fanout fanout-protobuf saturated rooms rtt"
	target/release/bench run --peers "$(PEERS)" --rounds 1 --out $(RESULTS) --workloads "$(STORMS)"
	$(if $(MORE),target/release/bench run --peers "$(MORE)" --first-round 2 --rounds $(MORE_STORMS) \
		--out $(RESULTS) --workloads "$(STORMS)")
	target/release/bench report --in $(RESULTS) --command 'make bench PEERS="$(PEERS)"'

bench-smoke: release ## a little of each workload: fails on a lost or doubled message, never on a speed
	target/release/bench run --peers "floor gatepost" --rounds 1 --quick --check \
		--out target/bench/smoke.jsonl


# ---- what they need -----------------------------------------------------------------------------

.PHONY: web-build
web-build: $(STAMPS)/npm
	cd web && npm run build

$(STAMPS)/npm: web/package-lock.json web/package.json
	cd web && npm ci --no-audit --no-fund
	mkdir -p $(STAMPS) && touch $@

$(HAPROXY):
	$(SUDO) apt-get update -qq
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends haproxy

$(CHROMIUM):
	$(SUDO) apt-get update -qq
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

$(CARGO_DENY):
	$(CARGO) install --locked --debug --root .tools --version $(CARGO_DENY_VERSION) cargo-deny

clean:
	$(CARGO) clean
	rm -rf .tools .gatepost web/node_modules web/*/node_modules web/*/dist
