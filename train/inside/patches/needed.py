"""Which patches a run needs, in the order in which they are applied."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from train.adapter_targets import adapts_attention_alone
from train.inside.patches.paddleformers_1_2.always.average_loss_over_all_steps import (
    average_loss_over_all_steps,
)
from train.inside.patches.paddleformers_1_2.always.count_steps_without_pixels import (
    count_steps_without_pixels,
)
from train.inside.patches.paddleformers_1_2.always.end_when_not_finite import end_when_not_finite
from train.inside.patches.paddleformers_1_2.always.hide_own_keys import hide_own_keys
from train.inside.patches.paddleformers_1_2.always.leave_model_folders_alone import leave_model_folders_alone
from train.inside.patches.paddleformers_1_2.always.one_image_resolution import one_image_resolution
from train.inside.patches.paddleformers_1_2.always.read_checkpoints_without_code import (
    read_checkpoints_without_code,
)
from train.inside.patches.paddleformers_1_2.always.read_pixels_as_everywhere import read_pixels_as_everywhere
from train.inside.patches.paddleformers_1_2.always.run_no_model_code import run_no_model_code
from train.inside.patches.paddleformers_1_2.always.seal_before_rotation import seal_before_rotation
from train.inside.patches.paddleformers_1_2.always.skip_trained_records_unencoded import (
    skip_trained_records_unencoded,
)
from train.inside.patches.paddleformers_1_2.always.start_adapters_alike import start_adapters_alike
from train.inside.patches.paddleformers_1_2.cpu.evaluate_without_workers import evaluate_without_workers
from train.inside.patches.paddleformers_1_2.cpu.leave_out_fused_norm import leave_out_fused_norm
from train.inside.patches.paddleformers_1_2.cpu.pass_batches_through_pipes import (
    pass_batches_through_pipes,
)
from train.inside.patches.paddleformers_1_2.cpu.skip_device_synchronize import skip_device_synchronize
from train.inside.patches.paddleformers_1_2.cpu_speed.attend_in_groups import attend_in_groups
from train.inside.patches.paddleformers_1_2.cpu_speed.attend_to_each_image_alone import (
    attend_to_each_image_alone,
)
from train.inside.patches.paddleformers_1_2.cpu_speed.embed_patches_by_matmul import embed_patches_by_matmul
from train.inside.patches.paddleformers_1_2.cpu_speed.normalise_without_broadcasting import (
    normalise_without_broadcasting,
)
from train.inside.patches.paddleformers_1_2.cpu_speed.remember_patch_positions import (
    remember_patch_positions,
)
from train.inside.patches.paddleformers_1_2.cpu_speed.rotate_by_rolling import rotate_by_rolling
from train.inside.patches.paddleformers_1_2.fleet_classes.freeze_by_parameters import freeze_by_parameters
from train.inside.patches.paddleformers_1_2.fleet_classes.name_adapters_of_sublayers import (
    name_adapters_of_sublayers,
)
from train.inside.patches.paddleformers_1_2.gloo.leave_together import leave_together
from train.inside.patches.paddleformers_1_2.gloo.use_gloo_collectives import use_gloo_collectives
from train.inside.patches.paddleformers_1_2.gloo.wrap_optimizer_without_norm_log import (
    wrap_optimizer_without_norm_log,
)
from train.inside.patches.paddleformers_1_2.on_demand.adapt_attention_alone import adapt_attention_alone
from train.inside.patches.paddleformers_1_2.on_demand.draw_box_curves import draw_box_curves
from train.inside.patches.paddleformers_1_2.on_demand.initialise_fleet_for_resume import (
    initialise_fleet_for_resume,
)
from train.inside.patches.paddleformers_1_2.on_demand.learn_box_head import learn_box_head
from train.inside.patches.paddleformers_1_2.on_demand.learn_from_rollouts import learn_from_rollouts
from train.inside.patches.paddleformers_1_2.on_demand.measure_kept_skills import measure_kept_skills
from train.inside.patches.paddleformers_1_2.on_demand.share_one_folder import share_one_folder
from train.inside.patches.paddleformers_1_2.on_demand.sharpen_coordinates import sharpen_coordinates
from train.inside.patches.paddleformers_1_2.on_demand.stay_near_start import stay_near_start
from train.inside.patches.paddleformers_1_2.on_demand.take_records_from_cache import take_records_from_cache
from train.inside.patches.paddleformers_1_2.plain_classes.define_pipeline_model import define_pipeline_model
from train.inside.patches.paddleformers_1_2.plain_classes.learn_in_blocks import learn_in_blocks
from train.inside.patches.paddleformers_1_2.plain_classes.load_adapters_in_process_order import (
    load_adapters_in_process_order,
)
from train.inside.patches.paddleformers_1_2.plain_classes.recompute_vision_with_its_mask import (
    recompute_vision_with_its_mask,
)
from train.inside.patches.paddleformers_1_2.plain_classes.save_adapters_in_model_order import (
    save_adapters_in_model_order,
)
from train.inside.patches.paddleformers_1_2.plain_classes.sum_head_norm_gradients import (
    sum_head_norm_gradients,
)
from train.inside.patches.paddleformers_1_2.plain_classes.use_plain_paddle_classes import (
    use_plain_paddle_classes,
)
from train.inside.patches.paddleformers_1_2.preferences.build_reference_model import build_reference_model
from train.inside.patches.paddleformers_1_2.preferences.count_pairs_unencoded import count_pairs_unencoded
from train.inside.patches.paddleformers_1_2.preferences.read_pairs_as_records import read_pairs_as_records
from train.inside.patches.paddleformers_1_2.preferences.show_pictures_with_pairs import (
    show_pictures_with_pairs,
)
from train.keep.keep_settings import KEY as KEEP_KEY
from train.keep.keep_settings import read_keep_entries
from train.keys import CACHE_KEY
from train.objectives.coordinates.coordinate_settings import read_coordinates
from train.objectives.grpo.grpo_settings import KEY, read_grpo
from train.objectives.joint_head.joint_settings import read_joint
from train.objectives.near_start.near_start_settings import read_near_start
from train.recipe import TrainRecipe, learns_preferences, uses_fleet

Patch = Callable[[], str]

PLAIN_CLASSES: tuple[Patch, ...] = (
    use_plain_paddle_classes,
    recompute_vision_with_its_mask,
    define_pipeline_model,
    sum_head_norm_gradients,
    save_adapters_in_model_order,
    load_adapters_in_process_order,
    learn_in_blocks,
)
FLEET_CLASSES: tuple[Patch, ...] = (freeze_by_parameters, name_adapters_of_sublayers)
CPU: tuple[Patch, ...] = (
    skip_device_synchronize,
    evaluate_without_workers,
    pass_batches_through_pipes,
    leave_out_fused_norm,
)
CPU_SPEED: tuple[Patch, ...] = (
    attend_to_each_image_alone,
    attend_in_groups,
    remember_patch_positions,
    rotate_by_rolling,
    normalise_without_broadcasting,
    embed_patches_by_matmul,
)
GLOO: tuple[Patch, ...] = (use_gloo_collectives, wrap_optimizer_without_norm_log, leave_together)


def apply_patches(recipe: dict[str, Any]) -> list[str]:
    """Apply every patch that this machine and this recipe need; return their names."""
    return [patch() for patch in patches_for(recipe)]


def patches_for(recipe: dict[str, Any]) -> Iterator[Patch]:
    """Yield the patches that this machine and this recipe need, in the order in which they are applied."""
    import paddle

    processes = int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))
    has_gpu = paddle.device.is_compiled_with_cuda()
    if int(os.environ.get("PADDLE_LOCAL_SIZE", processes)) < processes:
        yield share_one_folder  # first: seal_before_rotation builds on what it replaces
    yield hide_own_keys
    yield read_checkpoints_without_code
    yield run_no_model_code
    yield leave_model_folders_alone
    yield read_pixels_as_everywhere
    yield partial(one_image_resolution, recipe)
    yield seal_before_rotation
    yield average_loss_over_all_steps
    yield end_when_not_finite
    yield partial(count_steps_without_pixels, recipe)
    yield skip_trained_records_unencoded
    yield from FLEET_CLASSES if uses_fleet(recipe) else PLAIN_CLASSES
    yield from _patches_of_records(recipe)
    if (coordinates := read_coordinates(recipe)) is not None:
        yield partial(sharpen_coordinates, coordinates)
    if (penalties := read_near_start(recipe)) is not None:
        yield partial(stay_near_start, penalties, str(recipe["model_name_or_path"]))
    if (joint := read_joint(recipe)) is not None:
        seed = int(recipe.get("seed", 42))
        yield partial(learn_box_head, joint, TrainRecipe(recipe).data_files("train"), seed)
    settings = read_grpo(recipe.get(KEY))
    if samples := int(recipe.get("grounding_eval_samples", 0)):
        keep_best = settings is not None and settings.keep_best
        yield partial(draw_box_curves, Path(recipe["eval_dataset_path"]), samples, keep_best=keep_best)
    if entries := read_keep_entries(recipe.get(KEEP_KEY)):
        yield partial(measure_kept_skills, entries)
    if settings is not None:
        yield partial(learn_from_rollouts, settings, TrainRecipe(recipe).data_files("train"))
    if adapts_attention_alone(recipe):
        yield adapt_attention_alone
    yield partial(start_adapters_alike, int(recipe.get("seed", 42)))
    if processes == 1:
        yield initialise_fleet_for_resume
    if not has_gpu:
        yield from (*CPU, *CPU_SPEED)
    if not has_gpu and processes > 1:
        yield from GLOO


def _patches_of_records(recipe: dict[str, Any]) -> Iterator[Patch]:
    """Yield the patches that change what records are, or where they come from."""
    if cache := recipe.get(CACHE_KEY):
        yield partial(take_records_from_cache, Path(str(cache)), recipe)
    if learns_preferences(recipe):
        yield build_reference_model
        yield count_pairs_unencoded
        yield read_pairs_as_records
        yield partial(show_pictures_with_pairs, recipe)
