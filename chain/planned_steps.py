"""The steps of a chain as commands: resolved settings, what each reads and writes, and their order."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from chain.chain_file import ChainFile, ChainStep
from chain.recipe_settings import resolve_settings
from chain.step_kinds import KINDS, PLACE, WORDS, StepKind
from grounding.errors import UserError
from grounding.recipe.schema import suggestion
from grounding.suites.suite_recipe import SET_MARK

REFERENCE = re.compile(r"\{([^{}\s:,\"']+)\}")
Fill = Callable[[str], str]
"""Puts the outputs of steps in the place of {NAME}."""

SAMPLED = re.compile(r"#\d+$")
PATH_KEY = re.compile(r"(path|dir|dataset|datasets|checkpoint|folder|file|files|rules|images|questions)$")
PLAIN_PATH = re.compile(r"[\w.-]*(/[\w.-]+)+")
"""A path that YAML and a shell take as it is."""


@dataclass(frozen=True)
class PlannedStep:
    """A step that can be run.

    `words` follow `python -m`. `settings` decide what the command does, by dotted key. `reads` has the texts
    among them that can be paths, as absolute paths, and `given` those of them that no step writes. `parents`
    are the steps whose output it reads.
    """

    name: str
    kind: StepKind
    where: str
    words: tuple[str, ...]
    settings: Mapping[str, Any]
    output: Path
    reads: tuple[str, ...]
    parents: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


def plan_steps(chain: ChainFile) -> list[PlannedStep]:
    """Return the steps of a chain, each behind those that it depends on, else in the order of the file.

    A step depends on another if a path of it lies in the other's output, if it writes there, or if it says so
    (`after`, `{NAME}`).

    Raises:
        UserError: a recipe that cannot be read, steps that depend on each other, or that write one place.
    """
    resolved: dict[str, PlannedStep] = {}
    for name in chain.steps:
        _resolve(chain, name, resolved, ())
    in_order = [resolved[name] for name in chain.steps]
    _refuse_shared(in_order)
    parents = {
        step.name: tuple(
            other.name
            for other in in_order
            if other.name in step.parents or (other is not step and _reads_output(step, other))
        )
        for step in in_order
    }
    outputs = [absolute(step.output) for step in in_order]
    return [
        replace(step, parents=parents[name], given=_not_written(step.reads, outputs))
        for name in _sorted(chain, parents)
        for step in (resolved[name],)
    ]


def _resolve(
    chain: ChainFile, name: str, resolved: dict[str, PlannedStep], trail: tuple[str, ...]
) -> PlannedStep:
    if name in resolved:
        return resolved[name]
    step = chain.steps[name]
    if name in trail:
        raise UserError(f"{step.where}: steps name each other in a circle: {_circle((*trail, name))}")
    named: list[str] = list(step.keys.after)

    def filled(text: str) -> str:
        def output(match: re.Match[str]) -> str:
            other = match[1]
            if match[0] == SET_MARK:
                return match[0]
            if other not in chain.steps:
                raise UserError(
                    f"{step.where}: no step '{other}' for {match[0]}{suggestion(other, chain.steps)}"
                )
            named.append(other)
            return str(_resolve(chain, other, resolved, (*trail, name)).output)

        return REFERENCE.sub(output, text)

    resolved[name] = _planned(step, filled, named)
    return resolved[name]


def _planned(step: ChainStep, filled: Fill, named: list[str]) -> PlannedStep:
    kind = KINDS[step.keys.run]
    try:
        words, settings, output = (_with_words if kind.form == WORDS else _with_settings)(step, kind, filled)
    except UserError as error:
        text = str(error)
        raise UserError(
            text if text.startswith(step.where) else f"{step.where}: {step.name}: {text}"
        ) from error
    if not output:
        raise UserError(f"{step.where}: {step.name}: output_dir must be set, in the recipe or in overrides")
    place = Path(output)
    return PlannedStep(
        step.name,
        kind,
        step.where,
        (*step.keys.run.split(), *words),
        {"run": step.keys.run, **settings, "output": str(place)},
        place,
        tuple(dict.fromkeys(_paths(settings, absolute(place)))),
        tuple(dict.fromkeys(named)),
    )


Resolved = tuple[list[str], dict[str, Any], str | None]
"""The words behind the command, its settings, and its output."""


def _with_words(step: ChainStep, kind: StepKind, filled: Fill) -> Resolved:
    output = filled(str(step.keys.output))
    own = [filled(word) for word in step.keys.words]
    return [*own, *(part.format(output) for part in kind.flag)], {"words": own}, output


def _with_settings(step: ChainStep, kind: StepKind, filled: Fill) -> Resolved:
    keys = step.keys
    overrides = [f"{key}={_written(_filled(value, filled))}" for key, value in keys.overrides.items()]
    overrides += [filled(word) for word in step.more]
    if kind.form == PLACE:
        output = filled(str(keys.output))
        return [output, *overrides], resolve_settings(keys.run, None, overrides), output
    path = Path(str(keys.recipe))
    settings = resolve_settings(keys.run, path, overrides)
    return [str(path), *overrides], settings, kind.place(settings, path)


def _filled(value: Any, filled: Fill) -> Any:
    if isinstance(value, str):
        return filled(value)
    if isinstance(value, dict):
        return {key: _filled(item, filled) for key, item in value.items()}
    return [_filled(item, filled) for item in value] if isinstance(value, list) else value


def _written(value: Any) -> str:
    is_plain = isinstance(value, str) and PLAIN_PATH.fullmatch(value)
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False)


def _paths(settings: Mapping[str, Any], own: str) -> Iterator[str]:
    """Yield what can be a path among the settings, absolute, without the step's own output."""
    for key, value in settings.items():
        for text in _texts(value):
            if not (text and ("/" in text or PATH_KEY.search(key) or key == "words")):
                continue
            for part in (text, *text.split(",")):
                path = SAMPLED.sub("", part.partition("=")[2] if key == "words" and "=" in part else part)
                if path.strip() and "://" not in path and "\n" not in path and "\0" not in path:
                    place = absolute(Path(path.strip()))
                    if not _is_inside(place, own):
                        yield place


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def absolute(path: Path) -> str:
    """Return the absolute path behind all links: one place has one name."""
    return str(path.expanduser().resolve())


