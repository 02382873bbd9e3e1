"""Let data sets of PaddleFormers take their records from a cache.

PaddleFormers still reads the files of records, mixes, shuffles, packs and divides them. Each record has its
place in the cache with it, and what would be encoded is read from there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from train.cached.encoding_settings import encoding_settings
from train.cached.fitting_section import find_section
from train.cached.section import Settings
from train.cached.section_reader import ROW_KEY, CachedRow, is_stored, open_section, read_sequence
from train.recipe import taken_of_file

Undo = Callable[[], None]
SECTIONS = "grounding_sections"
"""The attribute of a data set that says which sections it reads, by the path of the file."""


def read_from_cache(cache: Path) -> Undo:
    """Let every data set of supervised fine-tuning that is made from now on read from a cache.

    The function that is returned takes it back. A data set that the cache does not fit raises UserError.
    """
    from paddleformers.datasets.SFTDataset import BaseSFTDataset

    build, encode = BaseSFTDataset.__init__, BaseSFTDataset._process_sft_sequence

    def build_from_cache(self: Any, **config: Any) -> None:
        sections = _sections(cache, config)
        setattr(self, SECTIONS, sections)
        with _numbered_records(sections):
            build(self, **config)

    def process(self: Any, example: Mapping[str, Any], number: int) -> Any:
        if is_stored(example):
            return read_sequence(example, number, self.max_seq_len)
        return encode(self, example, number)  # says why the run drops the record

    def undo() -> None:
        BaseSFTDataset.__init__, BaseSFTDataset._process_sft_sequence = build, encode

    BaseSFTDataset.__init__, BaseSFTDataset._process_sft_sequence = build_from_cache, process
    return undo


@contextmanager
def reading_from_cache(cache: str | None) -> Iterator[None]:
    """Do what `read_from_cache` does in the block; nothing without a cache."""
    undo = read_from_cache(Path(cache)) if cache else None
    try:
        yield
    finally:
        if undo:
            undo()


def cached_tokens(example: Mapping[str, Any], limit: int, *, decode: bool) -> int | None:
    """Return how many tokens a run keeps of a record that is read from a cache; None for another record."""
    row: CachedRow | None = example.get(ROW_KEY)
    return None if row is None else open_section(row.folder).kept_tokens(row.number, limit, decode=decode)


def is_cached(dataset: Any) -> bool:
    """Tell whether a data set reads its records from a cache."""
    return bool(getattr(dataset, SECTIONS, None))


def data_set_files(paths: object, shares: object) -> list[tuple[Path, int | None]]:
    """Return the files of a data set, each with how many of its records are taken, None for all.

    Files of which the mix takes nothing are left out. Source: MultiSourceDataset in
    paddleformers/datasets/reader/multi_source_datasets.py.
    """
    words = zip(_words(paths), _words(shares), strict=False)
    return [taken_of_file(word) for word, share in words if float(share) > 0]


def matching_sections(
    cache: Path, files: Iterable[tuple[Path, int | None]], settings: Settings
) -> dict[str, Path]:
    """Return the folder of the section of each file, by the file's path.

    Raises:
        UserError: a file has no section with these settings, or more records are taken of it than it has.
    """
    sections = {}
    for file, taken in files:
        folder, card = find_section(cache, file, settings)
        records = sum(card.counts.values())
        if taken is not None and taken > records:
            raise UserError(
                f"{file}#{taken}: takes more than the {records} records of the file: write #{records} or less"
            )
        sections[str(file)] = folder
    return sections


def refuse_random_stand_ins(
    dataset_type: object, packing: bool, limit: int, sections: Mapping[str, Path]
) -> None:
    """Refuse a data set that reads a random other record in place of one that is dropped.

    Source: MapSFTDataset._getitem_single, whose random numbers have no seed.

    Raises:
        UserError: the data set is one, and a record is dropped.
    """
    if str(dataset_type) != "map" or packing:
        return
    for file, folder in sections.items():
        if dropped := open_section(str(folder)).dropped(limit):
            raise UserError(
                f"dataset_type: map reads a random record in place of each of {dropped} that are dropped in "
                f"{file}: no cache gives the same batches: write iterator, or leave grounding_cache out"
            )


def _words(value: object) -> list[str]:
    return [word for word in str(value).replace(" ", "").split(",") if word]


def _sections(cache: Path, config: Mapping[str, Any]) -> dict[str, Path]:
    """Return the sections of the files in a data set's configuration."""
    limit = int(config["max_seq_len"])
    settings = encoding_settings(
        config["tokenizer"],
        config["template_instance"],
        config["processor"],
        str(config["truncation_strategy"]),
        limit,
    )
    files = data_set_files(config["task_group"], config["task_group_prob"])
    sections = matching_sections(cache, files, settings)
    refuse_random_stand_ins(config.get("dataset_type"), bool(config.get("packing")), limit, sections)
    return sections


@contextmanager
def _numbered_records(sections: Mapping[str, Path]) -> Iterator[None]:
    """Let readers of files write each record's place in the cache into it."""
    from paddleformers.datasets.reader.file_reader import FileReader

    read = FileReader.__iter__

    def iterate(self: Any) -> Iterator[Any]:
        load = self.loader_map[".jsonl"]
        folder = str(sections[str(Path(self._file_path))])

        def numbered(path: str) -> Iterator[Any]:
            for number, item in enumerate(load(path)):
                item[ROW_KEY] = CachedRow(folder, number)
                yield item

        self.loader_map = {".jsonl": numbered, ".json": numbered}
        try:
            yield from read(self)
        finally:
            self.loader_map = {**self.loader_map, ".jsonl": load, ".json": load}

    FileReader.__iter__ = iterate
    try:
        yield
    finally:
        FileReader.__iter__ = read
