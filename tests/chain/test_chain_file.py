"""Chains that are wrong: one line with the file and the line, and exit code 2."""

from pathlib import Path

import pytest

from chain.__main__ import main
from chain.chain_file import read_chain
from chain.planned_steps import plan_steps
from grounding.errors import UserError, run_command

GOOD = """output_dir: out
steps:
  shapes: {run: prepare.shapes, output: source}
  data:
    run: prepare
    recipe: data.yaml
    overrides: {source.path: "{shapes}"}
"""
DATA = "source: {hub: local, path: source}\ncategories: [red square]\noutput_dir: data\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("data.yaml").write_text(DATA)
    Path("chain.yaml").write_text(GOOD)
    return tmp_path


def problem(text: str, *words: str) -> str:
    Path("chain.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        plan_steps(read_chain(Path("chain.yaml"), words))
    return str(error.value)


def test_a_chain_that_is_right_is_read() -> None:
    chain = read_chain(Path("chain.yaml"), ["data.seed=3", "output_dir=elsewhere"])
    assert chain.output_dir == Path("elsewhere")
    assert list(chain.steps) == ["shapes", "data"]
    shapes, data = plan_steps(chain)
    assert data.words == ("prepare", "data.yaml", 'source.path="source"', "seed=3")
    assert data.parents == ("shapes",)
    assert shapes.settings == {"run": "prepare.shapes", "output": "source"}


BAD = {
    "unknown command": (
        "run: prepare\n",
        "run: prepares\n",
        "line 4: steps.data: run: unknown 'prepares', did",
    ),
    "no command": ("    run: prepare\n", "", "line 4: steps.data: run: unknown ''"),
    "unknown key of a step": (
        "recipe:",
        "recipee:",
        "line 4: steps.data: unknown key 'recipee', did you mean 'rec",
    ),
    "unknown key of the chain": (
        "output_dir: out",
        "outputs: out",
        "line 1: unknown key 'outputs', did you mean",
    ),
    "missing recipe": (
        "data.yaml",
        "dat.yaml",
        "line 4: steps.data: recipe: dat.yaml: no such recipe, did you mean",
    ),
    "no recipe": ("    recipe: data.yaml\n", "", "line 4: steps.data: recipe: must be set for run: prepare"),
    "key without effect": (
        "output: source",
        "output: source, words: [a]",
        "line 3: steps.shapes: words: has no eff",
    ),
    "unknown key of a recipe": (
        "source.path:",
        "source.paht:",
        "line 4: data: data.yaml: unknown key 'source.paht'",
    ),
    "unknown key of a command": (
        "output: source",
        "output: source, overrides: {image: 3}",
        "line 3: shapes: unknown key 'image', did you mean",
    ),
    "unknown step in a text": (
        "{shapes}",
        "{shape}",
        "line 4: no step 'shape' for {shape}, did you mean 'shapes'?",
    ),
    "unknown step in after": (
        "run: prepare\n",
        "run: prepare\n    after: [dta]\n",
        "line 4: after: no step 'dta', di",
    ),
    "one place, two steps": (
        "output: source",
        "output: data",
        "line 4: data writes data, and so does shapes",
    ),
    "a circle of outputs": (
        "output: source",
        "output: source, after: [data]",
        "line 3: steps depend on each other in a circle: shapes -> data -> shapes",
    ),
    "a step after itself": (
        "output: source",
        "output: source, after: [shapes]",
        "line 3: steps depend on each other in a circle: shapes -> shapes",
    ),
    "a circle of texts": (
        "output: source",
        'output: "{data}/x"',
        "line 3: steps name each other in a circle: shapes -> data -> shapes",
    ),
    "a step that is none": (
        "shapes: {run: prepare.shapes, output: source}",
        "shapes: 3",
        "line 3: steps.shapes: a map",
    ),
    "a list of steps": (
        "steps:\n  shapes: {run: prepare.shapes, output: source}\n",
        "steps: [a]\nx:\n",
        "unknown key",
    ),
    "a name that is taken": (
        "shapes: {run",
        "output_dir: {run",
        "line 3: steps.output_dir: a step cannot have this",
    ),
    "a wrong type": ("recipe: data.yaml", "recipe: [a]", "line 4: steps.data: recipe: "),
    "an unknown value": (
        "output: source",
        "output: source, overrides: {images: many}",
        "line 3: shapes: images: ",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_chain_that_is_wrong_is_refused_with_its_line(name: str) -> None:
    there, here, expected = BAD[name]
    assert there in GOOD
    found = problem(GOOD.replace(there, here, 1))
    assert found.startswith("chain.yaml, line ")
    assert expected in found


WORDS = {
    "data": "'data' is not STEP.KEY=VALUE",
    "seed=3": "'seed=3' is not STEP.KEY=VALUE",
    "dat.seed=3": "no step 'dat', did you mean 'data'?",
    "data.sed=3": "unknown key 'sed'",
}


@pytest.mark.parametrize("word", WORDS)
def test_words_that_are_wrong_are_refused(word: str) -> None:
    assert WORDS[word] in problem(GOOD, word)


def test_a_command_with_words_has_no_keys_to_replace() -> None:
    sheet = '  sheet: {run: visualize, words: [--jsonl, "{data}/train.jsonl"], output: sheets}\n'
    assert "change its words in chain.yaml" in problem(GOOD + sheet, "sheet.limit=3")


@pytest.mark.parametrize(
    "text", ["", "- a\n", "steps: {a: {run: prepare\n", "steps:\n  a: {}\n  a: {}\n", "steps: {}\n"]
)
def test_a_file_that_is_no_chain_is_refused(text: str) -> None:
    assert problem(text).startswith("chain.yaml")


def test_the_command_ends_with_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    Path("chain.yaml").write_text(GOOD.replace("data.yaml", "dat.yaml"))
    assert run_command(lambda: main(["chain.yaml"])) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "chain.yaml, line 4" in shown
    assert not Path("out").exists()
    assert run_command(lambda: main(["chain.yml"])) == 2
    assert "no such recipe, did you mean 'chain.yaml'?" in capsys.readouterr().err


def test_an_unknown_step_of_until_and_several_machines_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_command(lambda: main(["chain.yaml", "--until", "dta"])) == 2
    assert "has no such step, did you mean 'data'?" in capsys.readouterr().err
    monkeypatch.setenv("NNODES", "2")
    assert run_command(lambda: main(["chain.yaml"])) == 2
    assert "NNODES: a chain is for one machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": 2, "steps": {}}', '{"version": 1, "steps": {"a": {}}}']
)
def test_a_record_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out", "chain.json").write_text(text)
    assert run_command(lambda: main(["chain.yaml", "--dry-run"])) == 2
    assert "out/chain.json: not" in capsys.readouterr().err
