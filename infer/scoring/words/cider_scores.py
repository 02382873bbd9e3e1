"""CIDEr-D of each text, by pycocoevalcap: what is published as CIDEr for RefCOCOg.

Source: Vedantam et al., CIDEr: Consensus-based Image Description Evaluation, CVPR 2015. Words count the more
the fewer regions of the data set have them in their true texts, so that one region alone has no CIDEr: a word
that is in every true text counts nothing.
"""

from collections.abc import Sequence

import numpy as np

from infer.scoring.resampling.ratios import FloatArray

FEWEST = 2
"""Regions from which CIDEr is defined."""


def cider_scores(given: Sequence[str], truths: Sequence[Sequence[str]]) -> FloatArray:
    """Return the CIDEr-D of each text, 0..10, shape (texts,); tokens stand between spaces.

    There have to be FEWEST texts, each with a true text.
    """
    from pycocoevalcap.cider.cider import Cider

    references = {place: list(texts) for place, texts in enumerate(truths)}
    _, scores = Cider().compute_score(references, {place: [text] for place, text in enumerate(given)})
    return np.asarray(scores, np.float64)
