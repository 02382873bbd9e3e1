"""KL(tuned || base) of finished checkpoints, as `grounding_keep` measures it while a model trains.

The base answers the first questions of a data set's validation split; both models read the first tokens of
these answers (`train/keep/divergence.py`).
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from infer.asking.dataset_questions import read_questions
from infer.engines.checkpoint import find_checkpoint
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import chat_messages
from models.family import LoadOptions
from models.lookup import family_of_folder
from train.inside.answer_logits import AnsweredPrompts
from train.inside.asked_dataset import AskableModel
from train.keep.base_distributions import PROMPTS, TOKENS
from train.keep.divergence import packed, token_divergences
from train.keep.keep_prompts import KeepPrompt

BATCH = 16


def divergences(base: Path, tuned: Sequence[Path], dataset: Path, prompts: int = PROMPTS) -> list[float]:
    """Return the divergence of each tuned checkpoint from its base, in nats a token.

    Raises:
        UserError: a folder is no finished checkpoint, or not a prepared data set.
    """
    questions = read_questions(dataset, "val", prompts)
    asked = [KeepPrompt(tuple(chat_messages(each.request)), each.request.images) for each in questions]
    reader = _reader(base)
    answers = [tokens[:TOKENS] for tokens in reader.base_answers(asked, TOKENS)]
    before = [packed(logits) for logits in reader.read(asked, answers)]
    found = []
    for folder in tuned:
        rows = zip(_reader(folder).read(asked, answers), before, strict=True)
        each_token = [value for logits, row in rows for value in token_divergences(logits, row)]
        found.append(sum(each_token) / len(each_token))
    return found


def _reader(folder: Path) -> AnsweredPrompts:
    """Return what reads answers with the model of a checkpoint, on the processor."""
    place = find_checkpoint(folder)
    family = family_of_folder(place.model)
    model: Any = family.load_model(place.model, place.adapter, LoadOptions("float32", has_gpu=False))
    encoder = family.load_encoder(place.processor)
    loaded = SimpleNamespace(
        family=family,
        encoder=encoder,
        model=model,
        engine=lambda longest: PaddleEngine.from_model(model, encoder, max_new_tokens=longest),
        trainer=SimpleNamespace(autocast_smart_context_manager=nullcontext),
    )
    return AnsweredPrompts(cast(AskableModel, loaded), BATCH)
