"""Records about several pictures: what the check says of them, and what the model is given."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grounding.errors import UserError
from grounding.record import flaws
from tests.train.preflight.test_data import change_row, data_keys
from tests.train.several_pictures import write_two_pictures
from train.lengths.record_meter import RecordMeter
from train.preflight.all_checks import check_recipe
from train.preflight.encode import UNMARKED, encode_record, encode_sample, quiet_encoding
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe, resolve_recipe

COUNT = 12
ARGUMENTS = SimpleNamespace(
    num_nextn_predict_layers=0,
    context_parallel_size=1,
    tensor_model_parallel_size=1,
    sequence_parallel=False,
    fp8=False,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_two_pictures(tmp_path / "data", train=COUNT, val=2)


def lines_of(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


def test_pictures_are_counted_together(
    make_recipe: Callable[..., Path], data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert check_recipe(make_recipe(**data_keys(data)))
    recipe = TrainRecipe(resolve_recipe(make_recipe(**data_keys(data))))
    encoding = encode_sample(recipe, COUNT)
    assert (encoding.kept, encoding.pictures, encoding.faults, encoding.unread) == (COUNT, 2, (), ())
    with_pictures = "pictures: up to 2 in a record, which take up to "
    assert f"{with_pictures}{encoding.image_tokens} of its tokens together" in lines_of(caplog)
    sizes = [[(image.width, image.height) for image in images] for images in opened(data)]
    wanted = max(sum(width * height // 16**2 for width, height in both) for both in sizes)
    assert encoding.image_tokens == wanted  # 2 x 2 patches of 8 pixels are one token
    # A budget that fits either picture and not both drops the record.
    shorter = TrainRecipe({**recipe.values, "max_seq_len": max(encoding.lengths) - 1})
    assert encode_sample(shorter, COUNT).kept == COUNT - encoding.lengths.count(max(encoding.lengths))


def opened(data: Path) -> list[list[Any]]:
    from PIL import Image

    rows = [json.loads(line) for line in (data / "train.jsonl").read_text().splitlines()]
    return [[Image.open(data / name) for name in row["images"]] for row in rows]


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a picture too few": (
        lambda row: row["images"].pop(),
        f"train.jsonl, line 2: {flaws.IMAGE_COUNT}: 2 placeholders, 1 images",
    ),
    "a placeholder too few": (
        lambda row: row["messages"][1].update(content="<image>Task: Object Detection"),
        f"train.jsonl, line 2: {flaws.IMAGE_COUNT}: 1 placeholders, 2 images",
    ),
    "the second file": (
        lambda row: row["images"].__setitem__(1, "images/gone.png"),
        "train.jsonl, line 2: no such image: images/gone.png",
    ),
    "the second outside": (
        lambda row: row["images"].__setitem__(1, "../gone.png"),
        "train.jsonl, line 2: image lies outside the data set's folder: ../gone.png",
    ),
}


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN)
def test_a_record_whose_pictures_are_wrong_is_found(
    make_recipe: Callable[..., Path], data: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    change_row(data / "train.jsonl", 1, change)
    with pytest.raises(UserError) as caught:
        check_recipe(make_recipe(**data_keys(data)))
    assert message in str(caught.value)


def test_cutting_on_the_left_loses_where_pictures_begin(make_recipe: Callable[..., Path], data: Path) -> None:
    """The answer stays whole, and the pictures would be read as text."""
    first = (data / "train.jsonl").read_text().splitlines()[0]
    (data / "train.jsonl").write_text(first + "\n")
    whole = encode_sample(TrainRecipe(resolve_recipe(make_recipe(**data_keys(data)))), 1)
    [[ids]] = whole.packs
    learned = whole.learned + whole.image_tokens + 10
    assert learned < len(ids)
    words = {**data_keys(data), "max_seq_len": learned, "truncation_strategy": "left"}
    with pytest.raises(UserError, match=UNMARKED) as caught:
        check_recipe(make_recipe(**words))
    assert "images train_0_0.png, train_0_1.png" in str(caught.value)
    assert "truncation_strategy: delete" in str(caught.value)


def test_what_is_learned_names_the_picture_of_each_box(make_recipe: Callable[..., Path], data: Path) -> None:
    """The texts that the tokens decode to are read, each about the pictures shown before it."""
    recipe = TrainRecipe(resolve_recipe(make_recipe(**data_keys(data))))
    for change, said in (
        (lambda row: row["objects"].update(image_id=[1, 0]), "of image 2 is read as one of image 1"),
        (lambda row: row["messages"][-1].update(content="<ref-object><bbox>, <ref-object><bbox>"), "0 of 2"),
    ):
        whole = (data / "train.jsonl").read_text()
        change_row(data / "train.jsonl", 0, change)
        unread = encode_sample(recipe, COUNT).unread
        (data / "train.jsonl").write_text(whole)
        assert len(unread) == 1
        assert said in unread[0]


@pytest.fixture
def encoded(make_recipe: Callable[..., Path], data: Path) -> tuple[Any, list[Any]]:
    """The data set of a run, and its records as token ids."""
    with quiet_encoding():
        dataset = training_dataset(TrainRecipe(resolve_recipe(make_recipe(**data_keys(data)))), COUNT)
        examples = islice(iter(dataset.mix_datasets), COUNT)
        return dataset, [encode_record(dataset, example)[0] for example in examples]


def test_lengths_are_those_of_all_pictures(encoded: tuple[Any, list[Any]], data: Path) -> None:
    """A run counts its steps by the images' headers."""
    dataset, _ = encoded
    meter = RecordMeter(dataset, {}, data)
    examples = list(islice(iter(dataset.mix_datasets), COUNT))
    measured = [meter.kept_tokens(example) for example in examples]
    assert measured == [len(encode_record(dataset, example)[0].token_ids) for example in examples]
    assert len(set(measured)) > 5


