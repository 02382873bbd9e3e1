"""Ask every engine the same questions, and compare each with the one on PaddlePaddle."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from infer.asking.candidates.given_candidates import without_candidates
from infer.asking.dataset_questions import read_questions
from infer.confidence.calibration import Calibration
from infer.engines.checkpoint import Checkpoint
from infer.engines.paddle.devices import choose_device
from infer.parity.answer_stages import decoding_difference, first_server_difference, first_token_difference
from infer.parity.equal_boxes import EqualBoxes, count_equal_boxes
from infer.parity.frozen_prompts import QUESTIONS, SIZES, AskedPrompt, frozen_prompts
from infer.parity.input_stages import first_input_difference
from infer.parity.parity_settings import ParitySettings
from infer.parity.score_stage import score_difference
from infer.parity.seen import SeenByEngine
from infer.parity.sides.paddle_side import PaddleSide
from infer.parity.sides.server_side import ask_server
from infer.parity.sides.torch_side import TorchSide
from infer.parity.stages import Difference, SideBySide, pair_answers


@dataclass(frozen=True)
class EngineReport:
    """How an engine compares: the boxes that are equal, and the first stage that differs.

    `boxes` is None where a stage before the answers differs already, so that none were compared.
    """

    name: str
    prompts: int
    boxes: EqualBoxes | None
    difference: Difference | None

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs but roundings."""
        return self.difference is None

    @property
    def text(self) -> str:
        """The report in one line."""
        said = f"{self.name}, {self.prompts} prompts: "
        if self.boxes is not None:
            texts = f"; {self.boxes.boxless} without a box, compared as text" if self.boxes.boxless else ""
            said += f"{self.boxes.share:.1%} equal boxes ({self.boxes.equal} of {self.boxes.boxes}{texts}): "
        if self.difference is None:
            return f"{said}the same as paddle"
        return f"{said}the first stage that differs is {self.difference.stage}: {self.difference.detail}"


def compare_engines(folder: Path, settings: ParitySettings) -> list[EngineReport]:
    """Ask Paddle, transformers and a server, as far as the settings name them, and report on each.

    Raises:
        UserError: the checkpoint is incomplete, transformers is not there, or the server does not answer.
    """
    own = settings.paddle_settings(folder)
    checkpoint = own.resolve_checkpoint()
    assert checkpoint is not None
    with tempfile.TemporaryDirectory(prefix="parity_") as name:
        asked = _questions(settings, Path(name))
        with _torch(settings, folder, checkpoint, asked, Path(name)) as torch:
            # transformers works meanwhile.
            server = None if settings.base_url is None else ask_server(settings, folder, asked)
            paddle = PaddleSide(own, checkpoint, asked)
            reports = [] if torch is None else [_compare_torch(paddle, torch)]
            return reports if server is None else [*reports, _compare_server(paddle, server)]


def _compare_torch(paddle: PaddleSide, torch: TorchSide) -> EngineReport:
    """Compare what goes into the models, only if that is equal the first tokens, and then the answers."""
    inputs = _paired(paddle, paddle.inputs(), torch.inputs(paddle.image_token))
    if (difference := first_input_difference(inputs)) is not None:
        return EngineReport(torch.name, len(inputs.pairs), None, difference)
    first = _paired(paddle, paddle.answers(), torch.first_tokens(paddle.tokenizer, paddle.image_token))
    if (difference := first_token_difference(first)) is not None:
        return EngineReport(torch.name, len(first.pairs), None, difference)
    whole = _paired(paddle, paddle.answers(), torch.answers(paddle.tokenizer, paddle.image_token))
    return _report(whole, None, paddle.calibration)


def _compare_server(paddle: PaddleSide, server: SeenByEngine) -> EngineReport:
    compared = _paired(paddle, paddle.answers(), server)
    return _report(compared, first_server_difference(compared), paddle.calibration)


def _paired(paddle: PaddleSide, ours: SeenByEngine, theirs: SeenByEngine) -> SideBySide:
    return pair_answers(paddle.asked, ours, theirs, paddle.tokenizer, paddle.patch)


def _report(
    compared: SideBySide, difference: Difference | None, calibration: Calibration | None
) -> EngineReport:
    boxes = count_equal_boxes(compared.pairs)
    if difference is None:
        difference = (
            score_difference(compared, calibration) if boxes.is_enough else decoding_difference(compared)
        )
    return EngineReport(compared.theirs.name, len(compared.pairs), boxes, difference)


def _questions(settings: ParitySettings, folder: Path) -> list[AskedPrompt]:
    if settings.dataset is None:
        if settings.prompts > (most := len(SIZES) * len(QUESTIONS)):
            raise UserError(f"prompts: {settings.prompts} is more than {most}: name a dataset, or ask fewer")
        return frozen_prompts(folder, settings.prompts, settings.pictures)
    read = read_questions(Path(settings.dataset), "val", settings.prompts)
    questions = [without_candidates(question) for question in read]
    return [AskedPrompt(question.request, question.asked) for question in questions]


@contextmanager
def _torch(
    settings: ParitySettings,
    folder: Path,
    checkpoint: Checkpoint,
    asked: Sequence[AskedPrompt],
    work: Path,
) -> Iterator[TorchSide | None]:
    """Start transformers, if it is wanted."""
    if settings.torch_path is None:
        yield None
        return
    if checkpoint.adapter is not None and settings.torch_checkpoint is None:
        raise UserError(
            f"{folder}: transformers loads no adapter of PaddleFormers: export the run (python -m "
            "train.export) and set torch_checkpoint= to its export folder, or set torch_python=null"
        )
    other = Path(settings.torch_checkpoint or checkpoint.model)
    if not other.is_dir():
        raise UserError(f"torch_checkpoint: {other} is no folder")
    options = {
        "dtype": _torch_dtype(settings),
        "device": settings.device,
        "batch_size": settings.batch_size,
        "max_new_tokens": settings.max_new_tokens,
    }
    with TorchSide(settings.torch_path, other, asked, work, **options) as torch:
        yield torch


def _torch_dtype(settings: ParitySettings) -> str:
    """Return the type in which transformers loads the weights: that of Paddle, unless another is wanted."""
    wanted = [each for each in (settings.torch_dtype, settings.dtype) if each != "auto"]
    return (wanted or ["float32" if choose_device(settings.device) == "cpu" else "bfloat16"])[0]
