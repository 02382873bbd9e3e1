"""What transformers makes of questions; run by a Python with torch and transformers: FOLDER, with job.json.

It imports nothing of this project. job.json has `checkpoint`, `dtype`, `max_new_tokens`, `batch_size` and
`questions`, each with `images` and `messages`, and `alternatives`: how many of the likeliest tokens are
written for each place. Writes inputs.npz and settings.json, and the line "encoded";
then the starts of all answers, first.json, and the answers, whole.json, each with a line for their number
whenever there are more, and the word "done".
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

FIRST_TOKENS = 4
"""The first character of an answer takes up to so many."""


def main(folder: Path) -> None:
    """Read the job, and write what transformers sees and answers."""
    import numpy as np
    import torch
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    dtype = getattr(torch, job["dtype"])
    checkpoint = job["checkpoint"]
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    # The fast image processor needs torchvision.
    fast = {} if importlib.util.find_spec("torchvision") else {"use_fast": False}
    processor = AutoImageProcessor.from_pretrained(checkpoint, **fast)
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=dtype).eval()
    model.to("cuda" if torch.cuda.is_available() and job["device"] != "cpu" else "cpu")
    encoded = [encode(question, tokenizer, processor, model) for question in job["questions"]]
    arrays = {
        f"{name}{number}": each[name].numpy()
        for number, each in enumerate(encoded)
        for name in ("ids", "pixels", "grid", "positions")
    }
    np.savez(folder / "inputs.npz", **arrays)
    limits = {key: value for key, value in dict(processor.size).items() if value is not None}
    settings = {"dtype": job["dtype"], "resample": int(processor.resample), **limits}
    settings["patch_size"] = processor.patch_size
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    sys.stdout.write("encoded\n")
    sys.stdout.flush()
    for name, most in (("first", min(FIRST_TOKENS, job["max_new_tokens"])), ("whole", job["max_new_tokens"])):
        answers = []
        for start in range(0, len(encoded), job["batch_size"]):
            batch = encoded[start : start + job["batch_size"]]
            answers += answer(model, tokenizer, batch, most, job["alternatives"])
            sys.stdout.write(f"{len(answers)}\n")
            sys.stdout.flush()
        (folder / f"{name}.json").write_text(json.dumps(answers), encoding="utf-8")
        sys.stdout.write("done\n")
        sys.stdout.flush()


def encode(question: dict[str, Any], tokenizer: Any, processor: Any, model: Any) -> dict[str, Any]:
    """Return the tensors of one question, on the CPU."""
    from PIL import Image

    pictures = [Image.open(image).convert("RGB") for image in question["images"]]
    seen = processor(images=pictures, return_tensors="pt")
    text = tokenizer.apply_chat_template(question["messages"], tokenize=False, add_generation_prompt=True)
    image_token = tokenizer.convert_ids_to_tokens(model.config.image_token_id)
    first, *others = text.split(image_token)
    counts = (seen["image_grid_thw"].prod(1) // processor.merge_size**2).tolist()
    text = first + "".join(image_token * count + part for count, part in zip(counts, others, strict=True))
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    grid = seen["image_grid_thw"]
    kinds = (ids == model.config.image_token_id).int()
    positions, _ = model.model.get_rope_index(ids, kinds, image_grid_thw=grid)
    return {"ids": ids[0], "pixels": seen["pixel_values"], "grid": grid, "positions": positions[:, 0]}


def answer(
    model: Any, tokenizer: Any, batch: list[dict[str, Any]], most: int, alternatives: int
) -> list[dict[str, Any]]:
    """Return text, tokens and log-probabilities of the greedy answers to one left-padded batch."""
    import torch

    length = max(len(each["ids"]) for each in batch)
    ids = torch.full((len(batch), length), tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    for row, each in enumerate(batch):
        ids[row, length - len(each["ids"]) :] = each["ids"]
        mask[row, length - len(each["ids"]) :] = 1
    inputs = {
        "input_ids": ids,
        "attention_mask": mask,
        "mm_token_type_ids": (ids == model.config.image_token_id).int(),
        "pixel_values": torch.cat([each["pixels"] for each in batch]).to(model.dtype),
        "image_grid_thw": torch.cat([each["grid"] for each in batch]),
    }
    inputs = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    with torch.no_grad():
        done = model.generate(
            **inputs, do_sample=False, max_new_tokens=most, output_logits=True, return_dict_in_generate=True
        )
    logprobs = torch.stack(done.logits, 1).double().log_softmax(-1)
    ends = model.generation_config.eos_token_id
    end_ids = set(ends) if isinstance(ends, list) else {ends}
    return [
        written(tokenizer, row[length:].tolist(), of_row, end_ids, alternatives)
        for row, of_row in zip(done.sequences, logprobs, strict=True)
    ]


def written(
    tokenizer: Any, ids: list[int], logprobs: Any, end_ids: set[int], alternatives: int
) -> dict[str, Any]:
    """Return an answer up to its end token."""
    stop = next((place for place, token in enumerate(ids) if token in end_ids), len(ids))
    ids = ids[:stop]
    values, likely = logprobs[:stop].topk(min(alternatives, logprobs.shape[-1]))
    return {
        "ids": ids,
        "text": tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False),
        "logprobs": [float(logprobs[place, token]) for place, token in enumerate(ids)],
        "alternatives": [
            list(zip(*each, strict=True)) for each in zip(likely.tolist(), values.tolist(), strict=True)
        ],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