def batch_of(dataset: Any, model: Any, packs: list[list[Any]], *, padding_free: bool = False) -> Any:
    from paddleformers.datasets.collate import mm_collate_fn

    return mm_collate_fn(
        packs,
        template=dataset.template,
        processor=dataset.processor,
        tokenizer=dataset.tokenizer,
        training_args=ARGUMENTS,
        model_args=SimpleNamespace(use_attn_mask_startend_row_indices=False, use_global_causal_attn=False),
        max_seq_len=None,
        padding_free=padding_free,
        model=model,
    )


def test_each_record_is_read_alone(
    encoded: tuple[Any, list[Any]], tiny_model: Path, load_model: Callable[[Path], Any]
) -> None:
    """In a batch, in a pack and without padding, the logits of a record are those that it has alone."""
    import paddle

    dataset, sequences = encoded
    model = load_model(tiny_model).eval()

    def logits(batch: Any) -> Any:
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        with paddle.no_grad():
            return model(**inputs).logits.numpy()

    four = sequences[:4]
    alone = [logits(batch_of(dataset, model, [[each]]))[0] for each in four]
    ways = {
        "batch": (logits(batch_of(dataset, model, [[each] for each in four])), [[each] for each in range(4)]),
        "packs": (logits(batch_of(dataset, model, [four[:2], four[2:]])), [[0, 1], [2, 3]]),
        "one row": (
            logits(batch_of(dataset, model, [[each] for each in four], padding_free=True)),
            [[0, 1, 2, 3]],
        ),
    }
    for name, (found, rows) in ways.items():
        for row, members in enumerate(rows):
            start = 0
            for member in members:
                end = start + len(alone[member])
                np.testing.assert_allclose(
                    found[row, start:end], alone[member], rtol=0, atol=1e-4, err_msg=name
                )
                start = end
    # train.fisher leaves the positions to the model.
    batch = batch_of(dataset, model, [[four[0]]])
    with_own = {name: batch[name] for name in ("input_ids", "pixel_values", "image_grid_thw")}
    np.testing.assert_allclose(logits(with_own)[0], alone[0], rtol=0, atol=1e-4)
    # The second picture is seen: without it, the answer has other logits.
    own = int(np.prod(batch["image_grid_thw"].numpy()[0]))
    batch["pixel_values"][own:] = 0
    assert np.abs(logits(batch)[0][-5:] - alone[0][-5:]).max() > 1e-3


def test_each_picture_has_places_of_its_own(
    encoded: tuple[Any, list[Any]],
    tiny_model: Path,
    load_model: Callable[[Path], Any],
    vision_tokens: tuple[int, int, int],
) -> None:
    dataset, sequences = encoded
    model, (image, _, _) = load_model(tiny_model), vision_tokens
    for sequence in sequences:
        positions = batch_of(dataset, model, [[sequence]])["position_ids"].numpy()[:, 0]
        assert positions.tolist() == places(sequence, image).tolist()


def places(sequence: Any, image: int) -> Any:
    """Time, row and column of each token, (3, tokens): written out."""
    found: list[tuple[int, int, int]] = []
    grids = iter(sequence.mm_inputs["image_grid_thw"])
    following, tokens = 0, list(sequence.token_ids)
    while len(found) < len(tokens):
        if tokens[len(found)] != image:
            found.append((following,) * 3)
            following += 1
            continue
        _, rows, columns = (int(number) for number in next(grids))
        rows, columns = rows // 2, columns // 2
        for row in range(rows):
            found += [(following, following + row, following + column) for column in range(columns)]
        following += max(rows, columns)
    return np.array(found).T
