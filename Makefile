# Every command of the project. `make` alone lists them.
#
# DATA, RECIPE, EVAL, SUITE and CHAIN name the recipe of each step, CHECKPOINT a model's folder; ARGS passes key=value
# overrides on to it:
#   make train RECIPE=recipes/train/qwen3_vl_8b_lora.yaml ARGS="learning_rate=5.0e-5"
# SOURCE names a folder of annotated images that has no recipe yet: make prepare SOURCE=my_photos

DATA   ?= recipes/prepare/coco.yaml
RECIPE ?= recipes/train/qwen3_vl_8b_full.yaml
EVAL   ?= recipes/infer/coco.yaml
SUITE  ?= recipes/suites/coco.yaml
CHAIN  ?= recipes/chains/qwen3_vl_8b_coco.yaml
CHECKPOINT ?= checkpoints/demo/full
ARGS   ?=
CUDA   ?= cu126
PYTHON ?= $(firstword $(shell for python in python3 python3.12 python3.11 python3.10; do \
  $$python -c "$(SUPPORTED)" 2>/dev/null && echo $$python; done; true) python3)

SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))

# Paddle's own packages come from Paddle's own index and from no other: several of them are not on the public one, where
# anybody could register their names. So the first of two calls of pip knows no other place (no configuration, no
# variables) and installs no dependencies. The second takes the rest from the public index, with the first's packages
# pinned as they are installed.
PADDLE_INDEX   ?= https://www.paddlepaddle.org.cn/packages
CUDAS          := cu126 cu129 cu130
GPU_PACKAGES   := paddlepaddle-gpu==3.3.1
FLEET_PACKAGES := paddlepaddle-gpu==3.4.0 paddlefleet==0.3.0 paddlefleet-ops==0.3.0
FLEET_PYTHON   ?= python3.12

# From Paddle's index: $(call from_paddle,FOLDER OF THE VENV,PACKAGES)
from_paddle = PIP_CONFIG_FILE=/dev/null $(1)/bin/pip --isolated $(if $(PIP_CERT),--cert $(PIP_CERT)) install \
  --no-deps --index-url $(PADDLE_INDEX)/stable/$(CUDA)/ $(2)
# From the public index, under the lock file's pins: $(call from_public,FOLDER OF THE VENV)
from_public = $(1)/bin/pip list --format=freeze | grep -i '^paddle' > $(1)/paddle.lock && \
  grep -v '^paddlepaddle==' $(LOCK) > $(1)/public.lock && \
  $(1)/bin/pip install --disable-pip-version-check -r $(1)/paddle.lock -r $(1)/public.lock && $(1)/bin/pip check

known_cuda = $(if $(and $(filter 1,$(words $(CUDA))),$(filter $(CUDAS),$(CUDA))),,$(error CUDA=$(CUDA) is none of \
  $(CUDAS): name the newest that the driver runs (nvidia-smi says it)))

# The tests compare exported checkpoints with these, and SAM 2 runs on them; all other pins are in the lock file.
# The worker that makes masks needs SAM_PACKAGES beside torch.
TORCH         := 2.13.0
TRANSFORMERS  := 5.3.0
# Of this torch. It lies in a folder of its own, which the tests that compare with it name: a build for another kind of
# torch, with CUDA or without, breaks transformers where it is found.
TORCHVISION   := 0.28.0
TORCHVISION_FOLDER := .venv-torch/torchvision-$(TORCHVISION)
SAM_PACKAGES  := fastapi uvicorn omegaconf
# PaddleX pins another OpenCV and another PyYAML than this project, so that it gets a venv of its own.
PADDLEX_PACKAGES := paddlex==3.7.2 opencv-contrib-python==4.10.0.84 pypdfium2
TORCH_PYTHON  := .venv-torch/bin/python
TORCH_INSTALL  = $(TORCH_PYTHON) -m pip install --disable-pip-version-check -c $(LOCK) transformers==$(TRANSFORMERS) pillow \
  $(SAM_PACKAGES)

BIN  := .venv/bin
RUN  := $(BIN)/python -m
LOCK := requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu setup-fleet setup-torch setup-sam setup-paddlex lock demo demo-regions chain gpu-check prepare show export-data cache train eval suite draw page app curves export runs pictures check test format clean

