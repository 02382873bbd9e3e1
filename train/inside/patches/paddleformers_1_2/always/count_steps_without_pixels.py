"""Count the steps of a run by the lengths of its records, without decoding their images.

Upstream: with max_steps -1, estimate_training (paddleformers/datasets/data_utils.py, line 188; called by
    cli/train/sft/workflow.py, line 666) encodes all records with their images in one process before the first
    step, at every start and every resume. A data set of type `map` with packing does so in
    MapSFTDataset._compute_packed_idx (paddleformers/datasets/SFTDataset.py, line 1004), in every process.
Patch: for these two, the data set gives records of the same lengths that have no tokens and no images
    (train/lengths/); PaddleFormers' own code packs and counts them. An image that is damaged behind a sound
    header is counted as a record, and dropped when the run comes to it.
Remove: when PaddleFormers counts by the sizes in the images' headers.
"""

from collections.abc import Mapping
from typing import Any

from train.lengths.measured_datasets import measured_records
from train.recipe import TrainRecipe


def count_steps_without_pixels(recipe: Mapping[str, Any]) -> str:
    """Measure records wherever PaddleFormers encodes them for their lengths alone."""
    from paddleformers.cli.train.sft import workflow
    from paddleformers.datasets.SFTDataset import MapSFTDataset

    estimate, pack = workflow.estimate_training, MapSFTDataset._compute_packed_idx
    files = {split: TrainRecipe(recipe).data_files(split) for split in ("train", "eval")}

    def estimate_training(dataset: Any, *arguments: Any, **options: Any) -> Any:
        with measured_records(dataset, files["train"]):
            return estimate(dataset, *arguments, **options)

    def compute_packed_idx(self: Any) -> Any:
        with measured_records(self, files["eval" if self.is_valid else "train"]):
            return pack(self)

    workflow.estimate_training, MapSFTDataset._compute_packed_idx = estimate_training, compute_packed_idx
    return "count_steps_without_pixels"
