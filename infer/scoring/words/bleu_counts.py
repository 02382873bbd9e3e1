"""BLEU-4 by sacrebleu: counts of each text, and the score of their sums.

Source: Post, A Call for Clarity in Reporting BLEU Scores, WMT 2018. Signature: nrefs:var, case:lc, eff:no,
smooth:exp, and tok:13a or, for Chinese, tok:zh.
"""

from collections.abc import Sequence

import numpy as np

from infer.scoring.resampling.ratios import FloatArray

TOKENIZERS = ("13a", "zh")
"""For texts in English and in Chinese."""

ORDER = 4
_COUNTS = 2 * ORDER + 2
"""Numbers for each text: right n-grams, n-grams, both by order, the text's length, and the truth's."""


def bleu_counts(given: Sequence[str], truths: Sequence[Sequence[str]], tokenizer: str) -> FloatArray:
    """Return the counts of each given text beside its true texts, shape (texts, 10)."""
    from sacrebleu.metrics.bleu import BLEU
    from tqdm import tqdm

    # The effective order changes the score of a sentence, which is not read, and no count.
    bleu = BLEU(tokenize=tokenizer, lowercase=True, effective_order=True)
    rows = np.zeros((len(given), _COUNTS))
    pairs = zip(given, truths, strict=True)
    bar = tqdm(pairs, total=len(given), desc="BLEU", unit="text", delay=2, leave=False)
    for row, (text, references) in zip(rows, bar, strict=True):
        found = bleu.sentence_score(text, list(references))
        row[:] = [*found.counts, *found.totals, found.sys_len, found.ref_len]
    return rows


def has_bleu(counts: FloatArray) -> bool:
    """Tell whether any text, given or true, has ORDER tokens: shorter ones have BLEU-4 0, right or wrong.

    `counts` has shape (texts, 10).
    """
    return bool((counts[:, -2:] >= ORDER).any())


def bleu_score(sums: FloatArray) -> float:
    """Return corpus BLEU, 0..100, of summed counts, shape (10,)."""
    from sacrebleu.metrics.bleu import BLEU

    counts = [int(number) for number in sums]
    right, total = counts[:ORDER], counts[ORDER : 2 * ORDER]
    return float(BLEU.compute_bleu(right, total, sys_len=counts[-2], ref_len=counts[-1]).score)
