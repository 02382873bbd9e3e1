"""The file that PaddleFormers executes in every training process (`custom_register_path`).

It repairs what the release does not do by itself, each repair only where it is needed, and makes
images the same size in training as at inference. Importing it as `train.inside.plugin` changes nothing.
"""

import math
import os
import sys
from pathlib import Path
from typing import Any

MODULE = "train.inside.plugin"


def apply(recipe: dict[str, Any]) -> list[str]:
    """Apply every repair that this machine and recipe need; return their names."""
    from importlib.util import find_spec

    import paddle

    from train.inside.patches.paddleformers_1_2 import cpu, fast, gloo, parallel
    from train.launch import checkpoints, nodes

    processes = int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))
    has_gpu = paddle.device.is_compiled_with_cuda()
    several_nodes = int(os.environ.get("PADDLE_LOCAL_SIZE", processes)) < processes
    applied = [nodes.share_one_folder()] if several_nodes else []  # first: others build on what it replaces
    applied += [hide_own_keys(), one_image_resolution(recipe), checkpoints.seal_before_rotation()]
    if find_spec("paddlefleet") is None:
        applied += [
            cpu.use_plain_paddle_classes(),
            cpu.recompute_vision_with_its_mask(),
            cpu.define_pipeline_model(),
            parallel.sum_head_norm_gradients(),
            parallel.save_adapters_in_model_order(),
            parallel.load_adapters_in_process_order(),
        ]
    if samples := int(recipe.get("grounding_eval_samples", 0)):
        from train.inside import box_curves

        applied.append(box_curves.draw_box_curves(Path(recipe["eval_dataset_path"]), samples))
    applied.append(parallel.start_adapters_alike(int(recipe.get("seed", 42))))
    if processes == 1:
        applied.append(cpu.initialise_fleet_for_resume())
    if not has_gpu:
        applied += [
            cpu.skip_device_synchronize(),
            cpu.evaluate_without_workers(),
            cpu.leave_out_fused_norm(),
            fast.attend_to_each_image_alone(),
            fast.attend_in_groups(),
            fast.remember_patch_positions(),
            fast.rotate_by_rolling(),
            fast.normalise_without_broadcasting(),
            fast.embed_patches_by_matmul(),
        ]
    if not has_gpu and processes > 1:
        applied += [
            gloo.use_gloo_collectives(),
            gloo.wrap_optimizer_without_norm_log(),
            gloo.leave_together(),
        ]
    return applied


def hide_own_keys() -> str:
    """Let PaddleFormers, which refuses keys that it does not know, read a recipe without our own."""
    from paddleformers.trainer import PdArgumentParser

    from train.keys import OWN_PREFIX

    parse = PdArgumentParser.parse_dict

    def parse_dict(self: Any, args: dict[str, Any], *rest: Any, **options: Any) -> Any:
        known = {name: value for name, value in args.items() if not name.startswith(OWN_PREFIX)}
        return parse(self, known, *rest, **options)

    PdArgumentParser.parse_dict = parse_dict
    return "hide_own_keys"


def one_image_resolution(recipe: dict[str, Any]) -> str:
    """Leave the resizing of images to the image processor, with the recipe's limits.

    PaddleFormers shrinks an image to 768 x 768 pixels before the image processor sees it, which no
    inference tool repeats, and ignores the keys max_pixels and min_pixels. Here the first resize is
    switched off and the limits go into the image processor, which is saved beside the checkpoint.
    """
    from paddleformers.transformers import AutoProcessor

    load = AutoProcessor.from_pretrained

    def from_pretrained(*args: Any, **kwargs: Any) -> Any:
        processor = load(*args, **kwargs)
        processor.image_max_pixels, processor.image_min_pixels = math.inf, 0
        limit_pixels(processor.image_processor, recipe.get("min_pixels"), recipe.get("max_pixels"))
        return processor

    AutoProcessor.from_pretrained = from_pretrained
    return "one_image_resolution"


def limit_pixels(image_processor: Any, min_pixels: int | None, max_pixels: int | None) -> None:
    """Set an image processor's limits; None keeps the one it has.

    The processor reads `size` while it is built and prefers `min_pixels` with `max_pixels` when it
    works, so that both names get the same values.
    """
    size = image_processor.size
    lower = size["shortest_edge"] if min_pixels is None else min_pixels
    upper = size["longest_edge"] if max_pixels is None else max_pixels
    image_processor.size = {"shortest_edge": lower, "longest_edge": upper}
    image_processor.min_pixels, image_processor.max_pixels = lower, upper


def _main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # PaddleFormers loads the file by its path
    from paddleformers.cli.hparams.parser import read_args
    from paddleformers.utils.log import logger

    recipe = read_args()
    if not isinstance(recipe, dict):  # command line flags in place of a recipe
        recipe = {}
    logger.info(f"plug-in: {', '.join(apply(recipe))}")


if __name__ != MODULE:
    _main()
