"""The log-probabilities of pairs are those of supervised fine-tuning, and depend on the picture."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.train.pair_files import write_pairs
from tests.train.several_pictures import write_pairs_about_two
from train.inside.patches.paddleformers_1_2.plain_classes.learn_in_blocks import learn_in_blocks
from train.inside.patches.paddleformers_1_2.preferences.read_pairs_as_records import read_pairs_as_records
from train.objectives.preferences.answer_logps import AnswerLogps
from train.objectives.preferences.pair_batches import collate_pairs
from train.objectives.preferences.preference_trainer import logps_of, preference_trainer
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe, resolve_recipe

ARGUMENTS = SimpleNamespace(
    context_parallel_size=1,
    tensor_model_parallel_size=1,
    sequence_parallel=False,
    fp8=False,
    num_nextn_predict_layers=0,
)


@pytest.fixture(autouse=True)
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the patches, and undo them at the end of a test."""
    from paddleformers.datasets.DPODataset import BaseDPODataSet
    from paddleformers.nn.criterion.interface import CriterionLayer
    from paddleformers.nn.lm_head import LMHead

    from models.qwen3_vl.plain_classes import PLAIN_CLASSES, plain_class

    for layer in (LMHead, CriterionLayer, *map(plain_class, PLAIN_CLASSES)):
        monkeypatch.setattr(layer, "forward", layer.forward)
    monkeypatch.setattr(BaseDPODataSet, "_postprocess_sequence", BaseDPODataSet._postprocess_sequence)
    learn_in_blocks()
    read_pairs_as_records()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), train=6)


@pytest.fixture
def model(tiny_model: Path, load_model: Callable[[Path], Any]) -> Any:
    return load_model(tiny_model).eval()


@pytest.fixture
def open_data(make_recipe: Callable[..., Path], pairs: Path) -> Callable[..., Any]:
    """Build the data set of a run on one of the files."""

    def build(name: str = "train", *, has_rows: bool = False, **changes: Any) -> Any:
        path = make_recipe(train_dataset_path=str(pairs / f"{name}.jsonl"), **changes)
        dataset = training_dataset(TrainRecipe(resolve_recipe(path)), 6)
        dataset.use_attn_mask_startend_row_indices = has_rows
        return dataset

    return build


def sequences_of(dataset: Any) -> list[Any]:
    """Return the sequences of all records, in the order of their images' names."""
    encode = getattr(dataset, "_postprocess_sequence", None) or partial(_encoded, dataset)
    examples = list(islice(iter(dataset.mix_datasets), 6))
    return [encode(example) for example in sorted(examples, key=lambda example: str(example["images"]))]


def _encoded(dataset: Any, example: Any) -> Any:
    return dataset._process_sft_sequence(example, 1)


def batch_of(sequences: Sequence[Any], tokenizer: Any, model: Any, **options: Any) -> dict[str, Any]:
    import paddle
    from paddleformers.datasets.collate import dpo_collate_fn

    text = partial(
        dpo_collate_fn,
        tokenizer=tokenizer,
        training_args=ARGUMENTS,
        **{"max_seq_len": None, "padding_free": False, "use_filtered_label_loss": False, **options},
    )
    arrays = collate_pairs([[sequence] for sequence in sequences], text, model)
    return {name: paddle.to_tensor(value) for name, value in arrays.items()}


def logps_of_records(dataset: Any, model: Any) -> list[float]:
    """Return the log-probability of each record's answer by the loss of supervised fine-tuning."""
    from paddleformers.datasets.collate import mm_collate_fn

    found = []
    for sequence in sequences_of(dataset):
        batch = mm_collate_fn(
            [[sequence]],
            template=dataset.template,
            processor=dataset.processor,
            tokenizer=dataset.tokenizer,
            training_args=ARGUMENTS,
            model_args=SimpleNamespace(
                use_attn_mask_startend_row_indices=False, use_global_causal_attn=False
            ),
            max_seq_len=None,
            padding_free=False,
            model=model,
        )
        learned = sum(label != -100 for label in sequence.labels)
        found.append(-float(model(**batch).loss) * learned)
    return found


def numbers(logps: AnswerLogps) -> tuple[Any, Any]:
    return logps.chosen.numpy(), logps.rejected.numpy()


@pytest.mark.parametrize("has_rows", [False, True], ids=["mask", "row indices"])
def test_logps_are_those_of_supervised_fine_tuning(
    open_data: Callable[..., Any], model: Any, has_rows: bool
) -> None:
    dataset = open_data(stage="VL-DPO", has_rows=has_rows)
    batch = batch_of(sequences_of(dataset), dataset.tokenizer, model)
    assert batch["image_grid_thw"].shape == [6, 3]
    assert len({tuple(grid) for grid in batch["image_grid_thw"].tolist()}) == 3  # pictures of three sizes
    chosen, rejected = numbers(logps_of(model, batch))
    np.testing.assert_allclose(chosen, logps_of_records(open_data("train_chosen"), model), rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        rejected, logps_of_records(open_data("train_rejected"), model), rtol=0, atol=1e-4
    )


def test_logps_about_two_pictures_are_those_of_supervised_fine_tuning(
    open_data: Callable[..., Any], model: Any, tmp_path: Path
) -> None:
    folder = write_pairs_about_two(tmp_path / "two", 6)

    def data(name: str, **changes: Any) -> Any:
        return open_data(f"{folder / name}", **changes)

    dataset = data("train", stage="VL-DPO")
    batch = batch_of(sequences_of(dataset), dataset.tokenizer, model)
    assert batch["image_grid_thw"].shape == [12, 3]
    chosen, rejected = numbers(logps_of(model, batch))
    np.testing.assert_allclose(chosen, logps_of_records(data("train_chosen"), model), rtol=0, atol=1e-4)
    np.testing.assert_allclose(rejected, logps_of_records(data("train_rejected"), model), rtol=0, atol=1e-4)
    assert np.abs(chosen - rejected).min() > 1e-3


