"""The loss of coordinates beside the cross entropy, in PaddleFormers' trainer and collator."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from train.inside.patches.paddleformers_1_2.on_demand.sharpen_coordinates import CURVE, sharpen_coordinates
from train.inside.patches.paddleformers_1_2.plain_classes.learn_in_blocks import learn_in_blocks
from train.objectives.coordinates.coordinate_batches import CODES_KEY
from train.objectives.coordinates.coordinate_loss import coordinate_loss
from train.objectives.coordinates.coordinate_settings import CoordinateSettings
from train.objectives.coordinates.distance_targets import NO_DIGIT, digit_code

SETTINGS = CoordinateSettings(weight=0.5, tau=50.0)
BOX = "<|object_ref_start|>bus 12<|object_ref_end|><|box_start|>(7,499),(88,1000)<|box_end|>"
CODES = [digit_code(number, place) for number in (7, 499, 88, 1000) for place in range(len(str(number)))]
NO_BOX = "None of them is in the image."


@pytest.fixture
def sft(monkeypatch: pytest.MonkeyPatch) -> Any:
    """PaddleFormers' workflow with the patch and without a trainer's own beginning, until the test ends."""
    from paddleformers.cli.train.sft import workflow
    from paddleformers.cli.train.sft.sft_trainer import SFTTrainer
    from paddleformers.nn.criterion.interface import CriterionLayer
    from paddleformers.nn.lm_head import LMHead
    from paddleformers.trainer import Trainer

    from models.qwen3_vl.plain_classes import PLAIN_CLASSES, plain_class

    for layer in (LMHead, CriterionLayer, *map(plain_class, PLAIN_CLASSES)):
        monkeypatch.setattr(layer, "forward", layer.forward)

    def begin(self: Any, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer, self.criterion = model, tokenizer, None
        self.args, self.using_fleet_model = SimpleNamespace(past_index=-1), False

    monkeypatch.setattr(SFTTrainer, "__init__", begin)
    monkeypatch.setattr(SFTTrainer, "compute_loss", SFTTrainer.compute_loss)
    monkeypatch.setattr(SFTTrainer, "log", SFTTrainer.log)
    monkeypatch.setattr(Trainer, "log", lambda self, logs, **options: None)
    monkeypatch.setattr(workflow, "mm_collate_fn", workflow.mm_collate_fn)
    learn_in_blocks()
    sharpen_coordinates(SETTINGS)
    return workflow


@pytest.fixture
def trainer(sft: Any, tiny_model: Path, load_model: Callable[[Path], Any]) -> Any:
    from paddleformers.transformers import AutoTokenizer

    return sft.SFTTrainer(load_model(tiny_model), AutoTokenizer.from_pretrained(str(tiny_model)))


@pytest.fixture
def collate(sft: Any, trainer: Any) -> Callable[..., dict[str, Any]]:
    """Make a batch of packs of answers, as the data loader does; the questions are two tokens."""
    from paddleformers.datasets.SFTDataset import Sequence as Encoded

    def encoded(answer: str) -> Any:
        ids = [5, 6, *trainer.tokenizer(f"{answer}<|im_end|>")["input_ids"]]
        return Encoded(ids, list(range(len(ids))), [-100, *ids[2:], -100], 1, mm_inputs={})

    def make(packs: Sequence[Sequence[str]], *, length: int | None = None, padding_free: bool = False) -> Any:
        sizes = SimpleNamespace(
            num_nextn_predict_layers=0,
            context_parallel_size=1,
            sequence_parallel=False,
            tensor_model_parallel_size=1,
            fp8=False,
        )
        masks = SimpleNamespace(use_attn_mask_startend_row_indices=False, use_global_causal_attn=False)
        return sft.mm_collate_fn(
            [[encoded(answer) for answer in pack] for pack in packs],
            template=None,
            processor=None,
            tokenizer=trainer.tokenizer,
            training_args=sizes,
            model_args=masks,
            max_seq_len=length,
            padding_free=padding_free,
            model=trainer.model,
        )

    return make


def codes_of(batch: dict[str, Any]) -> list[list[int]]:
    """The codes of each row; a digit's label must be its token."""
    codes, labels = batch[CODES_KEY].numpy(), batch["labels"].numpy()
    assert codes.shape == labels.shape
    assert (labels[codes != NO_DIGIT] != -100).all()
    return [[int(code) for code in row if code != NO_DIGIT] for row in codes]


