"""The two kinds of work that go to threads: describe a region, and ground its descriptions again."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from prepare.describe.asking.region_views import (
    fit_pixels,
    jpeg_url,
    open_pixels,
    show_region,
    whole_picture_url,
)
from prepare.describe.asking.teacher_questions import ask_cycle, ask_description
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import TeacherImage, TeacherRegion
from prepare.servers.answer_log import LoggedAnswer
from prepare.servers.asked_servers import AskedServers


class RegionAsker:
    """Asks about regions; a picture is made only where a question is sent, and once for all of a region's."""

    def __init__(self, server: AskedServers, settings: DescribeSettings) -> None:
        """Take the servers, and how they are asked."""
        self.server, self.settings = server, settings

    def describe(self, image: TeacherImage, digest: str, region: TeacherRegion) -> list[LoggedAnswer | None]:
        """Return the answers to all samples of the question about a region, None where there is none.

        Raises:
            BudgetSpentError: the budget has no room for one of them.
            UserError: the run has to stop.
        """
        settings = self.settings

        @cache
        def picture() -> str:
            pixels = open_pixels(image.path)
            return jpeg_url(
                show_region(pixels, region.box, settings.show, settings.margin, settings.max_pixels)
            )

        questions = (
            ask_description(image, region, digest, settings, sample, picture)
            for sample in range(settings.samples)
        )
        return [self.server.ask(question) for question in questions]

    def ground(self, image: TeacherImage, digest: str, texts: Sequence[str]) -> list[LoggedAnswer | None]:
        """Return the answers to where the things that these texts name are, None where there is none.

        Raises:
            BudgetSpentError: the budget has no room for one of them.
            UserError: the run has to stop.
        """
        settings = self.settings

        @cache
        def picture() -> str:
            return whole_picture_url(image.path, image.size, settings.max_pixels)

        questions = (ask_cycle(image, text, digest, settings, picture) for text in texts)
        return [self.server.ask(question) for question in questions]


def hash_file(path: Path) -> str:
    """Return a hash of a file's bytes.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def sent_size(size: Size, max_pixels: int) -> Size:
    """Return the size of the picture that is sent to ground a description."""
    if size.width * size.height <= max_pixels:
        return size
    return Size(*fit_pixels(Image.new("1", (size.width, size.height)), max_pixels).size)
