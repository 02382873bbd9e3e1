"""What transformers makes of an exported folder; run by the Python of .venv-torch with FOLDER IMAGE OUT.

Writes OUT (.npz): the encoded prompt, logits of every position and the greedy answer's token ids.
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


def main(folder: str, image: str, out: str) -> None:
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
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
