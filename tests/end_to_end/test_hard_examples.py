"""Hard examples from end to end: mined with a model, looked at, checked, and trained in a mix."""

import json
import re
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, Demo, run

FILES = ("samples.jsonl", "graded.jsonl", "hard.jsonl", "train.jsonl", "hard.md", "card.json")


def mix(plain: Path, mined: Path, model: Path, output: Path) -> tuple[str, ...]:
    """Return the words that put tiny_hard.yaml on these files."""
    return (
        "recipes/train/tiny_hard.yaml",
        f"model_name_or_path={model}",
        f"train_dataset_path={plain / 'train.jsonl'},{mined / 'train.jsonl'}",
        f"eval_dataset_path={plain / 'val.jsonl'}",
        f"output_dir={output}",
        f"logging_dir={output / 'visualdl'}",
    )


def test_what_is_mined_is_data_that_training_takes(tmp_path: Path) -> None:
    source, data, model, mined = (tmp_path / name for name in ("source", "data", "model", "mined"))
    run("python", "-m", "prepare.shapes", str(source), "images=6", "val_images=2", cwd=ROOT)
    prepared = ("recipes/prepare/demo.yaml", f"source.path={source}", f"output_dir={data}")
    run("python", "-m", "prepare", *prepared, cwd=ROOT)
    run("python", "-m", "train.tiny", str(model), cwd=ROOT)
    words = ("answers=2", "max_new_tokens=4", "most_rarity=1", "device=cpu", f"output_dir={mined}")
    shown = run("python", "-m", "infer.mine", str(model), str(data), *words, cwd=ROOT)
    assert "6 records (6 x 3), 0 of them ask for something absent" in shown
    assert re.search(r"^all +\d+ +0.0% +0.0% +0.0% +100.0% +0.0%$", shown, re.MULTILINE)
    assert len((mined / "train.jsonl").read_text().splitlines()) == 18
    assert "18 records and 6 images: 0 errors" in run("python", "-m", "prepare.check", str(mined), cwd=ROOT)
    checked = run("python", "-m", "train.check", *mix(data, mined, model, tmp_path / "run"), cwd=ROOT)
    assert "no problem found" in checked
    page = run("python", "-m", "visualize", "hard", str(mined), cwd=ROOT)
    assert page.endswith(f"{mined / 'page' / 'index.html'}: 6 questions, the hardest first\n")


@pytest.mark.slow  # for the demo; half a minute of its own
def test_a_trained_model_is_mined_and_trained_again(demo: Demo) -> None:
    model, data = (demo.folder / name for name in ("checkpoints/demo/full", "data/demo"))
    words = ("limit=64", "hard_from=0.25", "temperature=1.5", "max_new_tokens=160", "batch_size=16")
    run("python", "-m", "infer.mine", str(model), str(data), *words, cwd=demo.folder)
    mined = model / "hard"
    before = {name: (mined / name).read_bytes() for name in FILES}
    # A run that was killed after two batches has this part, and nothing after it.
    lines = before["samples.jsonl"].splitlines(keepends=True)[:32]
    part = b"".join(b"%d\t%s" % (place, line) for place, line in enumerate(lines))
    for name in FILES:
        (mined / name).unlink()
    (mined / "samples.jsonl.part").write_bytes(part)
    run("python", "-m", "infer.mine", str(model), str(data), *words, cwd=demo.folder)
    assert {name: (mined / name).read_bytes() for name in FILES} == before
    output = demo.folder / "checkpoints" / "demo" / "hard"
    recipe = ("recipes/train/tiny_hard.yaml", "max_steps=4", "logging_steps=1", "evaluation_strategy=no")
    run("python", "-m", "train", *recipe, "do_eval=false", "grounding_eval_samples=0", cwd=demo.folder)
    log = (output / "logs" / "train.log").read_text(encoding="utf-8")
    assert len(re.findall(r" loss: [\d.]+", log)) == 4
    count = sum(json.loads(line)["weight"] for line in (mined / "hard.jsonl").read_text().splitlines())
    taken = re.search(r"Dataset 1: (\d+) samples taken from (\d+) available", log)
    assert taken is not None
    assert int(taken[2]) == count
    assert int(taken[1]) > 7000  # as many as of the 8,000 plain records
    assert list(output.glob("*.safetensors"))
