"""The range of every number that PaddleFormers 1.2.0 takes, and the check of a recipe against them.

PaddleFormers checks three of these numbers, after every process has started. The ranges follow from what the
numbers are (sizes, shares, counts) and from where PaddleFormers uses them: `-1` and 0 are allowed where they
switch something off there. Files are those of the package `paddleformers`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from train.keys import known_keys
from train.recipe import TrainRecipe

MOST = 2**31 - 1
"""Paddle counts in 32 bits."""


@dataclass(frozen=True)
class NumberRange:
    """The numbers from `lowest` to `highest`, without the ends that are `open`, and the numbers `also`."""

    lowest: float
    highest: float = MOST
    open_below: bool = False
    open_above: bool = False
    also: tuple[int, ...] = ()

    def admits(self, number: float) -> bool:
        """Tell whether a number is in the range; NaN and the infinite ones never are."""
        if not math.isfinite(number):
            return False
        above = number > self.lowest if self.open_below else number >= self.lowest
        below = number < self.highest if self.open_above else number <= self.highest
        return (above and below) or number in self.also

    def lack(self, number: float) -> str:
        """Say what a number outside of the range must be."""
        others = "".join(f", or {other}" for other in self.also)
        if self.lowest == 0 and self.highest == MOST >= number and not self.open_below:
            return f"must be 0 or more{others}"
        words = [f"{'more than' if self.open_below else 'at least'} {_plain(self.lowest)}"]
        if self.highest != MOST or number > MOST:
            words.append(f"{'less than' if self.open_above else 'at most'} {_plain(self.highest)}")
        return f"must be {' and '.join(words)}{others}"


COUNT, COUNT_OR_NONE = NumberRange(1), NumberRange(0)
COUNT_OR_OFF = NumberRange(1, also=(-1,))
AMOUNT, POSITIVE = NumberRange(0.0), NumberRange(0.0, open_below=True)
SHARE, RATE = NumberRange(0.0, 1.0), NumberRange(0.0, 1.0)
DECAY = NumberRange(0.0, 1.0, open_above=True)
DEGREE = COUNT_OR_OFF
"""The degrees of training_args.py, :2760 and below: -1 stands for none."""


def _each(names: str, allowed: NumberRange) -> dict[str, NumberRange]:
    return dict.fromkeys(names.split(), allowed)


NUMBER_RANGES: Mapping[str, NumberRange] = {
    # The trainer's steps, batches and files.
    **_each("per_device_train_batch_size per_device_eval_batch_size gradient_accumulation_steps", COUNT),
    **_each("eval_accumulation_steps logging_steps save_steps eval_steps global_logging_interval", COUNT),
    **_each("max_steps max_evaluate_steps save_hf_steps", COUNT_OR_OFF),  # trainer_callback.py:537
    "num_train_epochs": POSITIVE,
    **_each("save_total_limit save_hf_total_limit", NumberRange(0, also=(-1,))),  # trainer.py:4534: no limit
    **_each("dataloader_num_workers minimum_eval_times ordered_save_group_size", COUNT_OR_NONE),
    **_each("flash_device_save_steps gc_interval profile_step_start profile_step_end", COUNT_OR_NONE),
    **_each("prefetch_factor pdc_download_timeout optim_shard_num zcc_workers_num", COUNT),
    **_each("zcc_ema_interval save_hf_memory_growth_threshold num_consecutive", COUNT),
    **_each("internal_medicine_monitor_interval dataset_batch_size dataset_num_proc", COUNT),
    "skip_data_intervals": COUNT_OR_NONE,
    "seed": NumberRange(1, 2**32 - 1),  # numpy's seeds; 0 is refused by the data set
    **_each("local_rank past_index", NumberRange(0, also=(-1,))),
    **_each("num_of_gpus global_batch_size ref_model_update_steps eval_iters", COUNT_OR_OFF),
    "max_estimate_samples": COUNT_OR_OFF,  # datasets/data_utils.py:207
    "grounding_eval_samples": COUNT_OR_NONE,
    "grounding_coordinate_loss": NumberRange(0.0, 100.0),
    "grounding_coordinate_tau": NumberRange(0.01, 1e6),  # of squared steps of the grid: all but none to all
    "grounding_l2_to_start": NumberRange(0.0, 1e6),
    # The optimizer and its learning rate. A rate of 0 is a run that changes nothing, to compare with.
    **_each("learning_rate min_lr lr_end moe_router_bias_update_rate", RATE),
    **_each("weight_decay warmup_ratio label_smoothing muon_extra_scale_factor", SHARE),
    **_each("adam_beta1 adam_beta2 muon_momentum zcc_save_ema_coef", DECAY),
    "adam_epsilon": NumberRange(0.0, 1.0, open_below=True),
    **_each("max_grad_norm num_cycles moe_gate_lr_ratio", AMOUNT),
    **_each("power scale_loss lora_plus_scale factor", POSITIVE),
    "warmup_steps": COUNT_OR_NONE,
    "decay_steps": COUNT_OR_OFF,  # trainer.py:3528
    "muon_version": NumberRange(1, 3),
    "muon_ns_steps": COUNT,
    "muon_ns_coeffs": NumberRange(-1000.0, 1000.0),
    # The model and its adapter.
    "lora_rank": COUNT,
    "lora_alpha": COUNT_OR_OFF,
    **_each("max_position_embeddings loss_subbatch_seqlen", COUNT),
    **_each("bos_token_id eos_token_id pad_token_id", COUNT_OR_NONE),
    **_each("num_hidden_layers num_attention_heads num_key_value_heads hidden_size", COUNT),
    **_each("intermediate_size num_experts_per_tok n_routed_experts", COUNT),
    **_each("num_empty_layers_add_in_head num_empty_layers_add_in_tail", COUNT_OR_NONE),
    **_each("num_nextn_predict_layers mtp_num_layers no_recompute_layers", COUNT_OR_NONE),
    **_each("hidden_dropout_prob attention_probs_dropout_prob moe_dropout_prob", DECAY),
    **_each("neftune_noise_alpha embedding_init_method_std", AMOUNT),
    "softmax_scale": POSITIVE,
    "fa_version": NumberRange(2, 4),  # trainer/training_args.py:1742
    # Mixtures of experts.
    **_each("moe_orthogonal_loss_lambda router_aux_loss_coef router_z_loss_coef", AMOUNT),
    **_each("moe_expert_capacity_factor dsa_indexer_loss_coeff", AMOUNT),
    "moe_subbatch_token_num_before_dispatch": COUNT_OR_NONE,
    "moe_subbatch_token_num_after_dispatch": COUNT,
    "hybrid_parallel_expert_grad_scale": POSITIVE,
    # The data, and images and videos.
    **_each("max_seq_len max_prompt_len num_samples_each_epoch buffer_size packing_interval", COUNT),
    **_each("max_pixels min_pixels video_max_pixels video_min_pixels image_token_len", COUNT),
    **_each("spatial_conv_size video_fps video_min_frames video_max_frames", COUNT),
    "im_prefix_length": COUNT_OR_NONE,
    "video_target_frames": COUNT_OR_OFF,
    # Parallelism and memory.
    **_each("sharding_degree sharding_parallel_size tensor_model_parallel_size", DEGREE),
    **_each("pipeline_model_parallel_size sep_parallel_size context_parallel_size", DEGREE),
    **_each("expert_model_parallel_size expert_tensor_model_parallel_size", DEGREE),
    "virtual_pipeline_model_parallel_size": COUNT,
    **_each("sharding_comm_buffer_size_MB sharding_offload_opt_buffersize_GB", COUNT_OR_OFF),
    "recompute_num_layers": COUNT,
    "loss_subbatch_sequence_length": COUNT_OR_OFF,  # nn/criterion/interface.py:49
    "pp_need_data_degree": COUNT_OR_NONE,
    "pre_alloc_memory": AMOUNT,
    "zcc_pipeline_hooks_capacity_usage": NumberRange(0.0, 1.0, open_below=True),
    "zcc_ema_loss_threshold": AMOUNT,
    # Generation, and the keys of DPO.
    "max_new_tokens": COUNT,
    "min_tokens": COUNT_OR_NONE,
    "temperature": AMOUNT,
    "top_p": NumberRange(0.0, 1.0, open_below=True),
    **_each("frequency_penalty presence_penalty", NumberRange(-2.0, 2.0)),
    "repetition_penalty": POSITIVE,
    **_each("pref_loss_ratio sft_loss_ratio offset_alpha simpo_gamma dpop_lambda", AMOUNT),
    "beta": POSITIVE,
}
"""The range of each key that takes a number, or lists of numbers."""


def out_of_range(recipe: TrainRecipe) -> Iterator[str]:
    """Every number has to be one with which the trainer can compute."""
    for name, value in recipe.values.items():
        if (allowed := NUMBER_RANGES.get(name)) is None:
            continue
        if wrong := [number for number in numbers_in(value) if not allowed.admits(number)]:
            yield f"{name}: {wrong[0]} {allowed.lack(wrong[0])}{_default(name, allowed)}"


def numbers_in(value: Any) -> Iterator[float]:
    """Yield the numbers of a value: itself, or those in its lists; the check of the types reports others."""
    if isinstance(value, list):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _default(name: str, allowed: NumberRange) -> str:
    numbers = list(numbers_in(known_keys()[name].default))
    return f" (the default is {_plain(numbers[0])})" if numbers and allowed.admits(numbers[0]) else ""


def _plain(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)
