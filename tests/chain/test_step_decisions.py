"""What runs after a change: exactly the changed step and its descendants, whatever the graph."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.step_decisions import (
    DONE,
    IS_CHANGED,
    IS_DONE,
    IS_INTERRUPTED,
    IS_LOST,
    IS_NEW,
    IS_OPEN,
    RUNNING,
    StepNow,
    StepRecord,
    judge_step,
    judge_steps,
)

World = dict[str, StepNow]
Records = dict[str, StepRecord]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to seven steps, each behind its parents; the output of a step is made of all that it has read."""
    count = draw(st.integers(1, 7))
    world: World = {}
    for number in range(count):
        parents = draw(st.lists(st.integers(0, number - 1), unique=True)) if number else []
        inputs = {"file": "1"} if draw(st.booleans()) else {}
        world[f"s{number}"] = StepNow({"seed": 1}, [f"s{one}" for one in sorted(parents)], inputs, None)
    return world


def descendants(world: World, name: str) -> set[str]:
    found = {name}
    for other, step in world.items():
        if found & set(step.parents):
            found.add(other)
    return found


def result(step: StepNow, records: Records) -> str:
    return f"{step.settings} {step.inputs} {[records[name].output for name in step.parents]}"


def run(world: World, records: Records, limit: int | None = None) -> list[str]:
    """Run what has to run, as a chain does, and return the names; a limit kills the chain in that step."""
    ran: list[str] = []
    for name, step in world.items():
        verdict = judge_step(step, name, records)
        if verdict.state == IS_DONE:
            continue
        before = records.get(name)
        number = before.number if before else 0
        is_new = before is None or verdict.state == IS_CHANGED
        record = StepRecord(
            number + is_new,
            RUNNING,
            step.settings,
            {parent: records[parent].number for parent in step.parents},
            step.inputs,
            name,
            None if is_new or before is None else before.output,
        )
        records[name] = record
        ran.append(name)
        if len(ran) == limit:
            return ran
        made = result(step, records)
        world[name] = replace(step, output=made)
        is_other = record.output not in (None, made)
        records[name] = replace(record, state=DONE, output=made, number=record.number + is_other)
    return ran


def changed(step: StepNow, kind: str) -> StepNow:
    if kind == "settings":
        return replace(step, settings={"seed": 2})
    if kind == "no settings":
        return replace(step, settings={})
    return replace(step, inputs={"file": "2"})


@given(worlds(), st.data())
def test_a_change_runs_the_step_and_its_descendants_and_nothing_else(
    world: World, data: st.DataObject
) -> None:
    records: Records = {}
    assert run(world, records) == list(world)
    assert run(world, records) == []
    name = data.draw(st.sampled_from(list(world)))
    kind = data.draw(st.sampled_from(["settings", "no settings", "inputs"]))
    world[name] = changed(world[name], kind)
    expected = descendants(world, name)
    planned = {one for one, verdict in judge_steps(world, records).items() if verdict.state != IS_DONE}
    assert planned == expected
    assert set(run(world, records)) == expected
    assert run(world, records) == []


@given(worlds(), st.data())
def test_a_chain_that_is_killed_at_any_step_ends_as_one_that_is_not(
    world: World, data: st.DataObject
) -> None:
    records: Records = {}
    run(world, records)
    name = data.draw(st.sampled_from(list(world)))
    world[name] = changed(world[name], "settings")
    expected = descendants(world, name)
    killed = run(world, records, limit=data.draw(st.integers(1, len(expected))))
    assert judge_steps(world, records)[killed[-1]].state == IS_INTERRUPTED
    later = run(world, records)
    assert set(killed) | set(later) == expected
    assert set(killed[:-1]).isdisjoint(later)
    assert run(world, records) == []
    assert all(world[one].output == result(world[one], records) for one in world)


@given(worlds(), st.data())
def test_a_lost_output_runs_its_step_alone_if_it_comes_out_the_same(
    world: World, data: st.DataObject
) -> None:
    records: Records = {}
    run(world, records)
    name = data.draw(st.sampled_from(list(world)))
    world[name] = replace(world[name], output=data.draw(st.sampled_from([None, "changed by hand"])))
    verdicts = judge_steps(world, records)
    assert verdicts[name].state == IS_LOST
    assert {one for one, verdict in verdicts.items() if verdict.state == IS_OPEN} == descendants(
        world, name
    ) - {name}
    assert run(world, records) == [name]


def test_a_lost_output_that_comes_out_otherwise_runs_what_depends_on_it() -> None:
    world = {"a": StepNow({}, [], {}, None), "b": StepNow({}, ["a"], {}, None)}
    records: Records = {}
    run(world, records)
    records["a"] = replace(records["a"], output="of another version")
    assert run(world, records) == ["a", "b"]


def test_each_verdict_says_why() -> None:
    step = StepNow({"seed": 2, "size": 3}, ["a"], {"photos": "x"}, "out")
    record = StepRecord(1, DONE, {"seed": 1}, {"a": 1, "b": 1}, {"photos": "y", "gone": "z"}, "out", "out")
    parent = StepRecord(2, DONE, {}, {}, {}, "a", "of a")
    world = {"a": StepNow({}, [], {}, "of a"), "c": step}
    verdict = judge_steps(world, {"a": parent, "c": record})["c"]
    assert verdict.state == IS_CHANGED
    assert verdict.reasons == (
        "seed: 1 -> 2",
        "size: none -> 3",
        "gone is not read any more, or gone",
        "photos changed",
        "a has run again",
        "does not depend on b any more",
    )
    assert verdict.changed_keys == {"seed", "size", "photos", "a"}
    assert judge_steps(world, {})["c"].state == IS_NEW


@pytest.mark.parametrize(("state", "output"), [(RUNNING, "out"), (DONE, "other")])
def test_a_change_counts_more_than_an_interruption_or_a_lost_output(state: str, output: str) -> None:
    record = StepRecord(1, state, {"seed": 1}, {}, {}, "out", "out")
    assert judge_step(StepNow({"seed": 2}, [], {}, output), "a", {"a": record}).state == IS_CHANGED
