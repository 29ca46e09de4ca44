# Every target sets up what it needs, in virtual environments of its own, and is quick the second time.
# A fresh machine needs make and Python 3.11 or later: `make demo`, or `make demo PYTHON=python3.12`.

PYTHON ?= python3
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check -c constraints.txt
# ONNX Runtime's build for CUDA where there is an NVIDIA driver, elsewhere the one for the CPU: make demo FLAVOUR=cpu
FLAVOUR ?= $(if $(shell command -v nvidia-smi),gpu,cpu)
RUNTIME = pyproject.toml LICENSE README.md $(wildcard models/efficientnet_lite0.*) $(shell find onnxcam -type f -not -path '*/__pycache__/*')
PAGE = web/page/onnxcam_page/files
EXPORT = export/pyproject.toml export/LICENSE export/README.md $(shell find export/onnxcam_export -type f -not -path '*/__pycache__/*')

.PHONY: help demo test lint wheels page clean
.PHONY: bench portability page-speed
.PHONY: test-runtime test-oldest test-web test-page test-report
.PHONY: test-runtimes test-arm64 test-triton test-batch
.PHONY: test-metrics fuzz

help:
	@echo 'make demo          explain a photograph, with no PyTorch: writes demo.png'
	@echo 'make test          all tests'
	@echo 'make test-runtime  the runtime'"'"'s tests, in an environment that holds only its wheel, pytest and hypothesis'
	@echo 'make test-oldest   the same with the oldest versions that it allows: constraints-oldest.txt'
	@echo 'make test-metrics  the metrics of other libraries, which tests compare ours with: takes some minutes'
	@echo 'make test-runtimes every level in the oldest ONNX Runtime, and the programs of docs/other-languages.md; needs g++'
	@echo 'make test-arm64    the wheel on an emulated Raspberry Pi 4; needs Debian, and unpacks its packages into a folder'
	@echo 'make test-web      the npm package in web/, in both ONNX Runtimes for JavaScript; needs Node 20 or later'
	@echo 'make fuzz          arbitrary metadata, models, pictures and targets for a minute (FUZZ=3600 for an hour)'
	@echo 'make page          a page that explains photographs in the browser, for any server: site/ (MODEL="…" for others)'
	@echo 'make test-page     that page in Chromium, without a window; needs Debian'"'"'s chromium (CHROMIUM=… for another)'
	@echo 'make test-report   a report of onnxcam report in the same browser'
	@echo 'make test-triton   the files of onnxcam triton in a real Triton server out of PyPI; Linux on x86-64 alone'
	@echo 'make test-batch    onnxcam batch on a Ray cluster of two nodes on this machine; installs 1 GB'
	@echo 'make lint          ruff and mypy'
	@echo 'make wheels        the wheels and their source distributions, in dist/; that of the page needs Node'
	@echo 'make bench         speed, memory and start-up beside the peers: docs/performance.md (BENCH=--help for parts of it)'
	@echo 'make portability  other runtimes and tools, each in its own environment: docs/portability.md; needs Node (PORTABILITY=--help)'
	@echo 'make clean         remove what the other targets made'

demo: .venv-demo/.stamp
	@rm -f demo.png
	.venv-demo/bin/onnxcam explain tests/data/coffee.jpg -o demo.png

# In parallel workers, of which each may need 4 GB for a large network. Without Node, web/ is left out.
test: .venv/.stamp $(if $(shell command -v npm),test-web)
	.venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test-runtime: .venv-runtime/.stamp
	@for module in torch onnx onnxcam_export; do \
		if .venv-runtime/bin/python -c "import $$module" 2>/dev/null; then \
			echo "$$module is installed beside the runtime, which must do without it" >&2; exit 1; \
		fi; \
		echo "import $$module fails, as it should"; \
	done
	@# Without the safe path, tests that start Python here would import the source tree instead of the wheel.
	PYTHONSAFEPATH=1 .venv-runtime/bin/pytest tests/runtime

test-oldest: .venv-oldest/.stamp
	PYTHONSAFEPATH=1 .venv-oldest/bin/pytest tests/runtime

# Quantus is under the GPL and OpenVINO-XAI wants old versions of all else, so they have an environment of their own.
test-metrics: .venv-metrics/.stamp
	.venv-metrics/bin/python tests/data/make_metric_peers.py --check