def _is_inside(path: str, folder: str) -> bool:
    return PurePath(path).is_relative_to(folder)


def _reads_output(step: PlannedStep, other: PlannedStep) -> bool:
    theirs = absolute(other.output)
    if _is_inside(absolute(step.output), theirs):
        return True
    return any(_is_inside(path, theirs) or _fits(path, theirs) for path in step.reads)


def _not_written(paths: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
    """Return the paths that no step writes, relative to here if they lie here: a chain can be moved."""
    here = absolute(Path())
    return tuple(
        str(PurePath(path).relative_to(here)) if _is_inside(path, here) else path
        for path in paths
        if not any(_is_inside(path, output) or _is_inside(output, path) for output in outputs)
    )


def _fits(pattern: str, output: str) -> bool:
    """Tell whether a pattern of paths, such as data/odinw/*, can name an output or what lies in it."""
    parts = PurePath(pattern.replace(SET_MARK, "*")).parts
    fixed = next((number for number, part in enumerate(parts) if set(part) & set("*?[")), None)
    if fixed is None:
        return False
    folder = str(PurePath(*parts[:fixed]))
    theirs = PurePath(output)
    return _is_inside(folder, output) or (
        theirs.is_relative_to(folder) and PurePath(*theirs.parts[: len(parts)]).match(str(PurePath(*parts)))
    )


def _refuse_shared(steps: Sequence[PlannedStep]) -> None:
    seen: dict[str, PlannedStep] = {}
    for step in steps:
        other = seen.setdefault(absolute(step.output), step)
        if other is not step:
            raise UserError(
                f"{step.where}: {step.name} writes {step.output}, and so does {other.name}: "
                "give one of them another output"
            )


def _sorted(chain: ChainFile, parents: Mapping[str, Sequence[str]]) -> list[str]:
    order: list[str] = []

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            circle = _circle((*trail, name))
            raise UserError(f"{chain.steps[name].where}: steps depend on each other in a circle: {circle}")
        for parent in parents[name]:
            visit(parent, (*trail, name))
        if name not in order:
            order.append(name)

    for name in parents:
        visit(name, ())
    return order


def _circle(trail: tuple[str, ...]) -> str:
    return " -> ".join(trail[trail.index(trail[-1]) :])


def with_parents(steps: Sequence[PlannedStep], name: str) -> list[PlannedStep]:
    """Return a step and all that it depends on, in their order."""
    wanted = {name}
    for step in reversed(steps):
        if step.name in wanted:
            wanted.update(step.parents)
    return [step for step in steps if step.name in wanted]
