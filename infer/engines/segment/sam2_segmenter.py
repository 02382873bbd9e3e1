"""Masks by SAM 2, as transformers has it.

Source: Ravi et al., SAM 2: Segment Anything in Images and Videos, 2024. Runs in a Python with torch
(`make setup-sam`); Paddle is not imported here.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from grounding.boxes import Size
from grounding.images.pixels import model_pixels
from infer.engines.kept import Kept
from infer.engines.segment.mask_request import MaskRequest, digest_of
from infer.engines.segment.sam2_model import load_sam2
from infer.engines.segment.sam2_pictures import masks_at_size
from infer.engines.segment.segmenter import MaskPrompt, ScoredMask, check_inside
from infer.engines.segment.segmenter_settings import SegmenterSettings


@dataclass(frozen=True, eq=False)
class ReadPicture:
    """What the model made of a picture: features at three scales, shape (1, channels, height, width)."""

    features: tuple[torch.Tensor, ...]

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return sum(each.numel() * each.element_size() for each in self.features)


class Sam2Segmenter:
    """A model that reads each picture once, whatever is asked about it.

    One click can mean a part or the whole, so that it gets three masks, the one with the best score first.
    More clicks, or a box, get the one mask that the model takes for right. Reading a picture takes most of
    the time, and is done in half precision on a GPU; prompts are answered in float32, as half of it
    cannot tell neighbouring pixels apart.
    """

    def __init__(self, settings: SegmenterSettings) -> None:
        """Load the model.

        Raises:
            UserError: as `load_sam2`.
        """
        self.model, self.pictures, self.device = load_sam2(settings)
        half = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        self.dtype = half if settings.dtype == "auto" else getattr(torch, settings.dtype)
        self.batch_size = settings.batch_size
        self._kept = Kept(settings.cache_bytes)

    def segment(self, picture: Image.Image, prompt: MaskPrompt) -> tuple[ScoredMask, ...]:
        """Return the masks of one prompt, the best first.

        Raises:
            UserError: as `check_inside`.
        """
        upright = model_pixels(picture)
        return self.answer([MaskRequest(upright, digest_of(upright), prompt)])[0]

    def answer(self, requests: Sequence[MaskRequest]) -> list[tuple[ScoredMask, ...]]:
        """Return the masks of several prompts, in their order; each as if it was asked alone.

        Raises:
            UserError: as `check_inside`.
        """
        for request in requests:
            check_inside(request.prompt, Size(*request.picture.size))
        read = self._read(requests)
        alike: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for place, request in enumerate(requests):  # padding would be seen by the model
            alike[len(request.prompt.clicks), request.prompt.box is not None].append(place)
        answers: dict[int, tuple[ScoredMask, ...]] = {}
        for places in alike.values():
            for start in range(0, len(places), self.batch_size):
                part = places[start : start + self.batch_size]
                asked = [requests[place] for place in part]
                answers |= zip(part, self._decode(asked, [read[each.digest] for each in asked]), strict=True)
        return [answers[place] for place in range(len(requests))]

    def _read(self, requests: Sequence[MaskRequest]) -> dict[str, ReadPicture]:
        """Return what the model makes of the pictures, by their digests."""
        pictures = {request.digest: request.picture for request in requests}
        read = {digest: kept for digest in pictures if (kept := self._kept.find(digest)) is not None}
        missing = [digest for digest in pictures if digest not in read]
        for start in range(0, len(missing), self.batch_size):
            digests = missing[start : start + self.batch_size]
            inputs = torch.stack([self.pictures.tensor(pictures[digest]) for digest in digests])
            for digest, features in zip(digests, self._embed(inputs.to(self.device)), strict=True):
                read[digest] = features
                self._kept.put(digest, features)
        return read

    def _embed(self, inputs: torch.Tensor) -> list[ReadPicture]:
        is_half = self.dtype != torch.float32
        precision = torch.autocast(self.device.type, self.dtype) if is_half else nullcontext()
        with torch.inference_mode(), precision:
            scales = self.model.get_image_embeddings(inputs)
        return [
            ReadPicture(tuple(scale[row : row + 1].to(self.dtype).clone() for scale in scales))
            for row in range(len(inputs))
        ]

    def _decode(
        self, requests: Sequence[MaskRequest], read: Sequence[ReadPicture]
    ) -> list[tuple[ScoredMask, ...]]:
        """Answer prompts of one form in one pass."""
        first, sizes = requests[0].prompt, [Size(*request.picture.size) for request in requests]
        prompts = [request.prompt for request in requests]
        inputs: dict[str, Any] = {}
        if first.clicks:
            points = [self.pictures.points(*each) for each in zip(prompts, sizes, strict=True)]
            labels = [[int(click.is_positive) for click in prompt.clicks] for prompt in prompts]
            inputs["input_points"] = torch.stack(points)[:, None].to(self.device)
            inputs["input_labels"] = torch.tensor(labels)[:, None].to(self.device)
        if first.box is not None:
            boxes = [self.pictures.box(*each) for each in zip(prompts, sizes, strict=True)]
            inputs["input_boxes"] = torch.stack(boxes)[:, None].to(self.device)
        scales = zip(*(each.features for each in read), strict=True)
        with torch.inference_mode():
            seen = self.model(
                image_embeddings=[torch.cat(scale).float() for scale in scales],
                multimask_output=first.is_ambiguous,
                **inputs,
            )
        logits, scores = seen.pred_masks[:, 0].float().cpu(), seen.iou_scores[:, 0].float().cpu()
        return [_best_first(*each) for each in zip(logits, scores, sizes, strict=True)]


def _best_first(logits: torch.Tensor, scores: torch.Tensor, size: Size) -> tuple[ScoredMask, ...]:
    order = torch.argsort(scores, descending=True, stable=True)
    masks = masks_at_size(logits[order], size)
    return tuple(ScoredMask(*each) for each in zip(masks, scores[order].tolist(), strict=True))
