import json
import os

import pytest

from grounding.errors import UserError
from tests.visualize.samples import prediction, write_lines
from visualize.read.compared_runs import (
    answered_by_all,
    dataset_of_runs,
    find_image,
    read_named_run,
    read_truth,
)
from visualize.read.training_records import read_records


def change_annotations(dataset, change):
    path = dataset / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_crowds_are_apart_from_objects(dataset):
    change_annotations(dataset, lambda content: content["annotations"][0].update(iscrowd=1))
    truth = read_truth(dataset)
    assert [len(truth.images[number].detections) for number in (7, 3, 5)] == [0, 1, 1]
    assert [len(truth.images[number].crowds) for number in (7, 3, 5)] == [1, 0, 0]
    assert truth.categories == ("方块", "circle")


def test_annotations_of_another_form_are_a_users_error(dataset):
    change_annotations(dataset, lambda content: content["annotations"][0].pop("bbox"))
    with pytest.raises(UserError, match=r"annotations_val\.json: no annotations\[0\]\.bbox"):
        read_truth(dataset)


def test_a_run_keeps_what_the_model_wrote(run):
    rows = [prediction(3, raw="I <b>see</b>", problems=["no box in the answer"]), prediction(7)]
    write_lines(run / "predictions.jsonl", rows)
    answers = read_named_run("after", run).answers
    answered = answers[3]
    assert (answered.raw, answered.image, answered.question) == ("I <b>see</b>", "images/3.png", "?")
    assert answers[3].problems == ("no box in the answer",)
    assert list(answers) == [3, 7]


def test_only_images_that_every_run_has_answered_count(run, dataset):
    truth, whole = read_truth(dataset), read_named_run("before", run)
    write_lines(run / "predictions.jsonl", [prediction(5), prediction(7)])
    assert answered_by_all(truth, [whole, read_named_run("after", run)]) == [7, 5]


def test_an_image_is_found_with_and_without_its_folder(run, dataset):
    change_annotations(dataset, lambda content: content["images"][0].update(file_name="7.png"))
    write_lines(run / "predictions.jsonl", [{"image_id": 7, "detections": []}])
    truth, answers = read_truth(dataset), read_named_run("after", run).answers
    assert find_image(truth, truth.images[7], answers[7]) == dataset / "images" / "7.png"


def test_only_the_val_split_has_a_truth(run):
    with (run / "infer.yaml").open("a", encoding="utf-8") as file:
        file.write("split: train\n")
    with pytest.raises(UserError, match="only val has annotations"):
        dataset_of_runs([read_named_run("after", run)], None)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "images/link.png"])
def test_no_image_outside_the_data_set_is_shown(run, dataset, name):
    (dataset.parent / "secret.png").write_bytes((dataset / "images/7.png").read_bytes())
    (dataset / "images/link.png").symlink_to("../../secret.png")
    change_annotations(dataset, lambda content: content["images"][0].update(file_name=name))
    write_lines(run / "predictions.jsonl", [{"image_id": 7, "image": "images/7.png", "detections": []}])
    truth, answers = read_truth(dataset), read_named_run("after", run).answers
    with pytest.raises(UserError, match="lies outside the data set's folder"):
        find_image(truth, truth.images[7], answers[7])
    write_lines(dataset / "val.jsonl", [{
        "messages": [{"role": "user", "content": "<image>?"}, {"role": "assistant", "content": "!"}],
        "images": [name],
    }])  # fmt: skip
    with pytest.raises(UserError, match=r"line 1: .* lies outside the data set's folder"):
        list(read_records(dataset / "val.jsonl", 1))


def test_a_pipe_is_no_image(run, dataset):
    (dataset / "images/7.png").unlink()
    os.mkfifo(dataset / "images/7.png")
    truth, answers = read_truth(dataset), read_named_run("after", run).answers
    with pytest.raises(UserError, match="no such image"):
        find_image(truth, truth.images[7], answers[7])
