# 联枢 Lianshu. `make` lists the targets; the first one that needs it makes the virtual environment.
#
# Needs: a Python of 3.11 or newer, and a package index (PyPI or a mirror) that pip has been told of.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
CODE := answers benchmarks connectors demo docking hub ledger orchestration schemas warehouse tests

export GX_ANALYTICS_ENABLED := false
export DAGSTER_DISABLE_TELEMETRY := 1
export PYTHONUTF8 := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup check test demo dev bench lock clean

help:  ## 列出可用的目标 list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## 建立运行环境 make the virtual environment

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "需要 Python 3.11 或更高版本 / Python 3.11 or newer is needed"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory venv-module
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "安装依赖（首次约两分钟） / installing what the hub needs (about two minutes the first time)"
	$(BIN)/python -m pip install --quiet --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

.PHONY: venv-module
venv-module:  # a bare Debian has python3 without ensurepip
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; \
	else echo "缺少 venv 模块，请先运行 apt-get install python3-venv / the venv module is missing: apt-get install python3-venv"; exit 1; fi

check: $(STAMP)  ## 检查代码：格式、类型、引用规则、Dagster 定义 lint, format, strict types, import rules, definitions
	$(BIN)/ruff check $(CODE) docs
	$(BIN)/ruff format --check $(CODE) docs
	$(BIN)/mypy
	$(BIN)/hub systems format --check
	$(BIN)/python -m pytest -q tests/test_imports.py tests/test_frame.py
	$(BIN)/dagster definitions validate -m orchestration.definitions

test: $(STAMP)  ## 运行测试，SLOW=1 包括慢的 run the tests; SLOW=1 runs the slow ones too
	$(BIN)/python -m pytest -q -n $(or $(JOBS),2) --dist loadfile --no-loadscope-reorder --durations 15 $(if $(SLOW),,-m "not slow")

demo: $(STAMP)  ## 演示：从登记到省平台 the whole path on an invented city
	$(BIN)/hub demo story

dev: $(STAMP)  ## 在同一份数据上启动 Dagster 界面 http://127.0.0.1:3000 Dagster's own view of the same data
	$(BIN)/python -m orchestration.instance run dagster dev -w workspace.yaml -h 127.0.0.1 -p $(or $(PORT),3000)

bench: $(STAMP)  ## 与指名的基线比较 ratios against named baselines (about fifteen minutes, needs PostgreSQL)
	for name in csv_files ways_in check unchanged increment landing; do $(BIN)/python -m benchmarks.$$name || exit 1; done

lock: $(STAMP)  ## 重新生成 requirements.lock renew the lock file
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra demo --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --no-emit-find-links -o requirements.lock

clean:  ## 删除环境和缓存，保留数据 remove the environment and caches, keep the data
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
