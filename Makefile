# The README's two commands, each complete on a fresh machine with Python 3.11+ and make:
#   make demo    install, measure the included FoodLMM on the kitchen edition, print the table
#   make test    install, lint, type-check, test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := OMP_WAIT_POLICY=passive TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest

.PHONY: demo test lint types unit slow browser bench gate reproduce-foodlmm foodlmm-stage1 foodlmm-stage2 foodlmm-finetune-refer \
	foodlmm-finetune-nutrition foodlmm-pretrain foodlmm-single-tasks lisa qwen-seg qwen-seg-start qwen-seg-rl \
	reproduce-recipes adamllm clean

demo: $(VENV)/.installed
	$(BIN)/foodbench run --model foodlmm --tasks all

test: lint types unit

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

unit: $(VENV)/.installed-test
	$(PYTEST) -n 2 --dist worksteal -m "not slow and not browser and not gpu" --benchmark-disable

browser: $(VENV)/.installed-test
	@command -v chromium >/dev/null || { echo "make browser needs Chromium: apt-get install chromium" >&2; exit 2; }
	$(PYTEST) -m browser --benchmark-disable

slow: $(VENV)/.installed-test
	$(PYTEST) -m slow --benchmark-disable

bench: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(PYTEST) tests/benchmarks --benchmark-only

# Three minutes: the included model measured anew, against its committed report. The report was made with two threads.
gate: $(VENV)/.installed
	rm -rf runs/gate
	OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive $(BIN)/foodbench run --model foodlmm --tasks all --edition kitchen --out runs/gate
	$(BIN)/foodbench gate --baseline foodlmm-kitchen --candidate $$(dirname runs/gate/*/run.json) --policy gate.toml \
		--summary runs/gate.md --junit runs/gate.xml

# Some ten minutes: two kitchens of 500 test plates, eight tasks on each.
reproduce-foodlmm: $(VENV)/.installed
	$(BIN)/python baselines/foodlmm/reproduce.py --out runs/reproduce-foodlmm

# The included FoodLMM and the models beside it, trained again: three minutes to half an hour each on two cores.
TRAIN := OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive $(BIN)/python baselines/foodlmm/train.py --cache runs/plates

foodlmm-stage1: $(VENV)/.installed-test
	$(TRAIN) --config baselines/foodlmm/kitchen/stage1.yaml --out runs/foodlmm-stage1

foodlmm-stage2: foodlmm-stage1
	$(TRAIN) --config baselines/foodlmm/kitchen/stage2.yaml --out runs/foodlmm-chat

foodlmm-finetune-refer: foodlmm-stage1
	$(TRAIN) --config baselines/foodlmm/kitchen/finetune_refer.yaml --out runs/foodlmm-finetune-refer

foodlmm-finetune-nutrition: foodlmm-stage1
	$(TRAIN) --config baselines/foodlmm/kitchen/finetune_nutrition.yaml --out runs/foodlmm-finetune-nutrition

foodlmm-pretrain: $(VENV)/.installed-test
	$(TRAIN) --config baselines/foodlmm/kitchen/pretrain.yaml --out runs/foodlmm-pretrain

foodlmm-single-tasks: foodlmm-pretrain
	for task in ingredients nutrition refer refer_nutrition recipe; do \
		$(TRAIN) --config baselines/foodlmm/kitchen/single_$$task.yaml --out runs/foodlmm-single-$$task || exit 1; done

lisa: $(VENV)/.installed-test
	$(TRAIN) --config baselines/lisa/kitchen.yaml --out runs/lisa

# The included Qwen2.5-VL that points, and the start, seeds and comparison of its reinforcement learning: some 20 minutes for
# each supervised run, 10 for each of the six others.
SFT := OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive $(BIN)/python -m baselines.rl_segmentation.kitchen_model.sft --cache runs/plates

qwen-seg: $(VENV)/.installed-test
	$(SFT) --config baselines/rl_segmentation/kitchen/sft.yaml --out runs/qwen-seg-sft

qwen-seg-start: $(VENV)/.installed-test
	$(SFT) --config baselines/rl_segmentation/kitchen/sft_start.yaml --out runs/qwen-seg-start

qwen-seg-rl: qwen-seg-start
	for seed in 0 1 2; do for algo in grpo dapo; do \
		OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python baselines/rl_segmentation/train.py --algo $$algo --config kitchen \
			--seed $$seed --cache runs/plates --out runs/qwen-seg-$$algo-$$seed --resume || exit 1; done; done
	$(BIN)/python baselines/rl_segmentation/seeds.py
	$(BIN)/python baselines/rl_segmentation/compare.py

# The grounded recipes from nothing: the model that they begin with, every stage with three seeds, every evaluation, the
# tables. Some three hours; what is finished is not done again.
reproduce-recipes: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python baselines/recipe_grounded/reproduce.py --out runs/recipes --cache runs/plates

# AdaMLLM: synthesise, filter, post-train, evaluate.
adamllm: $(VENV)/.installed-test
	OMP_WAIT_POLICY=passive $(BIN)/python baselines/adamllm/pipeline.py --out runs/adamllm

# A marker file per kind of installation; made again when what is to be installed changes.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "foodbench needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
