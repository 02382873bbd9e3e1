"""Descriptions of regions: how near the words are to the phrases that are true.

CIDEr (as published: CIDEr-D) and METEOR 1.5 are those of coco-caption, as published for RefCOCOg (Mao et al.,
Generation and Comprehension of Unambiguous Object Descriptions, CVPR 2016), BLEU-4 is sacrebleu's. All three
are scores of the whole data set. Regions with Chinese phrases have BLEU and CIDEr of their own, over
characters; METEOR is English. Empty answers count, as wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grounding.answers.forms import TRUNCATED
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import COUNTS, WORDS, Drawn, MeasuredRatios, Metric, MetricFamily, Value
from infer.scoring.resampling.ratios import FloatArray, Ratio
from infer.scoring.words.answer_words import is_true_phrase
from infer.scoring.words.attributes import KINDS, right_attributes
from infer.scoring.words.bleu_counts import bleu_counts, bleu_score, has_bleu
from infer.scoring.words.cider_scores import FEWEST, cider_scores
from infer.scoring.words.given_descriptions import GivenDescription
from infer.scoring.words.meteor_program import NoMeteorError, meteor_score, meteor_statistics
from infer.scoring.words.ptb_tokens import ptb_tokens

SAME_PLACE = 0.5
"""Least IoU of a region and the box that is found for its description."""

_NUMBERS = {
    "meteor": "METEOR 1.5",
    "cider": "CIDEr (CIDEr-D, 0 to 10)",
    "cider_zh": "CIDEr of Chinese, over characters",
    "bleu_13a": "BLEU-4, 0 to 100 (sacrebleu, tok:13a, case:lc)",
    "bleu_zh": "BLEU-4 of Chinese, 0 to 100 (sacrebleu, tok:zh)",
}
_SHARES = {
    "words_exact": "descriptions that are a true phrase",
    "attribute_accuracy": "attributes stated right",
    **{f"attribute_{kind}": f"{kind} stated right" for kind in KINDS},
    "cycle_accuracy_50": "descriptions found again at IoU 0.50",
}
_METRICS = {
    **{key: Metric(name, WORDS, is_share=False) for key, name in _NUMBERS.items()},
    **{key: Metric(name, WORDS) for key, name in _SHARES.items()},
    "cycle_mean_iou": Metric("mean IoU of the box found again", WORDS, is_share=False),
    "words_empty": Metric("answers without words", WORDS, less_is_better=True),
    "words_truncated": Metric("descriptions cut off", WORDS, less_is_better=True),
    "regions": Metric("described regions", COUNTS),
    "regions_zh": Metric("of them in Chinese", COUNTS),
    "attributes": Metric("attributes that the truth states", COUNTS),
    "cycle_regions": Metric("descriptions that were asked back", COUNTS),
}


@dataclass(frozen=True)
class SummedScore:
    """A score of sums over the regions: `rows`, shape (regions, numbers), and the score of a row of sums."""

    rows: FloatArray
    score_of: Callable[[FloatArray], float]

    @property
    def value(self) -> float:
        """The score of all regions."""
        return self.score_of(self.rows.sum(axis=0))

    def resample(self, weights: FloatArray) -> FloatArray:
        """Return the score of each draw, shape (draws,); NaN where the draw has no such region."""
        sums = weights @ self.rows
        is_there = weights @ self.rows.any(axis=1) > 0
        return np.array(
            [self.score_of(row) if there else np.nan for row, there in zip(sums, is_there, strict=True)]
        )


@dataclass(frozen=True)
class MeasuredWords:
    """The scores of descriptions; `notes` say what could not be measured."""

    sums: Mapping[str, SummedScore]
    ratios: MeasuredRatios
    notes: tuple[str, ...] = ()
    per_category: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    @property
    def values(self) -> Mapping[str, Value]:
        """The value of each metric that is defined."""
        return {**{key: score.value for key, score in self.sums.items()}, **self.ratios.values}

    def resample(self, weights: FloatArray) -> Drawn:
        """Return the values of each draw; `weights`, shape (draws, regions)."""
        drawn = {key: score.resample(weights) for key, score in self.sums.items()}
        for key, ratio in self.ratios.ratios.items():
            drawn[key] = np.where(weights @ ratio.wholes > 0, ratio.resample(weights), np.nan)
        return Drawn(drawn)


def measure_descriptions(evaluation: Evaluation, *, with_meteor: bool = True) -> MeasuredWords:
    """Measure the answers about regions; metrics without a region or a program are left out.

    METEOR starts a program of 2 GB that takes seconds: a training leaves it out.
    """
    regions = evaluation.descriptions
    english = [place for place, item in enumerate(regions) if not item.is_chinese]
    chinese = [place for place, item in enumerate(regions) if item.is_chinese]
    cider: dict[str, Ratio] = {}
    sums: dict[str, SummedScore] = {}
    notes: list[str] = []
    by_language = (("", "13a", english, _ptb_text), ("_zh", "zh", chinese, _character_text))
    for ending, tokenizer, places, tokenized in by_language:
        if not places:
            continue
        given = [regions[place].words for place in places]
        truths = [regions[place].region.phrases for place in places]
        counts = bleu_counts(given, truths, tokenizer)
        if has_bleu(counts):
            sums[f"bleu_{tokenizer}"] = SummedScore(_spread(counts, places, len(regions)), bleu_score)
        pairs = [_tokenized(*pair, tokenized) for pair in zip(truths, given, strict=True)]
        kept = [number for number, (phrases, _) in enumerate(pairs) if phrases]
        pairs, places = [pairs[number] for number in kept], [places[number] for number in kept]
        if len(pairs) >= FEWEST:
            scores = cider_scores([text for _, text in pairs], [phrases for phrases, _ in pairs])
            cider[f"cider{ending}"] = _ratio(scores, places, len(regions))
        if pairs and not ending and with_meteor:
            try:
                rows = meteor_statistics(tuple(pairs))
            except NoMeteorError as error:
                notes.append(f"meteor is not measured: {error}")
            else:
                sums["meteor"] = SummedScore(_spread(rows, places, len(regions)), _meteor)
    ratios = {**cider, **_exact_ratios(regions), **_attribute_ratios(regions), **cycle_ratios(regions)}
    counted = {"regions": len(regions), "attributes": int(ratios["attribute_accuracy"].wholes.sum())}
    counted |= {"regions_zh": len(chinese)} if chinese else {}
    if asked := int(ratios["cycle_mean_iou"].wholes.sum()):
        counted["cycle_regions"] = asked
    return MeasuredWords(sums, MeasuredRatios(_defined(ratios), counted), tuple(notes))


def _meteor(sums: FloatArray) -> float:
    return float(meteor_score(sums))


def _ptb_text(text: str) -> str:
    return " ".join(ptb_tokens(text))


def _character_text(text: str) -> str:
    from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

    tokenizer: Any = TokenizerZh
    return str(tokenizer()(text.lower()))


def _tokenized(
    phrases: Sequence[str], text: str, tokenized: Callable[[str], str]
) -> tuple[tuple[str, ...], str]:
    """Return true texts and a given text as tokens; true texts without a token are left out."""
    return tuple(filter(None, map(tokenized, phrases))), tokenized(text)


def _spread(rows: FloatArray, places: Sequence[int], count: int) -> FloatArray:
    """Return rows of some regions as rows of all regions, zeros for the others."""
    spread = np.zeros((count, rows.shape[1]))
    spread[places] = rows
    return spread


def _ratio(values: FloatArray, places: Sequence[int], count: int) -> Ratio:
    """Return the mean of the values of some regions, as a ratio over all regions."""
    parts, wholes = np.zeros(count), np.zeros(count)
    parts[places], wholes[places] = values, 1.0
    return Ratio(parts, wholes)


def _exact_ratios(regions: Sequence[GivenDescription]) -> dict[str, Ratio]:
    every = [1] * len(regions)
    same = [is_true_phrase(item.words, item.region.phrases) for item in regions]
    return {
        "words_exact": Ratio.of(same, every),
        "words_empty": Ratio.of((not item.words for item in regions), every),
        "words_truncated": Ratio.of((TRUNCATED in item.problems for item in regions), every),
    }


def _attribute_ratios(regions: Sequence[GivenDescription]) -> dict[str, Ratio]:
    known = [right_attributes(item.words, item.region.phrases, item.region.label) for item in regions]
    ratios = {
        f"attribute_{kind}": Ratio.of((row.get(kind, False) for row in known), (kind in row for row in known))
        for kind in KINDS
    }
    whole = Ratio.of((sum(row.values()) for row in known), map(len, known))
    return {"attribute_accuracy": whole, **ratios}


def cycle_ratios(regions: Sequence[GivenDescription]) -> dict[str, Ratio]:
    """Return accuracy and mean IoU of the boxes that were found for the descriptions' words."""
    asked = [item.cycle_iou is not None for item in regions]
    overlaps = [item.cycle_iou or 0.0 for item in regions]
    return {
        "cycle_accuracy_50": Ratio.of((overlap >= SAME_PLACE for overlap in overlaps), asked),
        "cycle_mean_iou": Ratio.of(overlaps, asked),
    }


def _defined(ratios: Mapping[str, Ratio]) -> dict[str, Ratio]:
    return {key: ratio for key, ratio in ratios.items() if ratio.is_defined}


DESCRIPTIONS = MetricFamily(_METRICS, measure_descriptions)
