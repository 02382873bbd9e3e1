import dataclasses
from pathlib import Path

import pytest
import yaml

from grounding.errors import UserError, run_command
from grounding.recipe.arguments import (
    Word,
    read_overlay,
    recipe_arguments,
    recipes_arguments,
    settings_arguments,
)
from grounding.recipe.loading import load_recipe, parse_overrides
from grounding.recipe.schema import setting


@dataclasses.dataclass(frozen=True)
class Source:
    hub: str = setting("which hub", "local")
    path: str | None = setting("the folder", None)


@dataclasses.dataclass(frozen=True)
class Recipe:
    output_dir: str = setting("where it goes")
    seed: int = setting("draws the sample", 42)
    ratio: float = setting("a share", 0.5)
    names: list[str] = setting("labels", default_factory=list)
    source: Source = dataclasses.field(default_factory=Source)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("output_dir: out\nratio: 1e-4\nsource: {hub: hub}\n")
    return path


def test_recipe_and_overrides(path: Path) -> None:
    recipe = load_recipe(Recipe, path, ["seed=7", "names=[red cup,杯子]", "source.path=a b"])
    assert recipe == Recipe("out", 7, 1e-4, ["red cup", "杯子"], Source("hub", "a b"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sed=7"], "unknown key 'sed', did you mean 'seed'?"),
        (["source.pth=x"], "unknown key 'source.pth', did you mean 'source.path'?"),
        (["sed=7", "nmes=x"], "did you mean 'seed'?; unknown key 'nmes'"),
        (["seed=abc"], "seed: Value 'abc'"),
        (["source=3"], "Source"),
        (["seed"], "'seed' is not key=value"),
        (["names=[}"], "not readable as key=value"),
    ],
)
def test_bad_overrides(path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(Recipe, path, overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seed: 1\n", "output_dir must be set"),
        ("[1, 2]\n", "key: value"),
        ("a: [\n", "not readable as YAML"),
        ("a: \x00\n", "not readable as YAML"),
    ],
)
def test_bad_files(path: Path, content: str, message: str) -> None:
    path.write_text(content)
    with pytest.raises(UserError, match=r"recipe\.yaml") as caught:
        load_recipe(Recipe, path)
    assert message in str(caught.value)


def test_missing_file_suggests_the_nearest(path: Path) -> None:
    with pytest.raises(UserError, match=r"no such recipe, did you mean '.*recipe.yaml'"):
        load_recipe(Recipe, path.with_name("recpe.yaml"))


def test_help_lists_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        recipe_arguments(
            Recipe, prog="python -m x", description="Does x.", example="python -m x r.yaml", argv=["-h"]
        )
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for word in (
        "output_dir ",
        "seed=42",
        "names=[]",
        "source.hub=local",
        "source.path=null",
        "python -m x r.yaml",
    ):
        assert word in shown


def test_several_recipes_come_before_or_between_their_overrides() -> None:
    words = ["a.yaml", "b.yaml", "seed=7", "c.yaml", "output_dir=out"]
    recipes, overrides = recipes_arguments(prog="x", description="", example="", argv=words)
    assert recipes == [Path("a.yaml"), Path("b.yaml"), Path("c.yaml")]
    assert overrides == ["seed=7", "output_dir=out"]
    assert recipes_arguments(prog="x", description="", example="", argv=["a=b.yaml"]) == (
        [Path("a=b.yaml")],
        [],
    )


def test_an_overlay_replaces_keys_and_the_command_line_replaces_it(path: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("seed: 3\nratio: 1e-3\nnames: ['a: b', \"7\"]\nsource: {hub: '', path: 杯子}\n")
    _, words = recipe_arguments(
        Recipe,
        prog="x",
        description="",
        example="",
        argv=[str(path), "--overlay", str(overlay), "seed=9"],
    )
    assert load_recipe(Recipe, path, words) == Recipe("out", 9, 1e-3, ["a: b", "7"], Source("", "杯子"))
    _, again = recipes_arguments(
        prog="x", description="", example="", argv=[str(path), "seed=9", "--overlay", str(overlay)]
    )
    assert again == words


def test_an_overlays_values_keep_their_types(tmp_path: Path) -> None:
    content = {
        "text": "1.0",
        "empty": "",
        "nothing": None,
        "switch": False,
        "rate": 1e-05,
        "many": ["a: b", 3],
    }
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(content))
    assert parse_overrides(read_overlay(tmp_path / "overlay.yaml")) == content


def test_a_missing_overlay_is_named(tmp_path: Path) -> None:
    assert read_overlay(None) == []
    with pytest.raises(UserError, match=r"nowhere\.yaml: no such recipe"):
        read_overlay(tmp_path / "nowhere.yaml")


def test_a_user_error_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise UserError("first line\nsecond line")

    assert run_command(command) == 2
    assert capsys.readouterr().err == "error: first line second line\n"


def test_ctrl_c_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise KeyboardInterrupt

    assert run_command(command) == 130
    assert capsys.readouterr().err == "interrupted: repeat the command to resume\n"
    assert run_command(command, resumes=False) == 130
    assert capsys.readouterr().err == "interrupted: repeat the command to begin anew\n"


def test_our_own_bugs_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 // 0)


def given_words(*argv: str, with_overlay: bool = False) -> tuple[list[object], list[str]]:
    return settings_arguments(
        Recipe,
        Word("model", "the model", str),
        Word("dataset", "the data set"),
        prog="step",
        description="A step.",
        epilog="example:\n  step M D limit=1",
        example="limit=1",
        argv=argv,
        with_overlay=with_overlay,
    )


def test_words_come_before_settings_and_the_overlay_before_the_line(tmp_path: Path) -> None:
    assert given_words("a/b", "data", "limit=1", "seed=2") == (["a/b", Path("data")], ["limit=1", "seed=2"])
    (tmp_path / "overlay.yaml").write_text("limit: 5\n")
    overlay = ("--overlay", str(tmp_path / "overlay.yaml"))
    assert given_words("m", "d", "limit=1", *overlay, with_overlay=True)[1] == ["limit=5", "limit=1"]
    with pytest.raises(SystemExit, match="2"):
        given_words("m", "d", *overlay)
    with pytest.raises(SystemExit, match="2"):
        given_words("m")


def test_help_of_settings_lists_words_keys_and_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        given_words("--help")
    said = capsys.readouterr().out
    assert "the data set" in said
    assert "settings, such as limit=1" in said
    assert said.index("keys:\n") < said.index("  step M D limit=1")
