"""What the engine on PaddlePaddle makes of the questions."""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from grounding.errors import UserError
from infer.confidence.calibration import Calibration
from infer.confidence.calibration_place import calibration_path, find_calibration
from infer.engines.checkpoint import Checkpoint
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import Request
from infer.engines.settings import EngineSettings
from infer.parity.frozen_prompts import AskedPrompt
from infer.parity.score_stage import with_alternatives
from infer.parity.seen import SeenAnswer, SeenByEngine, SeenInputs, one_image_token, seen_answer
from models.folder_files import IMAGE_CONFIG, read_object

log = logging.getLogger(__name__)

PILLOW_BICUBIC = 3
"""The filter of the resize where the image processor's settings name none."""


class PaddleSide:
    """A loaded checkpoint, which is asked once, when the answers are wanted."""

    def __init__(
        self, settings: EngineSettings, checkpoint: Checkpoint, asked: Sequence[AskedPrompt]
    ) -> None:
        """Load the checkpoint.

        Raises:
            UserError: it cannot be loaded.
        """
        self.engine, self.asked, self.batch_size = PaddleEngine(settings), asked, settings.batch_size
        self.tokenizer: Any = self.engine.encoder.tokenizer
        config = self.engine.model.config
        self.image_token: int = config.image_token_id
        self.patch: int = config.vision_config.patch_size
        self.calibration = _calibration_of(settings, checkpoint)
        image = read_object(checkpoint.processor / IMAGE_CONFIG)
        self._settings = {
            "dtype": str(next(iter(self.engine.model.parameters())).dtype).rpartition(".")[2],
            "resample": image.get("resample", PILLOW_BICUBIC),
            "patch_size": self.patch,
            **(image.get("size") or {}),
        }

    def inputs(self) -> SeenByEngine:
        """Return what goes into the model, without answers."""
        return self._seen(SeenAnswer("", inputs=inputs) for inputs in self._inputs)

    def answers(self) -> SeenByEngine:
        """Return inputs and answers."""
        return self._seen(self._answers)

    def _seen(self, answers: Any) -> SeenByEngine:
        return SeenByEngine("paddle", tuple(answers), self._settings)

    @cached_property
    def _inputs(self) -> list[SeenInputs]:
        return [self._encode(each.request) for each in self.asked]

    def _encode(self, request: Request) -> SeenInputs:
        prompt = self.engine.encode(request)
        return SeenInputs(
            one_image_token(prompt.token_ids, self.image_token),
            tuple((rows, columns) for _, rows, columns in prompt.image_grid_thw.tolist()),
            prompt.pixel_values.numpy(),
            self.engine.family.prompt_positions(self.engine.model.config.to_dict(), prompt),
        )

    @cached_property
    def _answers(self) -> list[SeenAnswer]:
        from tqdm import tqdm

        answers = []
        with tqdm(total=len(self.asked), unit="prompt", desc="paddle") as bar:
            for start in range(0, len(self.asked), self.batch_size):
                batch = self.asked[start : start + self.batch_size]
                answers += self.engine.answer([with_alternatives(each.request) for each in batch])
                bar.update(len(batch))
        return [
            seen_answer(answer.text, answer.tokens, answer.prompt_tokens, inputs)
            for answer, inputs in zip(answers, self._inputs, strict=True)
        ]


def _calibration_of(settings: EngineSettings, checkpoint: Checkpoint) -> Calibration | None:
    """Return the calibration beside a checkpoint; None, and no comparison, without one that fits."""
    if not calibration_path(settings, checkpoint).is_file():
        return None
    try:
        return find_calibration(settings, checkpoint)
    except UserError as error:
        log.warning("calibrated scores are not compared: %s", error)
        return None
