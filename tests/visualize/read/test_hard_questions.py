import pytest

from grounding.errors import UserError
from tests.infer.mine.stubborn_engine import mine_pairs, write_mined_source
from visualize.read.compared_runs import by_question
from visualize.read.hard_questions import read_hard_questions


def test_the_hardest_questions_are_images_of_two_runs(mined):
    truth, runs = read_hard_questions(mined)
    assert [image.image[-5] for image in truth.images.values()] == [
        "2",
        "1",
        "5",
        "3",
        "4",
    ]  # 0 is no hard one
    assert [run.name for run in runs] == ["worst answer", "best answer"]
    assert all(list(run.answers) == list(truth.images) == [1, 2, 3, 4, 5] for run in runs)
    worst, best = (run.answers[5] for run in runs)
    assert [item.label for item in worst.detections] == ["cat", "cow"]
    assert [item.label for item in best.detections] == ["cat"]
    assert truth.images[5].detections == best.detections
    assert truth.categories == ("cat", "dog", "cow")


def test_the_caption_says_what_is_wrong(mined):
    _, runs = read_hard_questions(mined)
    assert runs[0].answers[1].question == (
        "Task: Object Detection · hardness 1.00, mean reward 0.00 · dog: wrong label 2"
    )
    assert runs[1].answers[5].question.endswith("cow: invented in 50%")


def test_the_limit_keeps_the_hardest(mined):
    assert list(read_hard_questions(mined, 2)[0].images) == [1, 2]


def test_a_folder_without_its_images_is_refused(mined):
    for path in (mined / "images").iterdir():
        path.unlink()
    with pytest.raises(
        UserError, match="no hard question with an image in it: mine again with overwrite=true"
    ):
        read_hard_questions(mined)


def test_another_folder_is_refused(tmp_path, mined):
    with pytest.raises(UserError, match="is not a prepared data set"):
        read_hard_questions(tmp_path)
    with pytest.raises(UserError, match=r"is no folder of `python -m infer\.mine`"):
        read_hard_questions(tmp_path / "data")


def test_hard_questions_with_several_pictures_keep_them_together(tmp_path):
    write_mined_source(tmp_path / "data")
    checkpoint = tmp_path / "model"
    checkpoint.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (checkpoint / name).write_text("{}", encoding="utf-8")
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    truth, runs = read_hard_questions(mine_pairs(tmp_path, checkpoint), 2)
    assert list(truth.images) == [1, 2, 3, 4]
    assert by_question(runs, [1, 2, 3, 4]) == [(1, 2), (3, 4)]
    assert [run.answers[2].image_id for run in runs] == [2, 2]
