"""The tensors of a model's folder: where each stands in its files, without reading them.

Format: https://github.com/huggingface/safetensors#format, the header's length in 8 bytes, JSON, then the
data.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from grounding.errors import UserError
from models.folder_files import ADAPTER_INDEX, ADAPTER_WEIGHTS, named_shards
from train.export.folder_writer import read_header, weight_files

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
"""The types of numbers that are read, and the bytes of one."""

METADATA = "__metadata__"


@dataclass(frozen=True)
class PlacedTensor:
    """A tensor of a file: its type, its shape, and the place of its numbers in the file, in bytes."""

    file: Path
    kind: str
    shape: tuple[int, ...]
    start: int
    length: int


def model_tensors(folder: Path) -> dict[str, PlacedTensor]:
    """Return the tensors of a model's folder by name, file after file, in the order of their numbers.

    Raises:
        UserError: a file is missing, or its header is none.
    """
    return _tensors(weight_files(folder))


def adapter_tensors(folder: Path) -> dict[str, PlacedTensor]:
    """Return the tensors of an adapter, as `model_tensors`."""
    named = named_shards(folder, ADAPTER_INDEX)
    files = sorted(folder / name for name in named) or sorted(folder.glob(ADAPTER_WEIGHTS))
    if missing := [file for file in files if not file.is_file()]:
        raise UserError(f"{missing[0]}: no such file: copy or download the adapter again")
    return _tensors(files)


def _tensors(files: list[Path]) -> dict[str, PlacedTensor]:
    found: dict[str, PlacedTensor] = {}
    for file in files:
        with file.open("rb") as source:
            header = read_header(source, file)
            data = source.tell()
        try:
            size = file.stat().st_size
            entries = sorted(_entries(header, file, data), key=lambda entry: entry[1].start)
            if any(one.start + one.length > size for _, one in entries):
                raise ValueError("its numbers end beyond the file")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{file}: damaged header ({error}): copy or download it again") from error
        found |= entries
    return found


def _entries(header: Mapping[str, Any], file: Path, data: int) -> Iterator[tuple[str, PlacedTensor]]:
    for name, entry in header.items():
        if name == METADATA:
            continue
        (start, end), kind = map(int, entry["data_offsets"]), entry["dtype"]
        shape = tuple(int(number) for number in entry["shape"])
        count = 1
        for number in shape:
            count *= number
        if kind not in BYTES or start < 0 or end - start != count * BYTES[kind]:
            raise ValueError(f"tensor '{name[:80]}' of type {str(kind)[:20]} and shape {list(shape)}")
        yield name, PlacedTensor(file, kind, shape, data + start, end - start)


def write_header(output: IO[bytes], tensors: Mapping[str, PlacedTensor]) -> None:
    """Write the header of a file whose numbers follow in the order of these tensors."""
    header: dict[str, Any] = {METADATA: {"format": "pt"}}
    place = 0
    for name, one in tensors.items():
        header[name] = {
            "dtype": one.kind,
            "shape": list(one.shape),
            "data_offsets": [place, place + one.length],
        }
        place += one.length
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    output.write(struct.pack("<Q", len(text)) + text)
