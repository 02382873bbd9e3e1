# Every command of the project. `make` alone lists them.
#
# DATA, RECIPE and EVAL name the recipe of each step, CHECKPOINT a model's folder; ARGS passes key=value overrides on to it:
#   make train RECIPE=recipes/train/qwen3_vl_8b_lora.yaml ARGS="learning_rate=5.0e-5"

DATA   ?= recipes/prepare/coco.yaml
RECIPE ?= recipes/train/qwen3_vl_8b_full.yaml
EVAL   ?= recipes/infer/coco.yaml
CHECKPOINT ?= checkpoints/demo/full
ARGS   ?=
CUDA   ?= cu126
PYTHON ?= $(firstword $(shell for python in python3 python3.12 python3.11 python3.10; do \
  $$python -c "$(SUPPORTED)" 2>/dev/null && echo $$python; done; true) python3)

SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))

PADDLE_INDEX ?= https://www.paddlepaddle.org.cn/packages
GPU_PACKAGES := paddlepaddle-gpu==3.3.1 "paddleformers[paddlefleet]==1.2.0"

# The tests compare exported checkpoints with these; all other pins are in the lock file.
TORCH         := 2.13.0
TRANSFORMERS  := 5.3.0
TORCH_PYTHON  := .venv-torch/bin/python
TORCH_INSTALL  = $(TORCH_PYTHON) -m pip install --disable-pip-version-check -c $(LOCK) transformers==$(TRANSFORMERS) pillow

BIN  := .venv/bin
RUN  := $(BIN)/python -m
LOCK := requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu setup-torch lock demo prepare show export-data train eval draw page app curves export runs pictures check test format clean

help: ## list the targets
	@echo "make TARGET [DATA=recipe.yaml] [RECIPE=recipe.yaml] [EVAL=recipe.yaml] [CHECKPOINT=folder] [ARGS=\"key=value ...\"]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s%s\n", $$1, $$2}'

setup: ## create .venv with the pinned CPU builds (other targets do it if needed)
	@cmp -s $(LOCK) .venv/$(LOCK) || { \
	  $(PYTHON) -c "$(SUPPORTED)" \
	    || { echo "error: $(PYTHON) is not Python 3.10 to 3.12: install one and name it, make setup PYTHON=python3.11" >&2; exit 2; }; \
	  echo "making .venv with $(PYTHON): 2 GB, a few minutes"; \
	  $(PYTHON) -m venv .venv && $(BIN)/pip install --disable-pip-version-check -r $(LOCK) && cp $(LOCK) .venv/$(LOCK); }

setup-gpu: ## create .venv with the GPU builds: make setup-gpu CUDA=cu126
	$(PYTHON) -m venv --clear .venv
	grep -v -e '^paddlepaddle==' -e '^paddleformers==' $(LOCK) > .venv/gpu.lock
	$(BIN)/pip install --disable-pip-version-check -r .venv/gpu.lock
	$(BIN)/pip install --disable-pip-version-check -c .venv/gpu.lock $(GPU_PACKAGES) \
	  --extra-index-url $(PADDLE_INDEX)/stable/$(CUDA)/ --extra-index-url $(PADDLE_INDEX)/nightly/$(CUDA)/
	cp $(LOCK) .venv/$(LOCK)

setup-torch: ## create .venv-torch for the tests that compare with torch; TORCH_INDEX= names an index of CPU builds
	@$(TORCH_PYTHON) -c "from importlib.metadata import version as v; \
	  raise SystemExit((v('torch').split('+')[0], v('transformers')) != ('$(TORCH)', '$(TRANSFORMERS)'))" 2>/dev/null || { \
	  echo "making .venv-torch: 1 GB, a few minutes"; \
	  $(PYTHON) -m venv .venv-torch && \
	  $(TORCH_INSTALL) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch==$(TORCH); }

lock: ## pin the dependencies of pyproject.toml again
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install -q uv
	.venv-lock/bin/uv pip compile --universal --python-version 3.10 --group dev --no-annotate --no-header \
	  --custom-compile-command "make lock" --upgrade pyproject.toml -o $(LOCK)
	rm -r .venv-lock

demo: setup ## the whole pipeline on this CPU with a tiny model, ending with a before/after table
	$(RUN) prepare.shapes data/demo_source
	$(RUN) prepare recipes/prepare/demo.yaml
	$(RUN) train.tiny checkpoints/demo/base
	$(RUN) infer recipes/infer/demo.yaml checkpoint=checkpoints/demo/base output_dir=checkpoints/demo/eval_before
	$(RUN) train recipes/train/tiny_full.yaml
	$(RUN) infer recipes/infer/demo.yaml
	$(RUN) visualize before=checkpoints/demo/eval_before after=checkpoints/demo/eval_after \
	  --sheet --limit 4 --output checkpoints/demo/sheet.png
	$(RUN) visualize page before=checkpoints/demo/eval_before after=checkpoints/demo/eval_after \
	  --output checkpoints/demo/page
	$(RUN) infer.compare before=checkpoints/demo/eval_before after=checkpoints/demo/eval_after \
	  --output checkpoints/demo/scores.json
	@echo "pictures: checkpoints/demo/sheet.png and checkpoints/demo/page/index.html"
	@echo "scores:   checkpoints/demo/scores.json; curves: make curves"

prepare: setup ## prepare a data set, check it, write statistics: DATA
	$(RUN) prepare $(DATA) $(ARGS)
	$(RUN) prepare.check $(DATA) $(ARGS)
	$(RUN) prepare.stats $(DATA) $(ARGS)

show: setup ## render some records on a page, as the model will see them: DATA
	$(RUN) prepare.show $(DATA) $(ARGS)

export-data: setup ## write a data set for another tool: DATA, ARGS="format=yolo output_dir=FOLDER"
	$(RUN) prepare.export $(DATA) $(ARGS)

train: setup ## fine-tune: RECIPE; several in sequence: RECIPE="a.yaml b.yaml"
	$(RUN) train $(RECIPE) $(ARGS)

eval: setup ## predict on the validation images and score the boxes: EVAL
	$(RUN) infer $(EVAL) $(ARGS)

draw: setup ## draw truth next to the predictions of `make eval`: EVAL
	$(RUN) visualize $(EVAL) $(ARGS)

page: setup ## write a page to browse the predictions of `make eval`: EVAL
	$(RUN) visualize page $(EVAL) $(ARGS)

app: setup ## ask a model about your own pictures in a browser: CHECKPOINT
	$(RUN) visualize.app $(CHECKPOINT) $(ARGS)

curves: setup ## the VisualDL server on the runs under checkpoints/
	$(BIN)/visualdl --logdir checkpoints

export: setup ## write a Hugging Face folder, LoRA merged: RECIPE
	$(RUN) train.export $(RECIPE) $(ARGS)

runs: setup ## a table of the runs under checkpoints/: progress, scores, how they ended
	$(RUN) train.runs

pictures: setup ## draw the pictures of README.md again, after `make demo`
	$(BIN)/python docs/pictures.py

check: setup ## ruff, mypy, and import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: setup ## run every test, end to end included, in two processes; in one: ARGS="-n 0"
	$(RUN) pytest -n 2 --dist loadgroup --no-loadscope-reorder $(ARGS)

format: setup ## format the code as `make check` requires
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the output of `make demo` and the tools; your data and checkpoints stay
	rm -rf data/demo data/demo_source checkpoints/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -r {} +
