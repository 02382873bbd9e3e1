"""The words that a train recipe's keys can take, and the check of a recipe against them.

The lists are PaddleFormers' own where it keeps them in one place, and else copied from where it compares the
words; the comments name the file of the package `paddleformers` 1.2.0 and the line.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from grounding.recipe.schema import suggestion
from train.keys import BACKEND_KEY, LORA_TARGETS_KEY, Backend, LoraTargets, quiet_imports
from train.plan.gpu_layout import STAGES
from train.recipe import SPLITS, TrainRecipe

FORMATS = ("unified_checkpoint", "sharding_io", "flex_checkpoint")
DEVICES = ("cpu", "gpu", "xpu", "npu", "iluvatar_gpu", "metax_gpu", "intel_hpu")
GRANULARITIES = ("full", "selective", "core_attn", "full_attn")

ONE_WORD: Mapping[str, tuple[str, ...]] = {
    BACKEND_KEY: tuple(backend.value for backend in Backend),
    LORA_TARGETS_KEY: tuple(targets.value for targets in LoraTargets),
    "compute_type": ("bf16", "fp16", "float32", "wint4", "wint8", "wint4/8", "nf4"),  # finetuning_args.py:311
    "fp16_opt_level": ("O0", "O1", "O2"),  # trainer/training_args.py:590
    "ckpt_quant_stage": ("O0", "O1", "O2"),  # trainer/training_args.py:1119
    "save_checkpoint_format": FORMATS,  # trainer/training_args.py:2890
    "load_checkpoint_format": FORMATS,  # trainer/training_args.py:2902
    "flex_ckpt_comm_method": ("auto", "broadcast", "parallel_broadcast"),  # trainer/training_args.py:1714
    "hybrid_parallel_topo_order": ("pp_first", "sharding_first"),  # trainer/training_args.py:2883
    "cp_balance_mode": ("dualchunk_allgather", "contiguous_allgather"),  # trainer/training_args.py:798
    "recompute_granularity": GRANULARITIES,  # transformers/utils.py:992, trainer/training_args.py:1903
    "recompute_mtp_granularity": GRANULARITIES,
    "recompute_method": ("uniform", "block"),  # trainer/training_args.py:928
    "recompute_mtp_method": ("uniform", "block"),
    "muon_qkv_update_mode": ("split_head", "split_qkv", "fused_qkv"),  # trainer/training_args.py:1602
    "muon_ns_coeff_type": (  # trainer/training_args.py:1663
        *("simple", "quintic", "polar_express", "aol", "deepseekv4", "custom"),
    ),
    "fine_tuning": ("LoRA", "full"),  # cli/hparams/model_args.py:238
    "dataset_type": ("iterable", "map"),  # datasets/loader.py:34; the others are for text alone
    "truncation_strategy": ("delete", "right", "left", "oral"),  # datasets/SFTDataset.py:97
    "template_backend": ("custom", "jinja"),  # cli/hparams/data_args.py:107
    "data_impl": ("mmap", "lazy"),  # data/indexed_dataset.py:64
    "video_frames_sample": ("middle", "rand", "leading"),  # cli/hparams/preprocess_args.py:59
    "decay_function": ("half_life", "1-sqrt"),  # cli/train/ernie_pretrain/src/lr_schedulers/wsd_lr.py:41
    "loss_type": (  # nn/criterion/dpo_loss.py:262
        *("sigmoid", "hinge", "simpo", "ipo", "dpop", "kto_pair", "sppo_hard", "nca_pair", "or"),
    ),
    "moe_group": ("mp", "dummy"),  # cli/hparams/model_args.py, its help
    "moe_token_dispatcher_type": ("deepep", "alltoall"),  # nn/moe_deepep/modular_moe_layer.py:176
    "moe_token_drop_policy": ("probs", "position"),  # nn/moe_deepep/moe_gate.py:516
    "position_embedding_type": ("rope", "mrope", "learned_absolute"),  # transformers/gpt_provider.py:121
    "normalization": ("RMSNorm", "LayerNorm"),  # transformers/qwen3_vl/modeling_fleet.py:82
    "weight_quantize_algo": (  # transformers/conversion_utils.py:63
        *("nf4", "fp4", "weight_only_int4", "weight_only_int8", "a8w8linear", "a8w4linear"),
    ),
}
"""The words of each key that takes one, spelled as PaddleFormers compares them."""

SEVERAL_WORDS: Mapping[str, tuple[str, ...]] = {
    "sharding": (*STAGES, "offload"),  # trainer/trainer_utils.py:519
    "freeze_config": ("freeze_vision", "freeze_llm", "freeze_aligner"),  # cli/utils/mllm_utils.py:159
    "internal_medicine_monitors": ("qk_stats", "moe_health", "massive_act", "all"),  # finetuning_args.py:74
    "unified_checkpoint_config": (  # trainer/training_args.py:2656
        *("skip_save_model_weight", "master_weight_compatible", "remove_master_weight", "async_save"),
        *("enable_all_options", "ignore_merge_optimizer"),
    ),
    "data_parallel_config": (  # trainer/training_args.py:2406
        *("enable_allreduce_avg_in_gradinent_scale", "gradient_sync_after_accumulate"),
    ),
    "sequence_parallel_config": ("enable_allreduce_avg_in_gradinent_scale",),  # :2421
    "tensor_parallel_config": (  # trainer/training_args.py:2055
        *("enable_mp_async_allreduce", "enable_mp_skip_c_identity", "enable_mp_fused_linear_param_grad_add"),
        *("enable_sp_async_reduce_scatter", "enable_delay_scale_loss"),
        *("sync_param", "sync_grad", "sync_moment"),
    ),
    "pipeline_parallel_config": (  # trainer/training_args.py:1954
        *("disable_p2p_cache_shape", "disable_partial_send_recv", "enable_delay_scale_loss"),
        *("enable_dp_comm_overlap", "enable_sharding_comm_overlap", "enable_timer", "enable_release_grads"),
        *("enable_clear_every_step_cache", "enable_overlap_p2p_comm", "disable_batch_p2p_comm"),
        *("best_unbalanced_scheduler", "enable_offload_queue", "use_dualpipev"),
        *("forward_backward_overlap_scheduler", "enable_dynamic_shape", "sync_moment", "sync_param"),
    ),
    "sharding_parallel_config": (  # trainer/training_args.py:2228
        *("enable_stage1_tensor_fusion", "enable_stage1_overlap", "enable_stage2_overlap", "split_param"),
        *("disable_stage1_reduce_avg", "enable_stage1_broadcast_overlap", "enable_stage1_allgather_overlap"),
        *("enable_release_grads", "enable_fuse_optimizer_states"),
    ),
}
"""The words of each key that takes several, with blanks or commas between them, or none."""

FREE_TEXT = frozenset(
    # Paths, names, and texts of a form of their own.
    (
        *("model_name_or_path", "tokenizer_name_or_path", "copy_custom_file_list", "pp_seg_method"),
        *("lora_path", "input_dir", "split", "train_dataset_path", "eval_dataset_path", "data_cache"),
        *("dataset_output_dir", "new_special_tokens_path", "custom_register_path", "packed_idx_cache_dir"),
        *("corpus_name", "prompt_dir", "tokenizer", "tokenizer_name", "output_dir", "logging_dir"),
        *("output_signal_dir", "run_name", "metric_for_best_model", "wandb_api_key", "wandb_http_proxy"),
        *("resume_from_checkpoint", "resume_from_huggingface_ckpt", "metrics_output_path"),
        *("nccl_comm_group_config", "estimation_output_file", "dataset_text_field"),
        *("adaptive_max_imgtoken_option", "adaptive_max_imgtoken_rate", "grounding_cache"),
        # Choices that nothing reads which trains Qwen3-VL, or paddlefleet alone.
        *("moe_multimodal_dispatch_use_allgather", "moe_gate", "image_dtype", "chat_template"),
        *("lr_scheduler", "cp_comm_type", "fp8", "sharding_parallel_mesh_dimension", "softmax_type"),
        "moe_router_load_balancing_type",
    )
)
"""The keys that take a text for which there is no list."""


SEPARATOR = re.compile(r"[\s,|]+")
DATA_SET_TYPES = ("messages", "erniekit")
"""Source: supported_type in datasets/reader/multi_source_datasets.py, line 122."""


@cache
def upstream_words() -> Mapping[str, tuple[str, ...]]:
    """Return the lists that PaddleFormers keeps itself, by key."""
    with quiet_imports():
        from paddleformers.datasets.reader.mix_datasets import CLASS_MAPPING
        from paddleformers.nn.attention.interface import AttentionInterface
        from paddleformers.trainer.integrations import INTEGRATION_TO_CALLBACK
        from paddleformers.trainer.trainer_utils import OptimizerNames, SchedulerType
        from paddleformers.utils.download.download import DownloadSource

    unsupported = OptimizerNames.ADAFACTOR  # listed, and refused when it is built: trainer/trainer.py:3510
    return {
        "_attn_implementation": tuple(AttentionInterface._global_mapping),
        "lr_scheduler_type": tuple(member.value for member in SchedulerType),
        "optim": tuple(member.value for member in OptimizerNames if member is not unsupported),
        "mix_strategy": tuple(CLASS_MAPPING),
        "download_hub": tuple(member.value for member in DownloadSource if member.value),
        "report_to": (*INTEGRATION_TO_CALLBACK, "all", "none"),
    }


def outside_lists(recipe: TrainRecipe) -> Iterator[str]:
    """Every choice has to be one that PaddleFormers knows: it refuses others late, or takes a default."""
    for name, value in recipe.values.items():
        known = {**ONE_WORD, **SEVERAL_WORDS, **upstream_words()}.get(name)
        if known is not None and isinstance(value, str | list):
            yield from _unknown_words(name, value, known)
    device = recipe.values.get("device")
    if isinstance(device, str) and not re.fullmatch(rf"({'|'.join(DEVICES)})(:\d+)?", device):
        yield _problem("device", device, DEVICES)
    for split in SPLITS:
        yield from _impossible_sources(recipe, split)


def _unknown_words(name: str, value: Any, known: tuple[str, ...]) -> Iterator[str]:
    words: Iterable[Any] = value if isinstance(value, list) else [value]
    if name in SEVERAL_WORDS:
        words = filter(None, SEPARATOR.split(str(value)))
    for word in words:
        same = [each for each in known if each == word or (name == "fine_tuning" and _alike(each, word))]
        if not same:
            yield _problem(name, word, known)


def _alike(one: str, other: Any) -> bool:
    return one.lower() == str(other).lower()  # as cli/hparams/model_args.py:238 compares


def _problem(name: str, word: Any, known: Iterable[str]) -> str:
    return f"{name}: '{word}' is none of {', '.join(known)}{suggestion(str(word), known)}"


def _impossible_sources(recipe: TrainRecipe, split: str) -> Iterator[str]:
    """Check the words that belong to the paths of a split: a type and a weight for each."""
    for word in _listed(recipe.values.get(f"{split}_dataset_type")):
        if word not in DATA_SET_TYPES:
            yield _problem(f"{split}_dataset_type", word, DATA_SET_TYPES)
    name, total = f"{split}_dataset_prob", 0.0
    words = _listed(recipe.values.get(name))
    for word in words:
        weight = _number(word)
        if not 0 <= weight < math.inf:
            yield f"{name}: '{word}' must be a number, at least 0, for each path"
            return
        total += weight
    if words and not total:
        yield f"{name}: '{recipe.get(name)}' takes no record: write more than 0 for a path"


def _listed(value: Any) -> list[str]:
    return [] if value is None else [word.strip() for word in str(value).split(",")]


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
