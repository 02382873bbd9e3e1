"""What depends on what, derived from paths; and the chains of recipes/chains."""

from pathlib import Path

import pytest
import yaml

from benchmarks.chain import tiny_words
from chain.chain_file import read_chain
from chain.content_stamps import stamp
from chain.planned_steps import PlannedStep, plan_steps, with_parents
from chain.recipe_settings import check_before
from chain.step_kinds import KINDS
from grounding.categories import COCO_CATEGORIES
from grounding.errors import UserError
from infer.report.rules.rules_file import read_rules
from tests.chain.conftest import ROOT

CHAINS = sorted((ROOT / "recipes" / "chains").glob("*.yaml"))
SUITE = "metrics: [AP]\n"


def plan(text: str, *words: str) -> dict[str, PlannedStep]:
    Path("chain.yaml").write_text(f"steps:\n{text}")
    return {step.name: step for step in plan_steps(read_chain(Path("chain.yaml"), words))}


def parents(steps: dict[str, PlannedStep]) -> dict[str, tuple[str, ...]]:
    return {name: step.parents for name, step in steps.items()}


def test_a_path_in_the_output_of_a_step_makes_a_step_depend_on_it(here: Path) -> None:
    (here / "sets").symlink_to(here / "elsewhere")
    steps = plan(
        "  page: {run: visualize page, words: [run=answers], output: page}\n"
        "  compare: {run: infer.compare, words: [a=./answers/, b=other], output: scores.json}\n"
        f"  answers: {{run: infer, recipe: {ROOT}/recipes/infer/demo.yaml, overrides: "
        "{checkpoint: model, dataset: sets/one, output_dir: answers}}\n"
        "  alone: {run: visualize, words: [answers2], output: answers.png}\n"
        f"  data: {{run: prepare, recipe: {ROOT}/recipes/prepare/demo.yaml, "
        "overrides: {source.path: photos, output_dir: elsewhere/one}}\n"
        "  model: {run: train.tiny, output: model}\n"
        "  late: {run: train.tiny, output: late, after: [alone]}\n"
        "  inside: {run: train.tiny, output: model/inside}\n"
    )
    assert parents(steps) == {
        "data": (),
        "model": (),
        "answers": ("data", "model"),
        "page": ("answers",),
        "compare": ("answers",),
        "alone": (),
        "late": ("alone",),
        "inside": ("model",),
    }
    assert list(steps) == ["data", "model", "answers", "page", "compare", "alone", "late", "inside"]
    assert steps["data"].given == ("photos",)
    assert "other" in steps["compare"].given
    assert steps["answers"].given == ()
    assert [step.name for step in with_parents(list(steps.values()), "page")] == [
        "data",
        "model",
        "answers",
        "page",
    ]


@pytest.mark.parametrize("sets", ["datasets: sets/*", "datasets: 's*/o?e'", "sets: {x: {dataset: sets/one}}"])
def test_the_sets_of_a_suite_and_their_pattern_are_read(here: Path, sets: str) -> None:
    (here / "suite.yaml").write_text(f"{SUITE}{sets}\n")
    data = f"{{run: prepare, recipe: {ROOT}/recipes/prepare/demo.yaml, overrides: {{output_dir: "
    steps = plan(
        "  suite: {run: infer.suite, recipe: suite.yaml, overrides: {checkpoint: model}}\n"
        f"  one: {data}sets/one}}}}\n  other: {data}other}}}}\n  all: {data}sets2}}}}\n"
    )
    assert steps["suite"].parents == ("one",)
    assert steps["suite"].output == Path("model/suites/suite")


def test_a_key_of_a_suite_that_is_none_is_named(here: Path) -> None:
    (here / "suite.yaml").write_text(f"{SUITE}datasets: sets/*\nways: {{a: {{zoon: tiles}}}}\n")
    with pytest.raises(UserError, match=r"suite\.yaml: ways\.a: unknown key 'zoon', did you mean 'zoom'"):
        plan("  suite: {run: infer.suite, recipe: suite.yaml, overrides: {checkpoint: model}}\n")


def test_an_output_that_is_replaced_is_followed_by_those_that_name_it(here: Path) -> None:
    text = (
        f"  data:\n    run: prepare\n    recipe: {ROOT}/recipes/prepare/demo.yaml\n"
        "    overrides: {output_dir: one}\n"
        '  sheet: {run: visualize, words: [--jsonl, "{data}/train.jsonl"], output: "{data}.png"}\n'
    )
    assert plan(text)["sheet"].words == ("visualize", "--jsonl", "one/train.jsonl", "--output", "one.png")
    steps = plan(text, "data.output_dir=two", "data.overwrite=true")
    assert steps["sheet"].words == ("visualize", "--jsonl", "two/train.jsonl", "--output", "two.png")
    assert "overwrite" not in steps["data"].settings
    assert steps["data"].words[-1] == "overwrite=true"