help: ## list the targets
	@echo "make TARGET [DATA=recipe.yaml] [RECIPE=recipe.yaml] [EVAL=recipe.yaml] [CHECKPOINT=folder] [ARGS=\"key=value ...\"]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s%s\n", $$1, $$2}'

setup: ## create .venv with the pinned CPU builds (other targets do it if needed)
	@cmp -s $(LOCK) .venv/$(LOCK) || { \
	  $(PYTHON) -c "$(SUPPORTED)" \
	    || { echo "error: $(PYTHON) is not Python 3.10 to 3.12: install one and name it, make setup PYTHON=python3.11" >&2; exit 2; }; \
	  echo "making .venv with $(PYTHON): 2 GB, a few minutes"; \
	  $(PYTHON) -m venv .venv && $(BIN)/pip install --disable-pip-version-check -r $(LOCK) && cp $(LOCK) .venv/$(LOCK); }

setup-gpu: ## create .venv with Paddle's GPU build: make setup-gpu CUDA=cu126 (or cu129, cu130)
	$(known_cuda)$(PYTHON) -m venv --clear .venv
	$(call from_paddle,.venv,$(GPU_PACKAGES))
	$(call from_public,.venv)
	cp $(LOCK) .venv/$(LOCK)

setup-fleet: ## create .venv-fleet with paddlefleet and its Paddle, for grounding_backend: fleet; Python 3.12: CUDA
	$(known_cuda)$(FLEET_PYTHON) -m venv --clear .venv-fleet
	$(call from_paddle,.venv-fleet,$(FLEET_PACKAGES))
	$(call from_public,.venv-fleet)

setup-torch: ## create .venv-torch for the tests that compare with torch; TORCH_INDEX= names an index of CPU builds
	@$(TORCH_PYTHON) -c "from importlib.metadata import version as v; \
	  [v(name) for name in '$(SAM_PACKAGES)'.split()]; \
	  raise SystemExit((v('torch').split('+')[0], v('transformers')) != ('$(TORCH)', '$(TRANSFORMERS)'))" 2>/dev/null || { \
	  echo "making .venv-torch: 1 GB, a few minutes"; \
	  $(PYTHON) -m venv .venv-torch && \
	  $(TORCH_INSTALL) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch==$(TORCH); }
	@test -d $(TORCHVISION_FOLDER) || { $(TORCH_PYTHON) -m pip install --disable-pip-version-check -q --no-deps \
	  --target $(TORCHVISION_FOLDER).part $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torchvision==$(TORCHVISION) && \
	  mv $(TORCHVISION_FOLDER).part $(TORCHVISION_FOLDER); } \
	  || echo "torchvision could not be installed: the tests that compare with it will be skipped" >&2

setup-sam: setup-torch ## create .venv-torch, in which SAM 2 makes masks: infer.serve_masks backend=sam2
	@echo "next: .venv-torch/bin/python -m infer.serve_masks backend=sam2 checkpoint=FOLDER device=cuda:0"

setup-paddlex: ## create .venv-paddlex, in which SAM-H makes masks: infer.serve_masks backend=paddlex
	$(PYTHON) -m venv --clear .venv-paddlex
	grep -iv '^pyyaml==\|^opencv' $(LOCK) > .venv-paddlex/$(LOCK)
	.venv-paddlex/bin/pip install --disable-pip-version-check -c .venv-paddlex/$(LOCK) paddlepaddle $(PADDLEX_PACKAGES) \
	  $(SAM_PACKAGES)

lock: ## pin the dependencies of pyproject.toml again
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install -q uv
	.venv-lock/bin/uv pip compile --universal --python-version 3.10 --group dev --no-annotate --no-header \
	  --custom-compile-command "make lock" --upgrade pyproject.toml -o $(LOCK)
	rm -r .venv-lock

demo: setup ## the whole pipeline on this CPU with a tiny model, ending with a before/after table
	$(RUN) chain recipes/chains/demo.yaml
	@echo "pictures: checkpoints/demo/sheet.png and checkpoints/demo/page/index.html"
	@echo "scores:   checkpoints/demo/scores.json; curves: make curves"

