# make run    see it work: three hosts, a mesh, a service, a controller killed and restarted (KEEP=1 leaves it up)
# make test   the tests; those that take their time to break things and wait are in make faults
# make faults 5,000 backends, hosts without power, certificates that end, clocks that jump, lossy and smaller links, moves, live changes of the mesh, Docker taken over
# make sim    the core against simulated switches: SEEDS=1000 runs, each of which SEED=n replays
# make bench  our figures beside others' in one run, and those of the OpenFlow library; PART=scale for a part of it
# make lint   format, clippy and documentation, warnings are errors
# make openapi writes api/openapi.json anew, from the code
# make deps   install what is missing, through apt-get

CARGO ?= cargo
BIN := $(or $(CARGO_TARGET_DIR),target)
E2E_AT_ONCE := 1
FAULTS := 46_five_thousand 90_membership 92_certificates 93_bfd 95_moves 96_clocks 96_faults 97_mesh_modes 98_path_mtu 99_takeover
QUICK := $(filter-out $(FAULTS),$(basename $(notdir $(wildcard integration/tests/*.rs))))
space := $(subst ,, )
FAULTS_FILTER := binary(/$(subst $(space),|,$(FAULTS))/)
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: run test faults sim bench lint openapi deps root

run: root deps
	$(CARGO) build --release --bins
	$(BIN)/release/sdn-demo $(if $(KEEP),--keep)

test: root deps
	$(CARGO) build --workspace --bins
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; \
	  $(CARGO) nextest run --workspace --exclude integration --no-fail-fast && \
	  $(CARGO) nextest run -p integration --no-fail-fast -E 'not ($(FAULTS_FILTER))'; \
	else set -x; \
	  $(CARGO) test --workspace --exclude integration --lib --bins --tests && \
	  $(CARGO) test -p integration --lib --bins $(QUICK:%=--test %) --no-fail-fast -- --test-threads=$(E2E_AT_ONCE); \
	fi
	$(CARGO) test --workspace --doc

faults: root
	@integration/deps faults
	$(CARGO) build --workspace --bins
	$(CARGO) test -p agent --test swim -- --ignored --nocapture
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; \
	  $(CARGO) nextest run -p integration --no-fail-fast -E '$(FAULTS_FILTER)'; \
	else set -x; \
	  $(CARGO) test -p integration $(FAULTS:%=--test %) --no-fail-fast -- --test-threads=$(E2E_AT_ONCE); \
	fi

sim:
	SEEDS=$(or $(SEEDS),1000) $(CARGO) test --release -p controller --test sim

bench: root
	@integration/deps bench
	$(CARGO) build --release --bins
	$(BIN)/release/sdn-bench $(PART)
	$(if $(PART),,$(CARGO) bench -p openflow)

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

openapi:
	WRITE_OPENAPI=1 $(CARGO) test -p controller --lib openapi::tests::the_committed

deps: root
	@integration/deps

root:
	$(if $(filter 0,$(shell id -u)),,$(error run it as root, as in sudo -E make $(MAKECMDGOALS): the hosts are network namespaces))
