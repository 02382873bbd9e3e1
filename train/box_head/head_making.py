"""Make the box head of a checkpoint: ask, read, match, fit, save."""

from pathlib import Path

from grounding.card import load_card
from grounding.errors import UserError
from grounding.layout import BOX_HEAD_FILE
from grounding.tables import format_table
from models.folder_files import CONFIG_FILE, read_object
from models.heads.box_file import BoxHead, BoxHeadCard, read_box_head, save_box_head
from models.hub_downloads import is_hub_id
from train.box_head.answered_boxes import base_folder_of, fingerprint_of, forget_states, read_learned_boxes
from train.box_head.box_head_recipe import BoxHeadRecipe
from train.box_head.head_fitting import fit_head
from train.box_head.learned_boxes import LearnedBoxes

FEWEST_MATCHED, FEWEST_IMAGES = 20, 2
"""Matched boxes that a head needs at least, and images with one: some are held out."""


def make_box_head(recipe: BoxHeadRecipe) -> str:
    """Train a head on a checkpoint's own answers, save it, and return the report.

    Interrupted runs resume. A head of the same checkpoint, data set and keys is kept.

    Raises:
        UserError: no data set, no checkpoint, a file that cannot be written, or too few boxes.
    """
    if recipe.output_dir is None and is_hub_id(recipe.checkpoint):
        raise UserError(f"output_dir: {recipe.checkpoint} lies in the cache of a hub: set output_dir=")
    path = recipe.output_path / BOX_HEAD_FILE
    fingerprint, source = fingerprint_of(recipe), load_card(recipe.dataset_path).source_fingerprint
    known = _known_card(path, recipe)
    if known is not None and (known.checkpoint, known.dataset) == (fingerprint, source):
        return f"{_report(known)}\n{path}: complete already"
    boxes = read_learned_boxes(recipe)
    _check_enough(boxes, recipe)
    assert boxes is not None
    fitted = fit_head(boxes, recipe)
    card = BoxHeadCard(
        checkpoint=fingerprint,
        trained_on=fingerprint,
        family=str(read_object(base_folder_of(recipe) / CONFIG_FILE)["model_type"]),
        width=int(boxes.states.shape[-1]),
        hidden=recipe.hidden,
        dataset=source,
        images=len(set(boxes.images.tolist())),
        boxes=boxes.count,
        matched=int(boxes.matched.sum()),
        settings=recipe.kept_keys(),
        measured=fitted.measured,
    )
    save_box_head(BoxHead(fitted.weights, card), path)
    forget_states(recipe.output_path)
    return f"{_report(card)}\n{path}"


def _known_card(path: Path, recipe: BoxHeadRecipe) -> BoxHeadCard | None:
    """Return the card of a head that is there already, if it was made with these keys."""
    if recipe.overwrite or not path.is_file():
        return None
    card = read_box_head(path).card
    return card if card.settings == recipe.kept_keys() else None


def _check_enough(boxes: LearnedBoxes | None, recipe: BoxHeadRecipe) -> None:
    matched = 0 if boxes is None else int(boxes.matched.sum())
    images = 0 if boxes is None else len(set(boxes.images[boxes.matched > 0].tolist()))
    if matched < FEWEST_MATCHED or images < FEWEST_IMAGES:
        raise UserError(
            f"{recipe.checkpoint}: {matched} of its boxes in {images} images match an object, a head needs "
            f"{FEWEST_MATCHED} in {FEWEST_IMAGES}: train the model longer, or set limit= to more questions"
        )


def _report(card: BoxHeadCard) -> str:
    """Return what the head does to boxes of images that were held out."""
    figures = card.measured
    rows = [
        [name, *(f"{figures[f'{key}_{kind}']:.4f}" for kind in ("text", "head"))]
        for name, key in (("mean IoU", "mean_iou"), ("share at IoU 0.9", "share_at_90"))
        if f"{key}_text" in figures
    ]
    rows.append(
        [
            "cross entropy of the match",
            *(f"{figures[key]:.4f}" for key in ("match_loss_before", "match_loss")),
        ]
    )
    head = f"{card.boxes:,} boxes in {card.images:,} images, {card.matched:,} of them match an object"
    return f"{head}\n\n{format_table(['held-out boxes', 'text', 'head'], rows)}\n"