def test_what_others_add_beside_a_result_does_not_change_its_stamp(here: Path, tmp_path: Path) -> None:
    files = {
        "data": ("card.json", "train.jsonl", "token_lengths.json"),
        "answers": ("predictions.jsonl", "suite.json", "scores.json"),
        "model": ("model.safetensors", "config.json", "run.json"),
        "sets": ("a/card.json", "b/card.json", "a/token_lengths.json"),
        "page": ("index.html", "images/1.png", "token_lengths.json"),
    }
    for folder, (first, second, later) in files.items():
        for name in (first, second):
            (here / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (here / folder / name).write_text("content")
        before = stamp(here / folder)
        assert before is not None
        (here / folder / later).write_text("added")
        assert stamp(here / folder) == before, folder
        (here / folder / second).write_text("another")  # as long: of a page, only names and sizes count
        assert (stamp(here / folder) == before) == (folder == "page"), folder
        (here / folder / first).write_text("longer than before")
        assert stamp(here / folder) != before, folder
    assert stamp(here / "nothing") is None
    assert stamp(here / "data" / "card.json") != stamp(here / "data" / "train.jsonl")


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", CHAINS, ids=lambda path: path.stem)
def test_each_chain_resolves_and_every_step_reads_what_another_writes(path: Path, project: None) -> None:
    steps = plan_steps(read_chain(path))
    text = path.read_text()
    assert f"recipes/chains/{path.name}" in text
    order = [step.name for step in steps]
    assert order == list(yaml.safe_load(text)["steps"])
    for step in steps:
        assert not [
            one for one in step.given if one.startswith(("data/", "checkpoints/")) and "source" not in one
        ]
        assert all(order.index(parent) < order.index(step.name) for parent in step.parents)


def test_the_chain_of_the_demo_runs_its_commands(project: None) -> None:
    steps = plan_steps(read_chain(ROOT / "recipes" / "chains" / "demo.yaml"))
    runs = ("before=checkpoints/demo/eval_before", "after=checkpoints/demo/eval_after")
    assert [" ".join(step.words) for step in steps] == [
        "prepare.shapes data/demo_source",
        "prepare recipes/prepare/demo.yaml",
        "train.tiny checkpoints/demo/base",
        "infer recipes/infer/demo.yaml checkpoint=checkpoints/demo/base "
        "output_dir=checkpoints/demo/eval_before",
        "train recipes/train/tiny_full.yaml",
        "infer recipes/infer/demo.yaml",
        " ".join(("visualize", *runs, "--sheet --limit 4 --output checkpoints/demo/sheet.png")),
        " ".join(("visualize page", *runs, "--output checkpoints/demo/page")),
        " ".join(("infer.compare", *runs, "--output checkpoints/demo/scores.json")),
    ]
    assert {step.name: step.parents for step in steps}["after"] == ("data", "train")


def test_the_chain_of_coco_goes_from_data_over_two_stages_to_a_report(project: None) -> None:
    steps = plan_steps(
        read_chain(ROOT / "recipes" / "chains" / "qwen3_vl_8b_coco.yaml", ["data.output_dir=x"])
    )
    found = parents({step.name: step for step in steps})
    assert found["align"] == ("data",)
    assert found["tune"] == ("data", "align")
    assert found["export"] == ("tune",)
    assert {"val2017", "export"} <= set(found["coco"])
    assert {"data", "export"} <= set(found["eval"])
    assert list(found)[-1] == "report"
    assert "eval" in found["report"]
    tune = next(step for step in steps if step.name == "tune")
    assert "train_dataset_path=x/train.jsonl" in tune.words


def test_the_chain_of_coco_can_be_run_by_a_tiny_model(project: None) -> None:
    """As benchmarks/chain.py runs it: with the same steps, none of which needs a GPU."""
    path = ROOT / "recipes" / "chains" / "qwen3_vl_8b_coco.yaml"
    chain = read_chain(path, tiny_words(read_chain(path)))
    steps = {step.name: step for step in plan_steps(chain)}
    assert parents(steps) == parents({step.name: step for step in plan_steps(read_chain(path))})
    for name in ("align", "tune"):
        assert steps[name].settings["device"] == "cpu"
        check_before("train", Path(steps[name].words[1]), steps[name].words[2:])
    assert steps["align"].settings["model_name_or_path"] == "checkpoints/demo/base"
    assert steps["tune"].settings["model_name_or_path"] == str(steps["align"].output)
    assert steps["eval"].settings["device"] == steps["coco"].settings["answers.device"] == "cpu"


def test_the_chain_of_coco_reports_by_rules_about_its_categories(project: None) -> None:
    steps = read_chain(ROOT / "recipes" / "chains" / "qwen3_vl_8b_coco.yaml").steps
    rules = Path(steps["report"].keys.words[-1].removeprefix("rules="))
    assert len(read_rules(rules, [category.name for category in COCO_CATEGORIES]).rules) == 2


def test_a_cache_lies_between_its_data_and_the_training_that_reads_it(here: Path) -> None:
    recipe = f"recipe: {ROOT}/recipes/train/tiny_full.yaml"
    files = "train_dataset_path: d/train.jsonl, eval_dataset_path: d/val.jsonl"
    keys = f"model_name_or_path: base, {files}, grounding_cache: d/cache"
    text = (
        f"  train: {{run: train, {recipe}, overrides: {{{keys}, output_dir: run}}}}\n"
        f"  cache: {{run: train.cache, {recipe}, overrides: {{{keys}}}}}\n"
        f"  data: {{run: prepare, recipe: {ROOT}/recipes/prepare/demo.yaml, overrides: {{output_dir: d}}}}\n"
        "  model: {run: train.tiny, output: base}\n"
    )
    steps = plan(text)
    assert list(steps) == ["data", "model", "cache", "train"]
    assert parents(steps)["cache"] == ("data", "model")
    assert set(parents(steps)["train"]) == {"data", "model", "cache"}
    assert steps["cache"].output == Path("d/cache")
    faster = plan(text, "cache.learning_rate=0.1", "cache.processes=1")["cache"]
    assert faster.settings == steps["cache"].settings
    assert plan(text, "cache.max_pixels=1024")["cache"].settings != steps["cache"].settings


def test_every_command_of_a_chain_exists() -> None:
    for command in KINDS:
        place = ROOT.joinpath(*command.split()[0].split("."))
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), command
