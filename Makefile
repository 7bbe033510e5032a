# Two commands do everything on a fresh machine with Rust, Node.js and Debian's apt:
#   make run     builds, makes development certificates and keys, serves the demo
#   make test    installs what the tests need, and runs all checks
# Everything else is a part of these.

CARGO ?= cargo
BINARY := target/release/gatepost
CHROMIUM ?= $(shell command -v chromium || echo /usr/bin/chromium)
CARGO_DENY := .tools/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)
# Where stamps of finished installations are kept; a change of the list installs anew.
STAMPS := target/stamps

.PHONY: run build test lint rust-tests web-tests sdk-tests browser-tests deny audit clean

run: build ## serve the demo at https://localhost:8443/
	$(BINARY) dev

build: web-build ## leave the program at target/release/gatepost
	$(CARGO) build --release --locked

test: lint rust-tests web-tests sdk-tests browser-tests deny ## run all checks
	@echo "all checks passed"

# ---- checks -------------------------------------------------------------------------------------

lint: web-build
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --locked

rust-tests: web-build
	$(CARGO) test --locked

web-tests: $(STAMPS)/npm
	cd web && npm run check && npm test

sdk-tests: build
	cd web && npm run test:sdk

browser-tests: build $(CHROMIUM)
	cd web && CHROMIUM=$(CHROMIUM) npm run test:browser

deny: $(CARGO_DENY) ## bans, licences and sources of dependencies
	$(CARGO_DENY) check bans licenses sources

audit: $(CARGO_DENY) ## the same with the advisories, whose database is fetched
	$(CARGO_DENY) check

# ---- what they need -----------------------------------------------------------------------------

.PHONY: web-build
web-build: $(STAMPS)/npm
	cd web && npm run build

$(STAMPS)/npm: web/package-lock.json web/package.json
	cd web && npm ci --no-audit --no-fund
	mkdir -p $(STAMPS) && touch $@

$(CHROMIUM):
	$(SUDO) apt-get update -qq
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

$(CARGO_DENY):
	$(CARGO) install --locked --debug --root .tools --version $(CARGO_DENY_VERSION) cargo-deny

clean:
	$(CARGO) clean
	rm -rf .tools .gatepost web/node_modules web/*/node_modules web/*/dist
