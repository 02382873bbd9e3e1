"""A chain's YAML file: its steps with their lines, and `STEP.KEY=VALUE` words."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from chain.step_kinds import KINDS, PLACE, RECIPE, WORDS
from grounding.errors import UserError
from grounding.recipe.loading import load_settings, read_yaml
from grounding.recipe.schema import setting, suggestion
from grounding.suites.suite_recipe import SET_MARK, check_name

CHAINS_FOLDER = Path("checkpoints/chains")
OUTPUT_KEY, STEPS_KEY = "output_dir", "steps"
CHAIN_KEYS = (OUTPUT_KEY, STEPS_KEY)


@dataclass(frozen=True)
class StepKeys:
    """The keys of a step. `{NAME}` in a text of it stands for the output of the step of that name."""

    run: str = setting("the command, as behind `python -m`, such as prepare, train or infer.suite", "")
    recipe: str | None = setting("its recipe, where it takes one", None)
    overrides: dict[str, Any] = setting("keys that replace the recipe's", default_factory=dict)
    words: list[str] = setting("words of a command without a recipe", default_factory=list)
    output: str | None = setting("what a command without a recipe writes: a folder or a file", None)
    after: list[str] = setting(
        "steps that come first, where no path of this step lies in their output", default_factory=list
    )


@dataclass(frozen=True)
class ChainStep:
    """A step as the file has it; `more` are the key=value words of the command line. Lines count from 1."""

    name: str
    keys: StepKeys
    where: str
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChainFile:
    """The steps by name, in the order of the file, and the folder of the chain's record and table."""

    path: Path
    output_dir: Path
    steps: Mapping[str, ChainStep]


def read_chain(path: Path, words: Iterable[str] = ()) -> ChainFile:
    """Read a chain; `STEP.KEY=VALUE` replaces a key of a step's recipe, output_dir=DIR the chain's own.

    Raises:
        UserError: no such file, or a step that is none; the message has the line.
    """
    content = _content(path)
    lines = _lines(path)

    def where(key: str) -> str:
        return f"{path}, line {lines[key]}" if key in lines else f"{path}"

    for key in content:
        if key not in CHAIN_KEYS:
            raise UserError(f"{where(str(key))}: unknown key '{key}'{suggestion(str(key), CHAIN_KEYS)}")
    named = content.get(STEPS_KEY)
    if not isinstance(named, dict) or not named:
        raise UserError(
            f"{where(STEPS_KEY)}: {STEPS_KEY}: name at least one, such as `data: {{run: prepare}}`"
        )
    steps = {
        str(name): ChainStep(
            str(name),
            _step_keys(str(name), value, where(f"{STEPS_KEY}.{name}")),
            where(f"{STEPS_KEY}.{name}"),
        )
        for name, value in named.items()
    }
    for step in steps.values():
        for other in step.keys.after:
            if other not in steps:
                raise UserError(f"{step.where}: after: no step '{other}'{suggestion(other, steps)}")
    folder = content.get(OUTPUT_KEY) or CHAINS_FOLDER / path.stem
    return _with_words(ChainFile(path, Path(str(folder)), steps), words)


def _content(path: Path) -> dict[Any, Any]:
    from omegaconf import OmegaConf

    return cast(dict[Any, Any], OmegaConf.to_container(read_yaml(path)))


def _lines(path: Path) -> dict[str, int]:
    """Return the line of each key, and of each step as `steps.NAME`."""
    import yaml

    root = yaml.compose(path.read_text(encoding="utf-8"))
    lines: dict[str, int] = {}
    for key, value in root.value if root is not None else ():
        lines[key.value] = key.start_mark.line + 1
        if key.value == STEPS_KEY and isinstance(value, yaml.MappingNode):
            lines |= {f"{STEPS_KEY}.{name.value}": name.start_mark.line + 1 for name, _ in value.value}
    return lines


def _step_keys(name: str, value: object, where: str) -> StepKeys:
    """Read the keys of one step.

    Raises:
        UserError: an unknown key or command, or a key that the command does not take.
    """
    place = f"{where}: {STEPS_KEY}.{name}"
    if not isinstance(value, dict):
        raise UserError(f"{place}: a mapping of keys is needed, such as {{run: prepare, recipe: FILE}}")
    try:
        check_name(name, STEPS_KEY)
        keys = load_settings(StepKeys, [f"{key}={json.dumps(item)}" for key, item in value.items()])
    except (UserError, ValueError) as error:
        raise UserError(f"{place}: {error}") from error
    if name in (OUTPUT_KEY, SET_MARK.strip("{}")) or "." in name or "=" in name:
        raise UserError(f"{place}: a step cannot have this name: give it another one, without . and =")
    if keys.run not in KINDS:
        known = f": one of {', '.join(KINDS)}"
        raise UserError(f"{place}: run: unknown '{keys.run}'{suggestion(keys.run, KINDS) or known}")
    _check_form(keys, place)
    if keys.recipe and not Path(keys.recipe).is_file():
        near = suggestion(keys.recipe, map(str, Path(keys.recipe).parent.glob("*.yaml")))
        raise UserError(f"{place}: recipe: {keys.recipe}: no such recipe{near}")
    return keys


def _check_form(keys: StepKeys, place: str) -> None:
    """Check that a step has the keys that its command needs, and no others.

    Raises:
        UserError: a key is missing, or has no effect.
    """
    needed, refused = {
        RECIPE: (("recipe",), ("words", "output")),
        PLACE: (("output",), ("recipe", "words")),
        WORDS: (("words", "output"), ("recipe", "overrides")),
    }[KINDS[keys.run].form]
    for key in needed:
        if not getattr(keys, key):
            raise UserError(f"{place}: {key}: must be set for run: {keys.run}")
    for key in refused:
        if getattr(keys, key):
            raise UserError(f"{place}: {key}: has no effect with run: {keys.run}: leave it out")


def _with_words(chain: ChainFile, words: Iterable[str]) -> ChainFile:
    steps = dict(chain.steps)
    for word in words:
        key, equals, value = word.partition("=")
        name, dot, rest = key.partition(".")
        if equals and key == OUTPUT_KEY and value:
            chain = replace(chain, output_dir=Path(value))
        elif not (equals and dot and rest):
            raise UserError(f"'{word}' is not STEP.KEY=VALUE: write for instance {next(iter(steps))}.seed=7")
        elif name not in steps:
            raise UserError(f"'{word}': {chain.path} has no step '{name}'{suggestion(name, steps)}")
        elif KINDS[steps[name].keys.run].form == WORDS:
            raise UserError(f"'{word}': {name} has no recipe with keys: change its words in {chain.path}")
        else:
            steps[name] = replace(steps[name], more=(*steps[name].more, f"{rest}={value}"))
    return replace(chain, steps=steps)
