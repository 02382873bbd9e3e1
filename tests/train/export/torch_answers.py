"""What transformers makes of an exported folder; run by the Python of .venv-torch with FOLDER IMAGE OUT.

Writes OUT (.npz): the encoded prompt, logits of every position and the greedy answer's token ids.
With RECORDS FED behind, it also reads the records of a JSONL file about several pictures: their token ids and
positions, and the mean loss on the tokens that FED (.npz) says are learned, under the record's number.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

QUESTION = "Task: Object Detection"
SYSTEM = "You are a helpful assistant."


def filled(row: dict) -> list[dict]:
    """The messages of a record as a chat template takes them, with the objects in their places."""
    labels, boxes = iter(row["objects"]["ref"]), iter(row["objects"]["bbox"])
    messages = []
    for message in row["messages"]:
        text = message["content"]
        while "<ref-object>" in text:
            text = text.replace("<ref-object>", f"<|object_ref_start|>{next(labels)}<|object_ref_end|>", 1)
        while "<bbox>" in text:
            x1, y1, x2, y2 = next(boxes)
            text = text.replace("<bbox>", f"<|box_start|>({x1},{y1}),({x2},{y2})<|box_end|>", 1)
        first, *others = text.split("<image>")
        parts = [{"type": "text", "text": first}]
        for other in others:
            parts += [{"type": "image"}, {"type": "text", "text": other}]
        messages.append({"role": message["role"], "content": parts if others else text})
    return messages


def read_records(model, tokenizer, processor, records: str, fed: str) -> dict[str, np.ndarray]:
    """Token ids, positions and loss of each record, by its number."""
    learned, found = np.load(fed), {}
    for number, line in enumerate(Path(records).read_text().splitlines()):
        row = json.loads(line)
        pictures = [Image.open(Path(records).parent / name).convert("RGB") for name in row["images"]]
        seen = processor(images=pictures, return_tensors="pt")
        first, *others = tokenizer.apply_chat_template(filled(row), tokenize=False).split("<|image_pad|>")
        for grid, other in zip(seen["image_grid_thw"], others, strict=True):
            first += "<|image_pad|>" * (int(grid.prod()) // processor.merge_size**2) + other
        ids = tokenizer(first, add_special_tokens=False, return_tensors="pt")["input_ids"]
        inputs = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == model.config.image_token_id).long(),
            "image_grid_thw": seen["image_grid_thw"],
        }
        labels = torch.tensor(learned[f"labels {number}"])
        with torch.no_grad():
            logits = model(**inputs, pixel_values=seen["pixel_values"]).logits[0, : len(labels)]
            positions = model.model.get_rope_index(**inputs)[0]
        loss = torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100)
        found |= {f"ids {number}": ids[0].numpy(), f"positions {number}": positions[:, 0].numpy()}
        found[f"loss {number}"] = loss.numpy()
    return found


def main(folder: str, image: str, out: str, *about_several: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)  # the fast one needs torchvision
    model, loading = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert type(model).__name__ in model.config.architectures, type(model)
    assert not loading["missing_keys"], loading
    assert not loading["unexpected_keys"], loading
    model.eval()

    seen = processor(images=[Image.open(image).convert("RGB")], return_tensors="pt")
    tokens = int(seen["image_grid_thw"][0].prod()) // processor.merge_size**2
    user = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    text = text.replace("<|image_pad|>", "<|image_pad|>" * tokens)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == model.config.image_token_id).long(),
        "pixel_values": seen["pixel_values"],
        "image_grid_thw": seen["image_grid_thw"],
    }
    model.generation_config.eos_token_id = None  # a longer answer shows more
    with torch.no_grad():
        logits = model(**inputs).logits
        answer = model.generate(**inputs, do_sample=False, max_new_tokens=40)[0, ids.shape[1] :]
    special = json.loads((Path(folder) / "config.json").read_text())["image_token_id"]
    assert tokenizer.convert_tokens_to_ids("<|image_pad|>") == special
    np.savez(
        out,
        input_ids=ids.numpy(),
        pixel_values=seen["pixel_values"].numpy(),
        image_grid_thw=seen["image_grid_thw"].numpy(),
        logits=logits.numpy(),
        answer=answer.numpy(),
        **(read_records(model, tokenizer, processor, *about_several) if about_several else {}),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
