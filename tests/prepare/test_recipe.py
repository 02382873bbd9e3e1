from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings

RECIPES = Path(__file__).parents[2] / "recipes" / "prepare"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_recipe_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOWNLOAD_SOURCE", raising=False)
    recipe = load_recipe(PrepareRecipe, path)
    assert recipe.output_dir.startswith("data/")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("total_sampels=5", "unknown key 'total_sampels', did you mean 'total_samples'?"),
        ("total_samples=abc", "total_samples: Value 'abc'"),
        ("total_samples=0", "total_samples: 0 is not"),
        ("val_ratio=1", "val_ratio: 1.0 is not a share"),
        ("val_ratio=-0.1", "val_ratio: -0.1 is not a share"),
        ("val_ratio=0.99999", "val_ratio: 0.99999 leaves nothing of 15000"),
        ("val_ratio=nan", "val_ratio: nan is not a share"),
        ("answer_format=jsno", "answer_format: no 'jsno' (there are objects, json), did you mean 'json'?"),
        ("prompt=tsak", "did you mean 'task'?"),
        ("verify=never", "verify: no 'never'"),
        ("source.hub=hugingface", "did you mean 'huggingface'?"),
        ("source.hub=local", "source.path: coco_parquet with source.hub=local needs"),
        ("source.path=x", "source.path: only read with source.hub=local"),
        ("categories=[cat,dog,cat]", "categories: name 3, 'cat', is empty or repeated"),
        ("categories=[]", "categories: write coco, or a list"),
        ("categories=voc", "categories: write coco, or a list"),
        ("output_dir=", "output_dir"),
        ("relations.most=0", "relations.most: 0 is not a positive number"),
        ("yes_no.share=1", "yes_no.share: 1.0 is not a share"),
        ("yes_no.share=nan", "yes_no.share: nan is not a share"),
        ("yes_no.show=spotligt", "did you mean 'spotlight'?"),
        ("yes_no.shows=text", "unknown key 'yes_no.shows', did you mean 'yes_no.show'?"),
        ("regions.share=1", "regions.share: 1.0 is not a share"),
        ("regions.share=nan", "regions.share: nan is not a share"),
        ("regions.dialogue=1.5", "regions.dialogue: 1.5 is not a share from 0 to 1"),
        ("regions.dialogue=nan", "regions.dialogue: nan is not a share"),
        ("regions.show=spotligt", "did you mean 'spotlight'?"),
        ("regions.show=[blur,glow]", "regions.show: no 'glow'"),
        ("regions.show=[]", "regions.show: one of spotlight"),
        ("regions.show=[3]", "regions.show: one of spotlight"),
        ("regions.show=3", "regions.show: one of spotlight"),
        ("regions.prompt=category", "regions.prompt: no wording 'category' (there are describe, "),
        ("regions.prompt=describe.en9", "single ones such as describe_label_box.en2)"),
        ("regions.prompt=[]", "regions.prompt: name at least one wording (there are describe, "),
        ("regions.prompt=describe_box", "regions.labels=False needs a wording of describe: name one, too"),
        ("regions.prompt=[describe,describe_label]", "regions.labels=False never asks describe_label: leave"),
    ],
)
def test_bad_values_name_the_key(override: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOWNLOAD_SOURCE", raising=False)
    with pytest.raises(UserError) as caught:
        load_recipe(PrepareRecipe, RECIPES / "coco.yaml", [override])
    assert message in str(caught.value)


def test_both_kinds_of_further_questions_leave_room_for_others() -> None:
    with pytest.raises(UserError, match=r"regions\.share: 0\.5 and yes_no\.share=0\.5 leave nothing"):
        load_recipe(PrepareRecipe, RECIPES / "coco.yaml", ["regions.share=0.5", "yes_no.share=0.5"])


def test_records_get_no_questions_for_words() -> None:
    with pytest.raises(UserError, match=r"regions\.share: source\.kind=records keeps conversations"):
        load_recipe(PrepareRecipe, RECIPES / "records.yaml", ["regions.share=0.2"])


@pytest.mark.parametrize("kind", ["refcoco", "phrases", "records"])
def test_computed_phrases_and_descriptions_need_categories(kind: str) -> None:
    source = SourceSettings(kind=kind, path="x")
    plain = "relation" if kind == "records" else "expression"
    with pytest.raises(ValueError, match=r"prompt: .*relation"):
        PrepareRecipe(source=source, categories="source", output_dir="y", prompt="relation")
    if kind == "records":
        plain = "task"
    with pytest.raises(ValueError, match=f"descriptions: source.kind={kind}"):
        PrepareRecipe(source=source, categories="source", output_dir="y", prompt=plain, descriptions=True)


def test_records_get_no_yes_no_questions() -> None:
    with pytest.raises(UserError, match=r"yes_no\.share: source\.kind=records keeps conversations"):
        load_recipe(PrepareRecipe, RECIPES / "records.yaml", ["yes_no.share=0.2"])


@pytest.mark.parametrize(
    ("environment", "hub", "expected"),
    [
        (None, None, ("huggingface", "detection-datasets/coco")),
        ("modelscope", None, ("modelscope", "AI-ModelScope/coco")),
        ("ModelScope", None, ("modelscope", "AI-ModelScope/coco")),
        ("modelscope", "huggingface", ("huggingface", "detection-datasets/coco")),
    ],
)
def test_hub_from_recipe_then_environment(
    environment: str | None, hub: str | None, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOWNLOAD_SOURCE", raising=False)
    if environment is not None:
        monkeypatch.setenv("DOWNLOAD_SOURCE", environment)
    source = SourceSettings(hub=hub)
    assert (source.resolved_hub, source.resolved_repo) == expected


def test_a_hub_without_coco_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOWNLOAD_SOURCE", "aistudio")
    with pytest.raises(UserError, match="DOWNLOAD_SOURCE=aistudio"):
        load_recipe(PrepareRecipe, RECIPES / "coco.yaml")
    assert load_recipe(PrepareRecipe, RECIPES / "coco.yaml", ["source.hub=huggingface"]).source.repo is None
