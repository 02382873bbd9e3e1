"""Give the pictures of pairs to the model.

Upstream: mm_dpo_collate_fn (paddleformers/datasets/collate.py, line 441) makes one array of the pixels of all
    rows, which fails for pictures of several sizes, and DPOTrainer.get_batch_metrics
    (cli/train/dpo/dpo_trainer.py, line 126) passes none of them on: the model sees no picture, and nothing
    says so.
Patch: batches hold pixels one after the other, as in supervised fine-tuning, and a trainer of our own gives
    them to the model and to the reference (train/objectives/preferences/). It also applies freeze_config and
    resume_from_checkpoint, and saves the image processor, all of which DPO leaves out.
Remove: when PaddleFormers trains Qwen3-VL on pairs with their pictures.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from train.inside.inference_mode import bare_model
from train.objectives.preferences.pair_batches import collate_pairs
from train.objectives.preferences.preference_trainer import preference_trainer


def show_pictures_with_pairs(recipe: Mapping[str, Any]) -> str:
    """Replace collator and trainer of the stage VL-DPO."""
    from paddleformers.cli.train.dpo import workflow
    from paddleformers.cli.utils.mllm_utils import get_multimodel_lora_target_modules
    from paddleformers.datasets.collate import dpo_collate_fn

    find_targets, frozen = workflow.get_lora_target_modules, str(recipe.get("freeze_config") or "")

    def collate(batch: Any, *, model: Any, **options: Any) -> dict[str, Any]:
        return collate_pairs(batch, partial(dpo_collate_fn, **options), bare_model(model))

    def get_lora_target_modules(model: Any) -> Any:
        targets = find_targets(model)
        return get_multimodel_lora_target_modules(model, targets, frozen) if frozen else targets

    workflow.mm_dpo_collate_fn = collate
    workflow.get_lora_target_modules = get_lora_target_modules
    workflow.DPOTrainer = preference_trainer()
    return "show_pictures_with_pairs"