# The headers of Debian 13's libonnxruntime-dev; elsewhere name a folder: make test-runtimes ONNXRUNTIME_HEADERS=…
ONNXRUNTIME_HEADERS ?= $(CURDIR)/.headers/usr/include/onnxruntime
test-runtimes: .venv-plain/.stamp .venv-programs/.stamp $(ONNXRUNTIME_HEADERS)/onnxruntime_cxx_api.h
	.venv-plain/bin/python tests/runtimes/levels.py models/efficientnet_lite0.onnx
	ONNXRUNTIME_HEADERS='$(ONNXRUNTIME_HEADERS)' PYTHONSAFEPATH=1 .venv-programs/bin/pytest tests/runtimes

test-arm64: .arm64/.emulator .arm64/.root .arm64/.site .venv-runtime/.stamp
	ARM64=.arm64 PYTHONSAFEPATH=1 .venv-runtime/bin/pytest tests/arm64

FUZZ ?= 60
fuzz: .venv-fuzz/.stamp
	.venv-fuzz/bin/python tests/fuzz/run.py $(FUZZ)

# Python answers first, and JavaScript must give the same.
test-web: .venv-demo/.stamp web/node_modules/.stamp
	.venv-demo/bin/python tests/web/reference.py web/.reference
	cd web && npm run --silent check && npm test --silent

test-triton: .venv-triton/.stamp
	.venv-triton/bin/pytest tests/triton

test-batch: .venv-batch/.stamp
	.venv-batch/bin/pytest tests/batch

MODEL ?= models/efficientnet_lite0.onnx
page: .venv-demo/.stamp $(PAGE)/worker.js
	PYTHONPATH=web/page .venv-demo/bin/onnxcam page $(MODEL) -o site
	@echo 'python3 -m http.server --directory site   shows it at port 8000'