def test_a_pair_that_is_too_long_for_its_pictures_is_dropped(
    open_data: Callable[..., Any], tmp_path: Path
) -> None:
    folder = write_pairs_about_two(tmp_path / "two", 6)
    dataset = open_data(f"{folder / 'train'}", stage="VL-DPO")
    sequences = sequences_of(dataset)
    in_two_turns = [len(each.token_ids) for each in sequences][2::3]
    dataset.max_seq_len = min(in_two_turns) - 1  # the last turn fits, and the first one does not
    assert [each is None for each in sequences_of(dataset)][2::3] == [True, True]


def test_a_pair_has_the_tokens_of_its_records(open_data: Callable[..., Any]) -> None:
    [first, *_] = sequences_of(open_data(stage="VL-DPO"))
    [chosen, *_] = sequences_of(open_data("train_chosen"))
    [rejected, *_] = sequences_of(open_data("train_rejected"))
    start, middle, end = first.response_index
    assert first.token_ids[:middle] == list(chosen.token_ids[:middle])
    assert first.token_ids[:start] + first.token_ids[middle:] == list(
        rejected.token_ids[: start + end - middle]
    )
    learned = [[label for label in each.labels if label != -100] for each in (chosen, rejected)]
    assert [first.response_labels[start:middle], first.response_labels[middle:end]] == learned


def test_another_picture_changes_how_much_the_chosen_answer_is_preferred(
    open_data: Callable[..., Any], model: Any
) -> None:
    dataset = open_data(stage="VL-DPO")
    batch = batch_of(sequences_of(dataset), dataset.tokenizer, model)
    before = np.subtract(*numbers(logps_of(model, batch)))
    for _ in range(2):
        np.testing.assert_array_equal(np.subtract(*numbers(logps_of(model, batch))), before)
    replaced = batch | {"pixel_values": -batch["pixel_values"]}
    after = np.subtract(*numbers(logps_of(model, replaced)))
    assert (np.abs(after - before) > 1e-3).all()


def test_the_pixels_come_from_the_pairs_own_files(
    open_data: Callable[..., Any], model: Any, pairs: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in (pairs / "train.jsonl").read_text().splitlines()]
    black = tmp_path / "black.png"
    Image.new("RGB", (64, 64)).save(black)
    (pairs / "black.jsonl").write_text(
        "".join(json.dumps(row | {"images": [str(black)]}) + "\n" for row in rows)
    )
    dataset = open_data("black", stage="VL-DPO")
    pixels = batch_of(sequences_of(dataset), dataset.tokenizer, model)["pixel_values"]
    assert len(np.unique(pixels.numpy())) == 1


def test_both_forms_of_the_mask_hide_the_same(open_data: Callable[..., Any]) -> None:
    dense, sparse = (sequences_of(open_data(stage="VL-DPO", has_rows=has_rows)) for has_rows in (False, True))
    for mask, rows in zip(dense, sparse, strict=True):
        length = len(mask.token_ids)
        ends = np.array(rows.attn_mask_startend_row_indices)
        places = np.arange(length)
        allowed = (places[:, None] >= places) & (places[:, None] < ends)
        np.testing.assert_array_equal(mask.attention_mask, allowed)


@pytest.mark.parametrize("loss_type", ["sigmoid", "simpo"])
def test_the_loss_and_its_gradient_are_paddleformers(
    open_data: Callable[..., Any], model: Any, loss_type: str
) -> None:
    """On logits that are all there, PaddleFormers' own criterion computes the same."""
    import paddle
    from paddleformers.cli.train.dpo.dpo_argument import DPOConfig
    from paddleformers.nn.criterion import CriterionLayer

    dataset = open_data(stage="VL-DPO")
    batch = batch_of(sequences_of(dataset), dataset.tokenizer, model)
    settings = DPOConfig(loss_type=loss_type, sft_loss_ratio=0.3, reference_free=loss_type == "simpo")
    model.config.dpo_config = settings
    criterion = CriterionLayer(model.config)
    reference = logps_of(model, batch)
    shift = paddle.linspace(-1, 1, 6)
    given = AnswerLogps(reference.chosen + shift, reference.rejected - shift)
    if settings.reference_free:
        given = AnswerLogps(paddle.zeros([6]), paddle.zeros([6]))
    inputs = {name: value for name, value in batch.items() if not name.startswith("response")}
    labels = (batch["response_labels"], batch["response_indexs"], given.chosen, given.rejected)
    *_, expected = criterion(model(**inputs), labels)
    expected.backward()
    weight = model.model.language_model.embed_tokens.weight
    gradient = weight.grad.numpy()
    model.clear_gradients()

    logged: dict[str, Any] = {}
    learner = SimpleNamespace(dpo_config=settings, dpo_criterion=criterion, log_metric=logged.update)
    trainer = preference_trainer()
    learner._reference = lambda *_: given
    learner._losses = partial(trainer._losses, learner)
    loss = trainer.get_batch_metrics(learner, None, model, batch)
    loss.backward()
    assert float(loss) == pytest.approx(float(expected), abs=1e-4)
    np.testing.assert_allclose(weight.grad.numpy(), gradient, rtol=1e-3, atol=1e-4)
    assert logged["train_eval"] == "train"
    assert float(logged["dpo_loss"] + logged["sft_loss"]) == pytest.approx(float(loss), abs=1e-5)
