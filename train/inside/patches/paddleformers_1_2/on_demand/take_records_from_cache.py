"""Take encoded records from a cache on the disk (`python -m train.cache`).

Upstream: BaseSFTDataset._process_sft_sequence (paddleformers/datasets/SFTDataset.py, line 657) decodes,
    resizes and tokenises a record whenever it is read. make_offline_data (cli/train/sft/workflow.py, line
    466) stores texts without pictures; packed_idx_cache_dir stores which records go into a pack, and nothing
    that says for which data and settings. mm_collate_fn (datasets/collate.py, line 636) computes positions.
Patch: data sets read records from the cache (train/cached/), and the collator takes the positions from there.
    Reading files, mixing, shuffling, packing and dividing the records stay PaddleFormers'.
Remove: when PaddleFormers stores encoded records with their pictures, and refuses them when anything changed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.cached.cached_datasets import read_from_cache
from train.recipe import uses_fleet


def take_records_from_cache(cache: Path, recipe: Mapping[str, Any]) -> str:
    """Let data sets and collator of the stage VL-SFT use a cache."""
    from paddleformers.cli.train.sft import workflow

    from train.cached.cached_positions import with_cached_positions

    read_from_cache(cache)
    if not uses_fleet(recipe):
        workflow.mm_collate_fn = with_cached_positions(workflow.mm_collate_fn)
    return "take_records_from_cache"
