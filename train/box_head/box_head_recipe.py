"""The recipe of `python -m train.box_head`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grounding.layout import BOX_HEAD_FILE, BOX_HEAD_FOLDER
from grounding.recipe.schema import setting
from infer.engines.settings import check_counts
from infer.sampling.sample_settings import SampleSettings, folder_beside
from models.heads.box_losses import LossWeights

FITTED_KEYS = (
    *(
        "hidden",
        "dropout",
        "l1_weight",
        "giou_weight",
        "match_weight",
        "balance",
        "held_out",
        "epochs",
        "box_batch",
    ),
    *("learning_rate", "weight_decay"),
)
"""The keys that change the head, but not the answers that it learns from."""


@dataclass(frozen=True, kw_only=True)
class BoxHeadRecipe(SampleSettings):
    """Whose boxes are corrected, which answers the head learns from, and how."""

    checkpoint: str = setting("model folder, LoRA run's folder, or model on a hub")
    dataset: str = setting("prepared data set whose training questions are asked")
    output_dir: str | None = setting(
        f"folder of {BOX_HEAD_FILE} (null: {BOX_HEAD_FOLDER}/ in the checkpoint's folder)", None
    )
    answers: int = setting("answers sampled per question", 2)
    limit: int | None = setting("ask the first N questions only (null: all)", 2000)
    hidden: int = setting("width of the head's hidden layers", 128)
    dropout: float = setting("share of the hidden units that are left out of each step", 0.5)
    l1_weight: float = setting(
        "weight of the distance of matched boxes, in shares of the image", LossWeights.l1
    )
    giou_weight: float = setting("weight of 1 - GIoU of matched boxes", LossWeights.giou)
    match_weight: float = setting("weight of the binary cross entropy of the match", LossWeights.match)
    balance: bool = setting("small, medium and large boxes count the same together (COCO's sizes)", True)
    held_out: float = setting("share of the images that the best epoch is chosen by", 0.1)
    epochs: int = setting("passes over the boxes", 60)
    box_batch: int = setting("boxes in a batch", 256)
    learning_rate: float = setting("of AdamW, falling to 0 as a cosine", 1.0e-3)
    weight_decay: float = setting("of AdamW, multiplied by the learning rate", 1.0)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        super().__post_init__()
        if self.engine != "paddle":
            raise ValueError(
                f"engine: a box head reads hidden states, which engine={self.engine} does not have: set "
                "engine=paddle"
            )
        check_counts(self, ("hidden", "epochs", "box_batch"))
        for key in ("l1_weight", "giou_weight", "match_weight", "weight_decay"):
            if not 0 <= getattr(self, key) < float("inf"):
                raise ValueError(f"{key}: {getattr(self, key)} is not 0 or more")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate: {self.learning_rate} is not above 0")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: {self.dropout} is not 0 or more and below 1")
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out: {self.held_out} is not above 0 and below 1")

    @property
    def loss_weights(self) -> LossWeights:
        """The weights of the terms of the loss."""
        return LossWeights(self.l1_weight, self.giou_weight, self.match_weight)

    @property
    def dataset_path(self) -> Path:
        """The data set's folder."""
        return Path(self.dataset)

    @property
    def output_path(self) -> Path:
        """The folder of the head.

        Raises:
            UserError: none is set, and the checkpoint is no folder of this machine.
        """
        return folder_beside(self.output_dir, self.checkpoint, BOX_HEAD_FOLDER)

    def kept_keys(self) -> dict[str, Any]:
        """Return the keys that change the head, for its card; folders are told by their fingerprints."""
        fitted = {key: value for key, value in asdict(self).items() if key in FITTED_KEYS}
        return self.sampled_keys(Path(self.checkpoint)) | {"limit": self.limit} | fitted
