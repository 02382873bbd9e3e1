"""Does an image decode? For most JPEG files the segments tell, without the pixels; all others are decoded.

libjpeg takes any entropy-coded data: where bits make no sense, or end early, it warns and goes on to the next
marker, and Pillow ignores warnings. Errors come from the segments (tables, frame, scans), and from files that
end before their end marker. So a JPEG file decodes if its segments do, and if they follow each other to the
end marker. That takes a tenth of the time of decoding the pixels.

No such rule holds for PNG, WEBP and GIF, whose decoders refuse damaged data: checksums do not show that a
stream is whole, and inflating a PNG is half of the work of decoding it.

Source: ITU-T T.81, annex B; jdmarker.c and jdhuff.c of libjpeg-turbo (next_marker, jpeg_resync_to_restart,
jpeg_fill_bit_buffer).
"""

import io
import re

from PIL import Image

from grounding.images.pixels import UNREADABLE

JPEG_FORMATS = ("JPEG", "MPO")
"""Pillow's names of JPEG files; an MPO is one with more pictures behind its end marker."""

FILL, START, END, SCAN = 0xFF, 0xD8, 0xD9, 0xDA

MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends entropy-coded data. FF 00 is a byte FF of it, restart markers are part of it, and FF FF is a fill
byte before a marker."""

HUFFMAN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive. libjpeg's decoders of other frames can fail on entropy-coded data."""

TABLES = frozenset({0xC4, 0xDB, 0xDD, SCAN})
"""Huffman tables, quantization tables, restart interval, and the header of a scan."""

COLOURS = frozenset({0xE0, 0xEE})
"""The segments of JFIF and Adobe: they name the colour space."""

SKIPPED = frozenset(range(0xE0, 0xF0)) - COLOURS | {0xFE}
"""Segments that libjpeg skips by their length: EXIF, colour profiles, previews, comments."""

USUAL = HUFFMAN_FRAMES | TABLES | COLOURS | SKIPPED


def check_pixels(image: Image.Image, data: bytes | memoryview) -> None:
    """Check that an image decodes; `data` is its file.

    Raises:
        OSError, ValueError, SyntaxError, EOFError, struct.error: it does not.
    """
    segments = without_pixels(data) if image.format in JPEG_FORMATS else None
    if segments is None or not _decodes(segments):
        _decode_small(image)


def _decodes(segments: bytes) -> bool:
    """Tell whether a JPEG file decodes. If not, the whole file may: a decoder can stop early."""
    try:
        with Image.open(io.BytesIO(segments), formats=("JPEG",)) as image:
            _decode_small(image)
    except UNREADABLE:
        return False
    return True


def _decode_small(image: Image.Image) -> None:
    # A JPEG decoded in grey at an eighth of its size is still read to its last byte.
    image.draft("L", (1, 1))
    image.load()


def without_pixels(data: bytes | memoryview) -> bytes | None:
    """Return a JPEG file without entropy-coded data and without the segments that decoders skip.

    libjpeg accepts the whole file if it accepts these bytes. None if only decoding can tell: the end marker
    is missing, a marker stands where none belongs, or the frame is of a rare kind (arithmetic, lossless).
    """
    content = memoryview(data)
    if content[:2] != bytes((FILL, START)):
        return None
    pieces: list[bytes | memoryview] = [content[:2]]
    place = 2
    while (segment := _segment(content, place)) is not None:
        marker, stop = segment
        if marker == END:
            return b"".join((*pieces, content[place:stop]))
        if marker not in SKIPPED:
            pieces.append(content[place:stop])
        if marker == SCAN:
            following = MARKER.search(content, stop)
            if following is None:
                return None
            stop = following.start()
        place = stop
    return None


def _segment(content: memoryview, place: int) -> tuple[int, int] | None:
    """Return the marker at a place, and where its segment ends; None if there is no whole, usual segment."""
    if place + 2 > len(content) or content[place] != FILL:
        return None
    marker = content[place + 1]
    if marker == END:
        return marker, place + 2
    length = int.from_bytes(content[place + 2 : place + 4], "big")
    stop = place + 2 + length
    return (marker, stop) if marker in USUAL and length >= 2 and stop <= len(content) else None
