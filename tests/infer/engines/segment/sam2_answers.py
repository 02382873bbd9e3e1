"""What SAM 2 with random weights answers; run by the Python of .venv-torch: FOLDER.

Writes FOLDER/model, answers.npz with the masks of each way of asking, and facts.json. The reference asks the
model itself, without this project's code: pictures resized by Pillow's rule in torch, no kept features.
"""

# ruff: noqa: E402
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.torchvision_folder import find_torchvision

HAS_TORCHVISION = find_torchvision()  # before transformers looks for it

from transformers import Sam2Config, Sam2Model

from grounding.boxes import Box, Size
from grounding.errors import UserError
from infer.engines.segment.mask_request import MaskRequest, answering_several, digest_of
from infer.engines.segment.opening_segmenters import open_segmenter
from infer.engines.segment.sam2_pictures import Sam2Pictures
from infer.engines.segment.segmenter import Click, MaskPrompt, ScoredMask
from infer.engines.segment.segmenter_settings import SegmenterSettings

SIDE = 64
SIZES = ((70, 50), (21, 33))
PROMPTS = (
    MaskPrompt((Click(3, 4.5),)),
    MaskPrompt((Click(3, 4), Click(9.25, 9, False))),
    MaskPrompt(box=Box(1, 2, 15, 20)),
    MaskPrompt((Click(3, 4, False),), Box(1, 2, 15, 20)),
    MaskPrompt((Click(12, 20),)),
)
BROKEN = ("no_folder", "no_weights", "pickle", "other_model", "half", "damaged", "other_size")


