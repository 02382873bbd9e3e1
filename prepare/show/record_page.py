"""Records as one HTML page that opens from disk: pictures inside, boxes as SVG, texts with their tokens."""

import base64
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from grounding.boxes import GRID, Size
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.record import ReadBack, read_back
from models.qwen3_vl.resolution import FACTOR, training_size

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#f032e6", "#808000")

JPEG_QUALITY = 88
TURN_START, TURN_END, IMAGE_START, IMAGE_END = (
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
)
IMAGE_TOKEN = "<|image_pad|>"

STYLE = """
body { font: 14px/1.45 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  margin: 24px auto; max-width: 1200px; padding: 0 16px; color: #222; background: #fafafa; }
article { display: flex; gap: 16px; margin: 0 0 20px; padding: 12px; background: #fff;
  border: 1px solid #ddd; }
figure { flex: 0 0 480px; margin: 0; } svg { width: 100%; height: auto; display: block; background: #eee; }
section { flex: 1; min-width: 0; } h2 { margin: 28px 0 8px; } h3 { margin: 0 0 6px; font-size: 14px; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 12px/1.5 ui-monospace, monospace; }
.token { color: #0a58ca; } .problem { color: #b00020; } .quiet { color: #666; }
"""

_TOKEN = re.compile(r"&lt;\|[a-z_]+\|&gt;(?: × [0-9]+)?")


def write_page(files: dict[str, Path], limit: int, min_pixels: int, max_pixels: int) -> str:
    """Return the page: of each split, up to `limit` records spread evenly over its file.

    Raises:
        UserError: a line that is not a record, or an image that cannot be read.
    """
    parts = []
    for split, path in files.items():
        total = sum(1 for _ in read_jsonl(path))
        parts.append(f"<h2>{split}: {min(limit, total):,} of {total:,} records</h2>")
        for line, record in _pick(path, total, limit):
            try:
                parts.append(_write_record(path, line, record, min_pixels, max_pixels))
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                raise UserError(f"{path}, line {line}: {error}: run python -m prepare.check") from error
    folder = html.escape(next(iter(files.values())).resolve().parent.name)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{folder}</title>'
        f"<style>{STYLE}</style></head><body><h1>{folder}</h1>"
        f'<p class="quiet">Images at training resolution ({min_pixels:,} to {max_pixels:,} pixels); boxes as '
        "read back from the text of the answer; text as trained, special tokens in blue.</p>"
        f"{''.join(parts)}</body></html>\n"
    )


def _pick(path: Path, total: int, limit: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield up to `limit` lines, spread evenly."""
    wanted = {number * total // min(limit, total) for number in range(min(limit, total))}
    for position, (line, record) in enumerate(read_jsonl(path)):
        if position in wanted:
            yield line, record


def _write_record(path: Path, line: int, record: dict[str, Any], min_pixels: int, max_pixels: int) -> str:
    read = read_back(record)
    with Image.open(path.parent / read.image) as image:
        original = Size(*image.size)
        size = training_size(original, min_pixels, max_pixels)
        seen = image.convert("RGB").resize((size.width, size.height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    seen.save(buffer, "JPEG", quality=JPEG_QUALITY)
    source = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    tokens = size.width * size.height // FACTOR**2
    problems = "".join(f'<p class="problem">{html.escape(problem)}</p>' for problem in read.problems)
    return (
        f'<article><figure><svg viewBox="0 0 {size.width} {size.height}" role="img">'
        f'<image href="{source}" width="{size.width}" height="{size.height}"/>{_draw_boxes(read, size)}</svg>'
        f"</figure><section><h3>line {line}: {html.escape(read.image)}</h3>"
        f'<p class="quiet">{original.width} x {original.height} pixels, seen as {size.width} x '
        f"{size.height}, {tokens:,} tokens; {len(read.objects):,} objects</p>{problems}"
        f"<pre>{_write_text(read, tokens)}</pre></section></article>"
    )


def _draw_boxes(read: ReadBack, size: Size) -> str:
    """Return the boxes as SVG, in the pixels of the training resolution, one colour a label."""
    labels = list(dict.fromkeys(detection.label for detection in read.objects))
    line, text = max(size.width, size.height) / 320, max(size.width, size.height) / 36
    parts = []
    for detection in read.objects:
        colour = COLOURS[labels.index(detection.label) % len(COLOURS)]
        x1, y1, x2, y2 = (
            value * side / GRID
            for value, side in zip(detection.box.xyxy, (size.width, size.height) * 2, strict=True)
        )
        parts.append(
            f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}" fill="none" '
            f'stroke="{colour}" stroke-width="{line:.1f}"/>'
        )
        # A wide guess of the text's width keeps long expressions inside the picture.
        wide = sum(1.0 if character > "\u2e7f" else 0.6 for character in detection.label)
        font = min(text, size.width / max(wide, 1))
        left = max(0.0, min(x1 + line, size.width - wide * font))
        baseline = y1 - line if y1 > font * 1.2 else y1 + font
        parts.append(
            f'<text x="{left:.1f}" y="{baseline:.1f}" font-size="{font:.1f}" fill="{colour}" '
            f'stroke="#fff" stroke-width="{font / 5:.1f}" paint-order="stroke">'
            f"{html.escape(detection.label)}</text>"
        )
    return "".join(parts)


def _write_text(read: ReadBack, tokens: int) -> str:
    """Return the text of all turns as the template qwen3_vl_nothink puts it, special tokens marked."""
    turns = []
    for role, text in read.turns:
        content = text.replace("<image>", f"{IMAGE_START}{IMAGE_TOKEN} × {tokens}{IMAGE_END}")
        turns.append(f"{TURN_START}{role}\n{content}{TURN_END}\n")
    return _TOKEN.sub(
        lambda match: f'<span class="token">{match.group()}</span>', html.escape("".join(turns))
    )
