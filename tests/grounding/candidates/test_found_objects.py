from grounding.boxes import Box
from grounding.candidates.found_objects import found_objects
from grounding.samples import Detection

DOG, CAT = Detection("dog", Box(0, 0, 10, 10)), Detection("cat", Box(20, 20, 30, 30))


def test_an_object_is_found_by_a_box_of_its_own_with_its_label() -> None:
    candidates = [(Box(0, 0, 10, 8), "dog"), (Box(20, 20, 30, 30), "dog")]
    assert found_objects([DOG, CAT], candidates, any_label=False) == [True, False]
    assert found_objects([DOG, CAT], candidates, any_label=True) == [True, True]


def test_one_box_finds_one_object_the_nearest() -> None:
    near = Detection("dog", Box(0, 0, 10, 9))
    assert found_objects([DOG, near], [(Box(0, 0, 10, 9), "dog")], any_label=False) == [False, True]


def test_half_of_the_union_is_enough() -> None:
    assert found_objects([DOG], [(Box(0, 0, 10, 5), None)], any_label=True) == [True]
    assert found_objects([DOG], [(Box(0, 0, 10, 4.9), None)], any_label=True) == [False]
    assert found_objects([DOG], [], any_label=True) == [False]
