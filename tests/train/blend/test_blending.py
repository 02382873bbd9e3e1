"""The command: points are scored once, the best one is named by the rule, and only wanted weights stay."""

from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.files import read_json
from grounding.recipe.loading import load_settings
from train.blend import blended_point, blending
from train.blend.__main__ import main
from train.blend.best_point import PointScores, choose_point
from train.blend.blend_settings import BlendSettings
from train.blend.blending import blend
from train.blend.model_pair import ModelPair

Measure = Callable[[float, Path, Path, BlendSettings], PointScores]


class Scorer:
    """Scores points by their share: the old task falls late, the new one rises early."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.fails_at: float | None = None

    def __call__(self, share: float, checkpoint: Path, folder: Path, settings: BlendSettings) -> PointScores:
        assert (checkpoint / "blend.json").is_file()
        if share == self.fails_at:
            raise KeyboardInterrupt
        self.asked.append(share)
        return PointScores(share, {"n": min(1.0, 2 * share)}, {"o": 0.8 - 0.2 * share**3})


@pytest.fixture
def scorer(monkeypatch: pytest.MonkeyPatch) -> Scorer:
    made = Scorer()
    monkeypatch.setattr(blending, "measure_point", made)
    monkeypatch.setattr(blending, "check_datasets", lambda _: None)
    return made


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*alpha_*")}


def test_the_best_point_stays_and_the_table_says_why(
    scorer: Scorer, base: Path, tuned: Path, tmp_path: Path
) -> None:
    settings = BlendSettings(new="new", old="old")
    report = blend(str(base), tuned, settings)
    folder = tuned / "blend"
    assert scorer.asked == [0, 0.25, 0.5, 0.75, 1]
    assert kept(folder) == {"alpha_0.5"}
    assert (
        "best: alpha 0.5: the highest new AP50 of the points that keep 95% of the old one (0.7600 of 0.8000)"
        in report
    )
    table = read_json(folder / "blend.json")
    assert table["best"] == 0.5
    assert [point["mean_new"] for point in table["points"]] == [0, 0.5, 1, 1, 1]
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "| 0.5 | 1.0000 | 100.0% | 0.7750 | 96.9% | best |" in (folder / "blend.md").read_text(
        encoding="utf-8"
    )

    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert blend(str(base), tuned, settings) == report
    assert scorer.asked == [0, 0.25, 0.5, 0.75, 1]
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before

    blend(str(base), tuned, BlendSettings(new="new", old="old", keep="all", alphas="0,0.5,0.6,1"))
    assert scorer.asked == [0, 0.25, 0.5, 0.75, 1, 0.6]
    assert {"alpha_0", "alpha_0.5", "alpha_0.6", "alpha_1"} <= kept(folder)


def test_the_weights_of_the_best_point_are_written_once(
    scorer: Scorer, base: Path, tuned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stay on the disk while the others are scored, as a large model takes minutes."""
    written: list[float] = []
    write = blended_point._write_weights

    def counted(pair: ModelPair, share: float, folder: Path) -> None:
        written.append(share)
        write(pair, share, folder)

    monkeypatch.setattr(blended_point, "_write_weights", counted)
    blend(str(base), tuned, BlendSettings(new="new", old="old"))
    assert written == [0, 0.25, 0.5, 0.75, 1]


def test_killed_and_resumed(scorer: Scorer, base: Path, tuned: Path, tmp_path: Path) -> None:
    whole = BlendSettings(new="new", old="old", output_dir=str(tmp_path / "whole"))
    blend(str(base), tuned, whole)
    scorer.asked.clear()
    scorer.fails_at = 0.75
    settings = BlendSettings(new="new", old="old", output_dir=str(tmp_path / "resumed"))
    with pytest.raises(KeyboardInterrupt):
        blend(str(base), tuned, settings)
    assert scorer.asked == [0, 0.25, 0.5]
    assert not (tmp_path / "resumed" / "blend.json").exists()
    scorer.fails_at = None
    blend(str(base), tuned, settings)
    assert scorer.asked == [0, 0.25, 0.5, 0.75, 1]
    for name in ("blend.json", "blend.md", "front.png", "alpha_0.5/model-00001-of-00002.safetensors"):
        assert (tmp_path / "resumed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_another_blend_is_not_mixed_in(scorer: Scorer, base: Path, tuned: Path) -> None:
    blend(str(base), tuned, BlendSettings(new="new", old="old"))
    for changed in (BlendSettings(new="new", old="others"), BlendSettings(new="new", old="old", metric="AP")):
        with pytest.raises(UserError, match=r"holds another blend \(other (old|metric)\)"):
            blend(str(base), tuned, changed)
    assert kept(tuned / "blend") == {"alpha_0.5"}


def test_the_rule() -> None:
    points = [
        PointScores(0, {"a": 0.1, "b": 0.3}, {"c": 0.9}),
        PointScores(0.5, {"a": 0.8, "b": 0.6}, {"c": 0.86}),
        PointScores(0.6, {"a": 0.7, "b": 0.7}, {"c": 0.87}),
        PointScores(1, {"a": 1.0, "b": 1.0}, {"c": 0.1}),
    ]

    def best(least_old: float) -> float:
        return choose_point(points, BlendSettings(new="n", old="o", least_old=least_old)).best.share

    assert [best(share) for share in (1, 0.96, 0.95, 0)] == [0, 0.6, 0.6, 1]
    alike = [PointScores(share, {"a": min(share, 0.5)}, {"c": 0.9}) for share in (0, 0.5, 0.75, 1)]
    assert (
        choose_point(alike, BlendSettings(new="n", old="o")).best.share == 0.5
    )  # the smallest of equal ones
    exact = [PointScores(0, {"a": 0.0}, {"c": 0.9}), PointScores(1, {"a": 1.0}, {"c": 0.9 * 0.95})]
    assert choose_point(exact, BlendSettings(new="n", old="o")).best.share == 1  # just enough is enough
    nothing = [PointScores(share, {"a": share}, {"c": 0.0}) for share in (0, 0.5, 1)]
    choice = choose_point(nothing, BlendSettings(new="n", old="o"))
    assert choice.best.share == 1
    assert "there is nothing to keep" in choice.rule


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["alphas=0,1.5"], "each is from 0 to 1"),
        (["alphas=0,-0.1"], "each is from 0 to 1"),
        (["alphas=0,nan"], "each is from 0 to 1"),
        (["alphas=0,0.5,0.50"], "comes once"),
        (["alphas=0.5,1"], "0 is needed"),
        (["alphas=0"], "2 to 21 can be given"),
        (["alphas=0,half"], "are not numbers"),
        (["keep=none"], "keep: 'none' is not one of"),
        (["least_old=95"], "is not a share from 0 to 1"),
        (["infer.dataset=x"], "infer.dataset: this command sets it"),
        (["alpha=0,1"], "unknown key 'alpha', did you mean 'alphas'"),
    ],
)
def test_bad_settings_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_settings(BlendSettings, ["new=n", "old=o", *words])


def test_data_sets_are_looked_at_first(base: Path, tuned: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"card\.json: no such file: prepare the data set first"):
        main([str(base), str(tuned), f"new={tmp_path}", "old=none"])
    with pytest.raises(UserError, match="is a data set of the new task, too"):
        main([str(base), str(tuned), f"new={tmp_path}", f"old=a,{tmp_path}"])
    with pytest.raises(UserError, match="name data sets, each once"):
        main([str(base), str(tuned), f"new={tmp_path}", "old=a,a"])
    assert not (tuned / "blend").exists()
