import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infer.engines.kept import Kept


@dataclass(frozen=True)
class Thing:
    size: int


def test_what_was_not_used_for_longest_makes_room() -> None:
    kept, things = Kept(10), {name: Thing(4) for name in "abc"}
    kept.put("a", things["a"])
    kept.put("b", things["b"])
    assert kept.find("a") is things["a"]
    kept.put("c", things["c"])
    assert [kept.find(name) for name in "abc"] == [things["a"], None, things["c"]]
    assert kept.bytes == 8
    assert kept.all() == [things["a"], things["c"]]


def test_what_is_larger_than_all_room_is_not_kept() -> None:
    kept = Kept(10)
    kept.put("a", Thing(10))
    kept.put("b", Thing(11))
    assert kept.find("a") == Thing(10)
    assert kept.find("b") is None
    kept.put("a", Thing(11))  # the old one is gone, too
    assert kept.find("a") is None
    assert kept.bytes == 0


def test_a_key_has_one_thing() -> None:
    kept = Kept(10)
    kept.put("a", Thing(6))
    kept.put("a", Thing(7))
    assert (kept.find("a"), kept.bytes) == (Thing(7), 7)
    kept.clear()
    assert (kept.find("a"), kept.bytes) == (None, 0)


def test_threads_keep_the_count_right() -> None:
    kept = Kept(20)

    def use(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(2000):
            key = chance.randrange(8)
            if kept.find(key) is None:
                kept.put(key, Thing(1 + key))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    assert 0 < kept.bytes <= 20
    assert kept.bytes == sum(thing.size for thing in map(kept.find, range(8)) if thing is not None)
