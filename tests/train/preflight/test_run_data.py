import json
from collections import Counter
from pathlib import Path

import pytest

from tests.train.conftest import ROOT
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe, resolve_recipe

PLAIN = 300


@pytest.mark.parametrize(("share", "strategy"), [(0.5, "over"), (0.2, "over"), (0.5, "under")])
def test_mined_records_come_by_the_share_of_their_file_and_by_their_repeats(
    tiny_model: Path, prepared_data: Path, tmp_path: Path, share: float, strategy: str
) -> None:
    """PaddleFormers weighs files by probabilities; a record's weight is how often its file has it."""
    row = json.loads((prepared_data / "train.jsonl").read_text().splitlines()[0])
    image = prepared_data / row["images"][0]
    for folder, numbers in {"plain": range(PLAIN), "mined": (1, 3, 3, 3)}.items():
        (tmp_path / folder).mkdir()
        rows = [{**row, "images": [f"{number}.png"], "weight": number} for number in numbers]
        text = "".join(json.dumps(each) + "\n" for each in rows)
        (tmp_path / folder / "train.jsonl").write_text(text, encoding="utf-8")
        for number in numbers:
            (tmp_path / folder / f"{number}.png").write_bytes(image.read_bytes())
    words = [
        f"model_name_or_path={tiny_model}",
        f"train_dataset_path={tmp_path / 'plain' / 'train.jsonl'},{tmp_path / 'mined' / 'train.jsonl'}",
        f"train_dataset_prob={1 - share},{share}",
        f"eval_dataset_path={prepared_data / 'val.jsonl'}",
        f"output_dir={tmp_path / 'run'}",
        f"mix_strategy=interleave_{strategy}",
    ]
    recipe = TrainRecipe(resolve_recipe(ROOT / "recipes" / "train" / "tiny_hard.yaml", words))
    taken = Counter(Path(example["images"][0]) for example in training_dataset(recipe, 1).mix_datasets)
    mined = {int(path.stem): count for path, count in taken.items() if path.parent.name == "mined"}
    plain = [count for path, count in taken.items() if path.parent.name == "plain"]
    assert mined[3] == pytest.approx(3 * mined[1], abs=3)
    if strategy == "over":  # until the larger file is used up
        assert plain == [1] * PLAIN
        assert sum(mined.values()) / taken.total() == pytest.approx(share, abs=0.06)
    else:  # until the smaller one is
        assert mined == {1: 1, 3: 3}
        assert sum(plain) < 20
