"""The descriptions of a region that were asked for, each kept or dropped for a reason."""

from dataclasses import dataclass

from grounding.boxes import Box
from prepare.describe.described_regions import TeacherImage, TeacherRegion
from prepare.servers.answer_log import SERVER_REFUSES

NO_ANSWER = "no answer after all retries"
EMPTY = "empty"
IN_PLACE = "something else in place of an answer"
REFUSED = SERVER_REFUSES
CUT = "cut at max_new_tokens"
REFUSAL = "refusal"
MARKUP = "markup or several lines"
COORDINATES = "coordinates"
MARKING = "speaks of the marking of the region"
OTHER_LANGUAGE = "in another language"
TOO_SHORT = "too short"
TOO_LONG = "too long"
NO_LABEL = "does not name its object"
REPEATED = "same as another description of the region"
AMBIGUOUS = "same as a description of another region of the image"
CYCLE_NO_ANSWER = "grounding it has no answer after all retries"
CYCLE_NOTHING = "grounding it finds nothing"
CYCLE_SEVERAL = "grounding it finds several boxes"
CYCLE_OTHER = "grounding it finds another box"
NOT_BEST = "good, but the region has enough better ones"

TRANSIENT = (NO_ANSWER, CYCLE_NO_ANSWER)
"""Reasons that asking again may mend."""


@dataclass(frozen=True)
class Description:
    """A description as the teacher gave it.

    `text` is without quotes and a full stop around it. `reason` says why it was dropped, None if it was not.
    `iou` is the overlap of the region's box and the nearest of those `found` by grounding it. `time` is when
    it was answered (UTC, ISO 8601).
    """

    sample: int
    text: str
    time: str = ""
    reason: str | None = None
    iou: float | None = None
    found: tuple[Box, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether it was not dropped so far."""
        return self.reason is None


@dataclass(frozen=True)
class VerifiedRegion:
    """A region with all descriptions that were asked for, in the order of their samples."""

    region: TeacherRegion
    descriptions: tuple[Description, ...]

    @property
    def kept(self) -> tuple[Description, ...]:
        """The descriptions that are kept, the best first."""
        return tuple(sorted((item for item in self.descriptions if item.is_kept), key=goodness))


@dataclass(frozen=True)
class VerifiedImage:
    """An image whose regions were all asked about."""

    image: TeacherImage
    digest: str
    regions: tuple[VerifiedRegion, ...]


def goodness(description: Description) -> tuple[float, int, str]:
    """Return the order of descriptions: the best overlap first, then the shortest."""
    return -(description.iou or 0.0), len(description.text), description.text
