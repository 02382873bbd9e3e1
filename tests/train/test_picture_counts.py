import json
from pathlib import Path

import yaml

from models.lookup import find_family, published_configs
from tests.train.several_pictures import write_two_pictures
from train.picture_counts import first_with_several
from train.plan.memory import plan_memory
from train.plan.memory_table import plan_recipe
from train.plan.micro_batch import most_pictures
from train.recipe import TrainRecipe

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "train" / "qwen3_vl_8b_full.yaml"
LARGE = "Qwen/Qwen3-VL-8B-Instruct"


def test_each_picture_of_a_record_can_be_as_large_as_max_pixels_allows() -> None:
    values = {**yaml.safe_load(RECIPE.read_text()), "max_seq_len": 8192, "max_pixels": 1024**2}
    values |= {"packing": False, "per_device_train_batch_size": 1}
    config = published_configs()[LARGE]
    shape = find_family(config).vision_shape(config)
    one, two, three, many = (
        plan_memory(values, config, 8, pictures=pictures).activations for pictures in (1, 2, 3, 100)
    )
    # Recomputed layers keep their inputs, two bytes a number.
    patches = 1024**2 // shape.patch_size**2
    assert three - two == two - one == 2 * shape.layers * patches * shape.hidden_size
    # All pictures together have no more tokens than the record.
    most = 8192 * shape.patches_per_token
    assert many - one == 2 * shape.layers * (most - patches) * shape.hidden_size


def test_pictures_are_counted_in_the_data_files_where_max_pixels_limits_them(tmp_path: Path) -> None:
    data = write_two_pictures(tmp_path, train=2, val=1)
    (tmp_path / "other.jsonl").write_text('{"images": ["a", "b", "c"]}\n{"images": 7}\n{"messages": []}\n')
    (tmp_path / "broken.jsonl").write_text('{"images": ["a", "b", "c", "d"]}\nno JSON\n')
    (tmp_path / "none.jsonl").write_text('{"messages": []}\n')
    values = {"max_pixels": 4096, "eval_dataset_path": f"{data}/val.jsonl"}

    def most(name: str, **changes: object) -> int:
        return most_pictures(TrainRecipe({**values, "train_dataset_path": f"{data}/{name}.jsonl", **changes}))

    assert [most(name) for name in ("train", "other", "broken", "gone")] == [2, 3, 4, 2]
    assert most("other", eval_dataset_path="") == 3
    assert most("none", eval_dataset_path="") == 1
    assert most("train", train_dataset_path=f"{data}/train.jsonl,{data}/other.jsonl#10") == 3
    assert most("other", max_pixels=None) == most("other", packing=True) == 1


def test_the_first_record_with_several_is_found(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(
        '{"images": ["a", "b"], "replay": true}\n\n{"images": ["a", "b", "c"]}\n{"images": ["a", "b"]}\n'
    )
    assert first_with_several(path) == (3, 3)
    path.write_text('{"images": ["a"]}\n{"images": []}\nno JSON\n')
    assert first_with_several(path) is None
    assert first_with_several(tmp_path / "gone.jsonl") is None


def test_the_plan_of_a_recipe_reads_its_data(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    for path, images in ((one, ["a.png"]), (two, ["a.png", "b.png"])):
        path.write_text(json.dumps({"images": images}) + "\n")
    words = [
        "max_pixels=262144",
        "gpus=8",
        "packing=false",
        "max_seq_len=8192",
        f"eval_dataset_path={one}",
    ]
    plans = [plan_recipe(RECIPE, [*words, f"train_dataset_path={path}"]) for path in (one, two)]
    assert plans[0].activations < plans[1].activations
