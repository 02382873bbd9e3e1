"""The types of an inspection as JSON, and the JSON schema that is published of them.

docs/inspection.schema.json holds the schema; a copy lies in the folder of every report.
"""

import json
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

SCHEMA_FILE = "inspection.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

FORMAT: Literal["inspection-1"] = "inspection-1"
"""The version of the format, in every file."""

PASS: Literal["pass"] = "pass"
FAIL: Literal["fail"] = "fail"

Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Coordinates = Annotated[list[float], Field(min_length=4, max_length=4)]
CLOSED = ConfigDict(extra="forbid", title="Inspection of one picture")


@with_config(ConfigDict(extra="forbid"))
class DefectRow(TypedDict):
    """One defect: a box that the model drew, and what the rules say about it."""

    label: str
    box: Annotated[Coordinates, Field(description="left, top, right, bottom in pixels of the picture")]
    area_share: Annotated[Share, Field(description="area of the box / area of the picture")]
    confidence: Annotated[float | None, Field(description="how likely the box is right; null: not known")]
    description: Annotated[str, Field(description="what was found, and where")]
    described_by: Annotated[
        Literal["model", "box"], Field(description="model: its own words; box: label, place and size as text")
    ]
    severity: str
    rules: Annotated[list[str], Field(description="names of the rules that fit; empty: `otherwise`")]
    suggestions: list[str]
    counts: Annotated[bool, Field(description="whether the confidence reaches the threshold")]
    fails: Annotated[bool, Field(description="whether this defect makes the picture fail")]


@with_config(ConfigDict(extra="forbid"))
class PictureNote(TypedDict):
    """The file that was inspected; width and height are null if it cannot be read as a picture."""

    file: str
    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]
    width: Annotated[int, Field(ge=1)] | None
    height: Annotated[int, Field(ge=1)] | None


@with_config(ConfigDict(extra="forbid"))
class ModelNote(TypedDict):
    """The model: its folder or its name on a server, and the hash of its files ("none" with a server)."""

    name: str
    fingerprint: str
    score: Annotated[str, Field(description="how the confidence was made; `score` of the infer recipe")]


@with_config(ConfigDict(extra="forbid"))
class DataCardNote(TypedDict):
    """The card of the data set whose questions the model was asked."""

    dataset: str
    source_fingerprint: str
    answer_format: str
    version: int


@with_config(ConfigDict(extra="forbid"))
class RulesNote(TypedDict):
    """The rules that judged the picture, and the threshold of the confidence; null: every box counts."""

    file: str
    fingerprint: Sha256
    fails_from: str
    threshold: float | None


@with_config(CLOSED)
class Inspection(TypedDict):
    """The inspection of one picture."""

    format: Literal["inspection-1"]
    picture: PictureNote
    verdict: Literal["pass", "fail"]
    reasons: Annotated[list[str], Field(description="why it fails; empty if it passes")]
    doubt: Annotated[Share, Field(description="0: sure; 1: a person has to look")]
    doubt_reason: str
    defects: list[DefectRow]
    problems: Annotated[list[str], Field(description="named problems of the model's answer")]
    model: ModelNote
    data_card: DataCardNote
    rules: RulesNote
    time: Annotated[
        str, Field(description="when the model answered, UTC", json_schema_extra={"format": "date-time"})
    ]


@lru_cache(maxsize=1)
def inspection_adapter() -> "TypeAdapter[Inspection]":
    """Return what checks an inspection by its types."""
    return TypeAdapter(Inspection)


def inspection_schema() -> dict[str, Any]:
    """Return the JSON schema of an inspection."""
    return {"$schema": DIALECT, "$id": f"urn:{FORMAT}", **inspection_adapter().json_schema()}


def schema_text() -> str:
    """Return the JSON schema as the text of its file."""
    return json.dumps(inspection_schema(), indent=2) + "\n"