# The page's files, which the wheel onnxcam-page carries.
$(PAGE)/worker.js: web/node_modules/.stamp $(wildcard web/src/*.js web/page/*.*)
	node web/page/build.js $(PAGE)

SMALL = detector dense pooled plain
CHROMIUM ?= $(shell command -v chromium)
test-page: .venv-demo/.stamp $(PAGE)/worker.js
	@test -x '$(CHROMIUM)' || { echo 'There is no Chromium: apt-get install chromium, or name one with make test-page CHROMIUM=…' >&2; exit 1; }
	.venv-demo/bin/python tests/web/reference.py web/.reference
	PYTHONPATH=web/page .venv-demo/bin/onnxcam page -o web/.site/one
	PYTHONPATH=web/page .venv-demo/bin/onnxcam page $(SMALL:%=tests/web/data/%.onnx) -o web/.site/several
	CHROMIUM='$(CHROMIUM)' node --test --test-reporter=spec tests/web/page.browser.js

test-report: .venv-demo/.stamp web/node_modules/.stamp
	@test -x '$(CHROMIUM)' || { echo 'There is no Chromium: apt-get install chromium, or name one with make test-report CHROMIUM=…' >&2; exit 1; }
	CHROMIUM='$(CHROMIUM)' node --test --test-reporter=spec tests/web/report.browser.js

# Not a test: the figures of web/README.md.
page-speed: .venv-demo/.stamp $(PAGE)/worker.js
	PYTHONPATH=web/page .venv-demo/bin/onnxcam page -o web/.site/one
	CHROMIUM='$(CHROMIUM)' node tests/web/page.speed.js

lint: .venv/.stamp
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

wheels: dist/.stamp
	@ls -l dist/*.whl

# Hours in full; it goes on where it was interrupted. In parts: make bench BENCH='--models resnet50 --rounds 3 --only levels'
bench: .venv-bench/.stamp
	.venv-bench/bin/python -m bench $(BENCH)

# In parts: make portability PORTABILITY='--only tract-0.23.9'
portability: .venv-bench/.stamp
	.venv-bench/bin/python -m bench.portability $(PORTABILITY)

clean:
	rm -rf .venv .venv-* .headers .arm64 fuzz-findings dist demo.png .mypy_cache .pytest_cache .ruff_cache
	rm -rf web/node_modules web/types web/.reference web/.site $(PAGE) site
	find onnxcam export bench tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Editable: changed code needs no new installation.
.venv/.stamp: pyproject.toml export/pyproject.toml constraints.txt requirements-dev.txt
	$(call venv,.venv)
	.venv/bin/python $(PIP_INSTALL) -r requirements-dev.txt -e '.[$(FLAVOUR)]'
	@touch $@

.venv-demo/.stamp: $(RUNTIME) constraints.txt
	$(call venv,.venv-demo)
	.venv-demo/bin/python $(PIP_INSTALL) '.[$(FLAVOUR)]'
	@touch $@

.venv-bench/.stamp: pyproject.toml export/pyproject.toml constraints.txt requirements-bench.txt
	$(call venv,.venv-bench)
	.venv-bench/bin/python $(PIP_INSTALL) -r requirements-bench.txt -e '.[$(FLAVOUR)]'
	@touch $@

.venv-build/.stamp: constraints.txt
	$(call venv,.venv-build)
	.venv-build/bin/python $(PIP_INSTALL) build
	@touch $@

# Each wheel is built from its source distribution, which shows that this one is complete.
dist/.stamp: .venv-build/.stamp $(RUNTIME) $(EXPORT) $(if $(shell command -v npm),$(PAGE)/worker.js)
	rm -rf dist
	@mkdir dist
	.venv-build/bin/python -m build --outdir dist . >dist/.log 2>&1 || { cat dist/.log; exit 1; }
	.venv-build/bin/python -m build --outdir dist export >dist/.log 2>&1 || { cat dist/.log; exit 1; }
	if test -e $(PAGE)/worker.js; then \
		.venv-build/bin/python -m build --outdir dist web/page >dist/.log 2>&1 || { cat dist/.log; exit 1; }; fi
	@touch $@

# Made anew for each wheel: what an older one left behind could hide a missing dependency.
.venv-runtime/.stamp: dist/.stamp constraints.txt
	rm -rf .venv-runtime
	$(call venv,.venv-runtime)
	.venv-runtime/bin/python $(PIP_INSTALL) "$$(echo dist/onnxcam-*.whl)[$(FLAVOUR)]" pytest hypothesis
	@touch $@

.venv-oldest/.stamp: $(RUNTIME) constraints-oldest.txt
	rm -rf .venv-oldest
	$(call venv,.venv-oldest)
	.venv-oldest/bin/python $(PIP_INSTALL:constraints.txt=constraints-oldest.txt) '.[cpu]' pytest hypothesis
	@touch $@

.venv-metrics/.stamp: $(RUNTIME) tests/data/requirements-metrics.txt
	$(call venv,.venv-metrics)
	.venv-metrics/bin/python -m pip install --quiet --disable-pip-version-check -r tests/data/requirements-metrics.txt '.[cpu]'
	.venv-metrics/bin/python -m pip install --quiet --disable-pip-version-check --no-deps openvino-xai==1.1.0
	@touch $@

.venv-fuzz/.stamp: pyproject.toml constraints.txt
	$(call venv,.venv-fuzz)
	.venv-fuzz/bin/python $(PIP_INSTALL) atheris -e '.[$(FLAVOUR)]'
	@touch $@

.venv-plain/.stamp: tests/runtimes/constraints.txt
	rm -rf .venv-plain
	$(call venv,.venv-plain)
	.venv-plain/bin/python $(PIP_INSTALL:constraints.txt=tests/runtimes/constraints.txt) onnxruntime numpy
	@touch $@

.venv-programs/.stamp: $(RUNTIME) constraints.txt
	$(call venv,.venv-programs)
	.venv-programs/bin/python $(PIP_INSTALL) '.[cpu]' openvino pytest
	@touch $@

$(CURDIR)/.headers/usr/include/onnxruntime/onnxruntime_cxx_api.h:
	tests/debian_packages.sh trixie "$$(dpkg --print-architecture)" .headers --alone libonnxruntime-dev
	@touch $@

.arm64/.site: dist/.stamp constraints.txt
	tests/arm64/set_up.sh .arm64 site dist/onnxcam-*.whl

.arm64/.%:
	tests/arm64/set_up.sh .arm64 $*

.venv-triton/.stamp: $(RUNTIME) tests/triton/constraints.txt
	$(call venv,.venv-triton)
	.venv-triton/bin/python $(PIP_INSTALL:constraints.txt=tests/triton/constraints.txt) '.[cpu]' nvidia-pytriton 'tritonclient[http]' pytest
	@touch $@

.venv-batch/.stamp: pyproject.toml constraints.txt
	$(call venv,.venv-batch)
	.venv-batch/bin/python $(PIP_INSTALL) -e '.[cpu,batch]' pytest pandas polars duckdb
	@touch $@

web/node_modules/.stamp: web/package.json web/package-lock.json
	cd web && npm ci --silent
	@touch $@

define venv
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "onnxcam needs Python 3.11 or later; name one with: make PYTHON=python3.12")'
test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
endef