def main(folder: Path) -> None:
    """Ask in several ways."""
    model = make_model(folder / "model")
    pictures = make_pictures()
    facts: dict[str, Any] = {"errors": {name: error_of(folder, name) for name in BROKEN}}
    facts["no_gpu"] = loading_error(folder / "model", "cuda:7")
    settings = SegmenterSettings(backend="sam2", checkpoint=str(folder / "model"), device="cpu", batch_size=3)
    segmenter: Any = open_segmenter(settings)
    facts["answers_several"] = answering_several(segmenter) is segmenter
    facts["is_like_reference"] = pictures_like_torchvision()
    read: list[int] = []
    embed = segmenter.model.get_image_embeddings
    segmenter.model.get_image_embeddings = lambda inputs: (read.append(len(inputs)), embed(inputs))[1]
    requests = [MaskRequest(each, digest_of(each), prompt) for prompt in PROMPTS for each in pictures]
    arrays = saved("together", segmenter.answer(requests))
    facts["read_together"] = list(read)
    arrays |= saved("again", segmenter.answer(requests))
    facts["read_again"] = list(read)
    alone: Any = open_segmenter(SegmenterSettings(
        backend="sam2", checkpoint=str(folder / "model"), image_cache_megabytes=0
    ))  # fmt: skip
    alone.model.get_image_embeddings = lambda inputs: (read.append(len(inputs)), embed(inputs))[1]
    read.clear()
    arrays |= saved("alone", [alone.segment(each.picture, each.prompt) for each in requests])
    facts["read_alone"] = list(read)
    arrays |= saved("reference", [reference(model, each) for each in requests])
    half = SegmenterSettings(backend="sam2", checkpoint=str(folder / "model"), dtype="bfloat16", device="cpu")
    halved: Any = open_segmenter(half)
    arrays |= saved("half", halved.answer(requests))
    facts["kept_dtype"] = str(halved._kept.find(requests[0].digest).features[0].dtype)
    facts["paddle"] = sorted(name for name in sys.modules if name.split(".")[0].startswith("paddle"))
    np.savez(folder / "answers.npz", **arrays)
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def make_model(folder: Path) -> Sam2Model:
    """Save a small model; its scores differ clearly, which those of fresh weights do not."""
    torch.manual_seed(0)
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "image_size": [SIDE, SIDE],
        "hidden_size": 8,
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 2, 2, 2],
        "window_positional_embedding_background_size": [2, 2],
        "global_attention_blocks": [3],
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 32,
    }
    prompts = {"hidden_size": 32, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 8}
    decoder = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32}
    config = Sam2Config(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
    model = Sam2Model(config).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() > 1 and "mask_decoder" in name:
                weights.normal_(0, 0.3)
            elif "iou_prediction_head" in name:
                weights.normal_(0, 0.5)
    model.save_pretrained(folder)
    return model


def make_pictures() -> list[Image.Image]:
    """Return noise in two sizes."""
    generator = np.random.default_rng(0)
    return [
        Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for width, height in SIZES
    ]


def saved(name: str, answers: list[tuple[ScoredMask, ...]]) -> dict[str, Any]:
    """Return the arrays of answers."""
    return {
        f"{name}_{place}_{kind}": values
        for place, masks in enumerate(answers)
        for kind, values in (
            ("masks", np.stack([each.mask for each in masks])),
            ("scores", np.array([each.score for each in masks])),
        )
    }


def reference(model: Sam2Model, request: MaskRequest) -> tuple[ScoredMask, ...]:
    """Ask the model about one picture as its documentation does, with SAM's own coordinates."""
    width, height = request.picture.size
    pixels = torch.from_numpy(np.array(request.picture)).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    scale = torch.tensor([SIDE / width, SIDE / height])
    prompt, inputs = request.prompt, {}
    if prompt.clicks:
        points = torch.tensor([[[[click.x, click.y] for click in prompt.clicks]]]) * scale
        labels = torch.tensor([[[1 if click.is_positive else 0 for click in prompt.clicks]]])
        inputs = {"input_points": points, "input_labels": labels}
    if prompt.box is not None:
        inputs["input_boxes"] = torch.tensor([[prompt.box.xyxy]]) * torch.cat([scale, scale])
    is_one_click = len(prompt.clicks) == 1 and prompt.box is None
    with torch.no_grad():
        seen = model(pixel_values=(resized / 255 - mean) / std, multimask_output=is_one_click, **inputs)
    masks = torch.nn.functional.interpolate(seen.pred_masks[0], (height, width), mode="bilinear")[0] > 0
    found = [ScoredMask(*each) for each in zip(masks.numpy(), seen.iou_scores[0, 0].tolist(), strict=True)]
    return tuple(sorted(found, key=lambda each: -(each.score or 0)))


def pictures_like_torchvision() -> bool | None:
    """Compare with Sam2Processor; None where torchvision, which it needs, is missing."""
    if not HAS_TORCHVISION:
        return None
    from transformers import Sam2Processor
    from transformers.models.sam2.image_processing_sam2_fast import Sam2ImageProcessorFast

    processor = Sam2Processor(Sam2ImageProcessorFast(size={"height": SIDE, "width": SIDE}))
    ours, prompt = Sam2Pictures(SIDE, SIDE), PROMPTS[1]
    points = [[[[click.x, click.y] for click in prompt.clicks]]]
    labels = [[[1, 0]]]
    equal = True
    for picture in make_pictures():
        seen = processor(images=picture, input_points=points, input_labels=labels, return_tensors="pt")
        equal &= torch.allclose(seen["pixel_values"][0], ours.tensor(picture), atol=1e-6)
        equal &= torch.equal(seen["input_points"][0, 0], ours.points(prompt, Size(*picture.size)))
    return bool(equal)


def error_of(folder: Path, fault: str) -> str:
    """Return what is said about a folder with a fault."""
    broken = folder / fault
    if fault != "no_folder":
        shutil.copytree(folder / "model", broken)
    weights = broken / "model.safetensors"
    if fault == "no_weights":
        weights.unlink()
    elif fault == "pickle":
        torch.save(Sam2Model.from_pretrained(folder / "model").state_dict(), broken / "pytorch_model.bin")
        weights.unlink()
    elif fault == "other_model":
        change_json(broken / "config.json", model_type="qwen3_vl")
    elif fault == "half":
        from safetensors.torch import load_file, save_file

        tensors = load_file(weights)
        save_file({name: each for name, each in tensors.items() if "mask_decoder" not in name}, weights)
    elif fault == "damaged":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif fault == "other_size":
        change_json(broken / "preprocessor_config.json", size={"height": 32, "width": 32})
    return loading_error(broken, "cpu")


def loading_error(folder: Path, device: str) -> str:
    """Return what is said when a folder is loaded."""
    try:
        open_segmenter(SegmenterSettings(backend="sam2", checkpoint=str(folder), device=device))
    except UserError as error:
        return str(error)
    return "loaded"


def change_json(path: Path, **values: object) -> None:
    """Set values in a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(content | values), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