chain: setup ## prepare, train, measure, export and report by one recipe: CHAIN; the plan: ARGS=--dry-run
	$(RUN) chain $(CHAIN) $(ARGS)

demo-regions: setup ## a tiny model learns to go from boxes to words, back, and on in dialogues; ends with four goals
	$(RUN) prepare.shapes data/demo_regions_source images=1300 cells=4 min_cells=1 max_cells=2
	$(RUN) prepare recipes/prepare/demo.yaml source.path=data/demo_regions_source output_dir=data/demo_regions_boxes
	$(RUN) prepare recipes/prepare/demo_regions.yaml
	$(RUN) train.tiny checkpoints/demo_regions/base
	$(RUN) train recipes/train/tiny_full.yaml model_name_or_path=checkpoints/demo_regions/base \
	  train_dataset_path=data/demo_regions_boxes/train.jsonl eval_dataset_path=data/demo_regions_boxes/val.jsonl \
	  output_dir=checkpoints/demo_regions/boxes logging_dir=checkpoints/demo_regions/boxes/visualdl \
	  max_steps=500 eval_steps=250 save_steps=250
	$(RUN) train recipes/train/tiny_regions.yaml
	$(RUN) infer recipes/infer/demo_regions.yaml
	$(RUN) infer.cycle checkpoints/demo_regions/eval checkpoint=checkpoints/demo_regions/full device=cpu batch_size=32
	$(RUN) infer.score checkpoints/demo_regions/eval
	$(RUN) visualize page checkpoints/demo_regions/eval --output checkpoints/demo_regions/page
	@echo "page: checkpoints/demo_regions/page/index.html; click and talk: make app CHECKPOINT=checkpoints/demo_regions/full"
	$(BIN)/python benchmarks/regions_demo.py checkpoints/demo_regions/eval

prepare: setup ## prepare a data set, check it, write statistics: DATA; from any annotated folder: SOURCE
ifeq ($(origin SOURCE),command line)
	@recipe="data/$$(basename "$$(realpath "$(SOURCE)")")_dataset.yaml" && \
	  $(RUN) prepare.inspect "$(SOURCE)" --recipe "$$recipe" $(ARGS) && $(RUN) prepare "$$recipe" && \
	  $(RUN) prepare.check "$$recipe" && $(RUN) prepare.stats "$$recipe"
else
	$(RUN) prepare $(DATA) $(ARGS)
	$(RUN) prepare.check $(DATA) $(ARGS)
	$(RUN) prepare.stats $(DATA) $(ARGS)
endif

gpu-check: setup ## the first hour on GPUs as a command, step by step: ARGS="model=FOLDER"
	$(RUN) train.gpu_check $(ARGS)

show: setup ## render some records on a page, as the model will see them: DATA
	$(RUN) prepare.show $(DATA) $(ARGS)

export-data: setup ## write a data set for another tool: DATA, ARGS="format=yolo output_dir=FOLDER"
	$(RUN) prepare.export $(DATA) $(ARGS)

cache: setup ## encode a recipe's records once, for all its runs: RECIPE, ARGS="grounding_cache=FOLDER"
	$(RUN) train.cache $(RECIPE) $(ARGS)

train: setup ## fine-tune: RECIPE; several in sequence: RECIPE="a.yaml b.yaml"
	$(RUN) train $(RECIPE) $(ARGS)

eval: setup ## predict on the validation images and score the boxes: EVAL
	$(RUN) infer $(EVAL) $(ARGS)

suite: setup ## measure a checkpoint on the sets of a suite, one table of scores: SUITE, CHECKPOINT
	$(RUN) infer.suite $(SUITE) $(if $(CHECKPOINT),checkpoint='$(CHECKPOINT)') $(ARGS)

calibrate: setup ## fit the scores of boxes to how often such boxes are right, for score=calibrated: EVAL
	$(RUN) infer.calibrate $(EVAL) $(ARGS)

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
	rm -rf data/demo data/demo_regions data/demo_regions_boxes data/demo_regions_source data/demo_source checkpoints/demo checkpoints/demo_regions .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -r {} +