def test_batches_say_which_labels_are_digits_of_boxes(collate: Callable[..., dict[str, Any]]) -> None:
    assert codes_of(collate([[BOX], [NO_BOX], [f"{BOX}, {BOX}"]])) == [CODES, [], CODES * 2]
    packed = collate([[BOX, NO_BOX, BOX], [NO_BOX]], length=128)
    assert packed["labels"].shape == [2, 128]
    assert codes_of(packed) == [CODES * 2, []]
    assert codes_of(collate([[BOX], [NO_BOX, BOX]], padding_free=True)) == [CODES * 2]


def run(trainer: Any, batch: dict[str, Any]) -> Any:
    """A batch's loss as the trainer computes it."""
    return trainer.compute_loss(trainer.model, dict(batch)).numpy()


def without_codes(trainer: Any, batch: dict[str, Any]) -> Any:
    """The cross entropy of a batch, by the model itself."""
    return trainer.model(**{name: value for name, value in batch.items() if name != CODES_KEY}).loss.numpy()


def test_the_loss_is_added_in_training_and_is_a_curve(
    trainer: Any, collate: Callable[..., dict[str, Any]]
) -> None:
    batch = collate([[BOX], [NO_BOX]])
    trainer.model.train()
    plain = without_codes(trainer, batch)
    hidden: list[Any] = []
    watched = trainer.model.lm_head.register_forward_pre_hook(lambda _, given: hidden.append(given[0]))
    loss = run(trainer, batch)
    watched.remove()
    head = trainer.model.lm_head.weight
    own = float(coordinate_loss(hidden[0], head, batch[CODES_KEY], trainer.grounding_digit_ids, SETTINGS.tau))
    assert own > 0.1
    assert float(loss) == pytest.approx(float(plain) + SETTINGS.weight * own, rel=1e-6)
    logs: dict[str, float] = {"loss": float(loss)}
    trainer.log(logs)
    assert logs[CURVE] == pytest.approx(own, rel=1e-6)
    later: dict[str, float] = {"loss": 1.0}
    trainer.log(later)
    assert CURVE not in later


def test_without_a_box_and_at_an_evaluation_it_is_the_cross_entropy_to_the_bit(
    trainer: Any, collate: Callable[..., dict[str, Any]]
) -> None:
    trainer.model.train()
    batch = collate([[NO_BOX], [NO_BOX]])
    assert run(trainer, batch).tobytes() == without_codes(trainer, batch).tobytes()
    trainer.model.eval()
    batch = collate([[BOX], [NO_BOX]])
    assert run(trainer, batch).tobytes() == without_codes(trainer, batch).tobytes()
    assert trainer.grounding_coordinate_losses == []


def test_steps_move_the_digits_towards_the_target(
    trainer: Any, collate: Callable[..., dict[str, Any]]
) -> None:
    import paddle

    trainer.model.train()
    batch = collate([[BOX], [f"{BOX}, {BOX}"]])
    optimizer = paddle.optimizer.AdamW(3e-3, parameters=trainer.model.parameters())
    for _ in range(12):
        trainer.compute_loss(trainer.model, dict(batch)).backward()
        optimizer.step()
        optimizer.clear_grad()
    losses = list(map(float, trainer.grounding_coordinate_losses))
    assert losses[-1] < losses[0] / 2


def test_a_head_that_ignores_it_ends_the_run(
    trainer: Any, collate: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.model.train()
    monkeypatch.setattr(trainer.model.criterion, "loss_type", "dpo")  # labels are not passed to the head
    monkeypatch.setattr(type(trainer.model.criterion), "forward", lambda *given: (given[1].sum(), None))
    with pytest.raises(RuntimeError, match="computed the loss of coordinates 0 times"):
        trainer.compute_loss(trainer.model, dict(collate([[BOX]])))
