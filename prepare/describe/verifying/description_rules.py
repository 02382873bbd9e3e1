"""The rules of a description's text: they need no model."""

import re

from grounding.answers.scanner import scan_answer
from grounding.answers.spellings.plain_characters import without_wrapping
from grounding.errors import printable
from grounding.markup import find_markup
from grounding.remote.completion_body import REFUSAL
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.verifying import description as reasons
from prepare.describe.verifying.label_words import CJK, LabelWords, names_label, without_label
from prepare.servers.answer_log import SERVER_REFUSES, LoggedAnswer

QUOTES = "\"'“”‘’«»「」『』《》"
FULL_STOPS = ".。．"

_MARKUP = re.compile(
    r"[\n\r{}|\\`\[\]【】]|\*\*|__|^[#>•*-]\s|<[^>]*>|https?://|"
    r"^\s*(?:answer|description|phrase|caption|output|referring expression|短语|描述|回答|答案)\s*[:：]",
    re.IGNORECASE,
)
_COORDINATES = re.compile(
    r"[(（]\s*-?\d+(?:\.\d+)?\s*[,，;]\s*-?\d|\d\s*[,，]\s*\d+\s*[,，]\s*\d|\b[xy][12]?\s*[=:]\s*-?\d|"
    r"\d\s*(?:px\b|pixels?\b|像素)|\bcoordinates?\b|\bbbox\b|坐标",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\bsorry\b[,.]|\bi(?:'|’)?m sorry\b|\bi am sorry\b|\bi can(?:'|’)?t\b|\bi cannot\b|\bi can not\b|"
    r"\bunable to (?:identify|determine|see|describe|provide|assist|view)\b|\bas an ai\b|"
    r"\bcannot (?:identify|determine|be determined|assist|see|describe|provide)\b|"
    r"\bnot able to (?:identify|determine|see|describe|provide|assist|view)\b|"
    r"\bi (?:do not|don(?:'|’)t) see\b|"
    r"\bno (?:visible )?(?:object|image|picture) (?:is |was )?(?:provided|visible|shown|attached|found)\b|"
    r"抱歉|对不起|(?:无法|不能)(?:识别|确定|看到|看清|描述|判断|回答|辨认|提供)|"
    r"作为(?:一个)?(?:AI|人工智能)|看不到|没有图片",
    re.IGNORECASE,
)
_MARKING = re.compile(
    r"\bhighlight(?:ed|ing)\b|\bspotlight(?:ed)?\b|\boutlined\b|\bdimmed\b|\bdarkened\b|\bfull brightness\b|"
    r"\bwhite (?:out)?lines? (?:around|surrounding)\b|\bwhite (?:outline|border|rectangle)\b|"
    r"\bbounding box\b|\b(?:inside|within|in) the (?:outline|border|white (?:frame|box))\b|"
    r"\bcropped (?:image|picture|photo|view|region)\b|"
    r"\b(?:marked|original) (?:region|object|area|picture|image)\b|"
    r"高亮|白线|白色(?:边框|轮廓|线|方框)|白框|调暗|变暗|边界框|方框|(?<![相画窗门镜])框(?:中|内|里)|截图|裁剪|圈出|框出|标出|原图",
    re.IGNORECASE,
)


def clean_description(text: str) -> str:
    """Return a description without a model's thoughts, and without quotes and a full stop around it."""
    bare = (without_wrapping(text, thinks=False) or "").strip()
    if len(bare) > 1 and bare[0] in QUOTES and bare.rstrip(FULL_STOPS)[-1:] in QUOTES:
        bare = bare.rstrip(FULL_STOPS)[1:-1].strip()
    bare = bare.rstrip(FULL_STOPS).rstrip() if not bare.endswith("...") else bare
    return bare if "\n" in bare else " ".join(bare.split())


def normal_form(text: str) -> str:
    """Return what two descriptions that say the same in the same words have in common."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def find_fault(
    answer: LoggedAnswer, text: str, label: str | None, settings: DescribeSettings, words: LabelWords
) -> str | None:
    """Return the reason to drop a description, None if it keeps all rules; `text` is the cleaned answer."""
    if answer.problem is not None:
        known = {REFUSAL: reasons.REFUSAL, SERVER_REFUSES: reasons.REFUSED}
        return known.get(answer.problem, reasons.IN_PLACE)
    if not text:
        return reasons.EMPTY
    if answer.is_cut:
        return reasons.CUT
    if _REFUSAL.search(text):
        return reasons.REFUSAL
    if _COORDINATES.search(text) or any(not isinstance(found, str) for found in scan_answer(text)):
        return reasons.COORDINATES
    if find_markup(text) or _MARKUP.search(text) or printable(text, keep="") != text:
        return reasons.MARKUP
    if _MARKING.search(without_label(text, label, words) if label else text):
        return reasons.MARKING
    if (fault := _wrong_length(text, settings)) is not None:
        return fault
    if settings.text.name_label and label is not None and not names_label(text, label, words):
        return reasons.NO_LABEL
    return None


def _wrong_length(text: str, settings: DescribeSettings) -> str | None:
    is_chinese = settings.language == "zh"
    if bool(CJK.search(text)) != is_chinese:
        return reasons.OTHER_LANGUAGE
    shortest, longest = settings.lengths
    length = len("".join(text.split())) if is_chinese else len(text.split())
    if length < shortest:
        return reasons.TOO_SHORT
    return reasons.TOO_LONG if length > longest else None
