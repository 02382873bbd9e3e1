"""`python benchmarks/word_metrics.py [TEXTS]`: the scores of descriptions beside the original programs.

Needs Java. Scores the fixed sample of tests/infer/scoring/words/reference.json with the project's own code,
and with coco-caption's programs as pycocoevalcap runs them: Stanford's PTBTokenizer, CIDEr over its tokens,
METEOR 1.5 with the program's own sum over all texts; and with sacrebleu's corpus BLEU. `largest` is the
largest difference of a text. Then counts the texts whose tokens are Stanford's: of the sample, of texts put
together from the file's awkward words, and of TEXTS (a text a line, or JSON lines with `expression`). Last,
the seconds for 5,000 descriptions of 8 words with 2 true phrases each.

`--write` stores the programs' numbers in reference.json, which the tests compare with.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from grounding.files import write_json
from grounding.tables import format_table
from infer.scoring.words.bleu_counts import bleu_counts, bleu_score
from infer.scoring.words.cider_scores import cider_scores
from infer.scoring.words.meteor_program import meteor_score, meteor_statistics
from infer.scoring.words.ptb_tokens import ptb_tokens

REFERENCE = ROOT / "tests" / "infer" / "scoring" / "words" / "reference.json"

AWKWARD_TEXTS, DESCRIPTIONS = 2000, 5000


def main() -> None:
    """Print the tables; with --write store the reference first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="?", type=Path, help="texts whose tokens are compared, too")
    parser.add_argument("--write", action="store_true", help="store the programs' numbers for the tests")
    arguments = parser.parse_args()
    content = json.loads(REFERENCE.read_text(encoding="utf-8"))
    pairs = [(tuple(item["phrases"]), item["given"]) for item in content["sample"]]
    programs = reference_scores(pairs)
    if arguments.write:
        write_json(REFERENCE, {**content, **programs})
    sys.stdout.write(comparison_table(programs, own_scores(pairs)))
    named = {"the sample": [text for phrases, given in pairs for text in (*phrases, given)]}
    named["awkward words"] = awkward_texts(content["awkward"])
    if arguments.texts is not None:
        named[arguments.texts.name] = read_texts(arguments.texts)
    rows = [token_row(name, texts) for name, texts in named.items()]
    sys.stdout.write("\n" + format_table(("texts", "number", "tokens as Stanford's", "share"), rows) + "\n")
    sys.stdout.write(f"\n{timing_table()}\n")


Pairs = Sequence[tuple[tuple[str, ...], str]]


def reference_scores(pairs: Pairs) -> dict[str, Any]:
    """Return tokens and scores of the programs: of each text, and of all texts."""
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from sacrebleu.metrics.bleu import BLEU

    given = {place: stanford_tokens([text])[0] for place, (_, text) in enumerate(pairs)}
    truths = {place: stanford_tokens(phrases) for place, (phrases, _) in enumerate(pairs)}
    texts = {place: [text] for place, text in given.items()}
    cider, each_cider = Cider().compute_score(truths, texts)
    program = Meteor()
    meteor, each_meteor = program.compute_score(truths, texts)
    most = max(len(phrases) for phrases, _ in pairs)
    streams: Any = [[phrases[n] if n < len(phrases) else None for phrases, _ in pairs] for n in range(most)]
    bleu = BLEU(lowercase=True).corpus_score([text for _, text in pairs], streams)
    return {
        "tokens": list(given.values()),
        "cider": {"all": float(cider), "each": [float(value) for value in each_cider]},
        "meteor": {"all": meteor, "each": each_meteor},
        "bleu_13a": {"all": float(bleu.score)},
    }


def own_scores(pairs: Pairs) -> dict[str, Any]:
    """Return the same by the project's code."""
    given = [" ".join(ptb_tokens(text)) for _, text in pairs]
    truths = [tuple(" ".join(ptb_tokens(phrase)) for phrase in phrases) for phrases, _ in pairs]
    cider = cider_scores(given, truths)
    statistics = meteor_statistics(tuple(zip(truths, given, strict=True)))
    counts = bleu_counts([text for _, text in pairs], [phrases for phrases, _ in pairs], "13a")
    return {
        "tokens": given,
        "cider": {"all": float(cider.mean()), "each": cider.tolist()},
        "meteor": {
            "all": float(meteor_score(statistics.sum(axis=0))),
            "each": meteor_score(statistics).tolist(),
        },
        "bleu_13a": {"all": bleu_score(counts.sum(axis=0))},
    }


def comparison_table(programs: dict[str, Any], own: dict[str, Any]) -> str:
    """Return a row for each score: by the programs, by the project, and the largest difference of a text."""
    rows = []
    for name in ("meteor", "cider", "bleu_13a"):
        theirs, ours = programs[name], own[name]
        each = "each" in theirs
        largest = np.abs(np.subtract(theirs["each"], ours["each"])).max() if each else None
        shown = "" if largest is None else f"{largest:.1e}"
        rows.append([name, f"{theirs['all']:.6f}", f"{ours['all']:.6f}", shown])
    return format_table(("score", "programs", "project", "largest"), rows) + "\n"


def stanford_tokens(texts: Sequence[str]) -> list[str]:
    """Return the texts as coco-caption's tokens, by Stanford's program."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    # One line each: the program splits a text at no line break, and loses empty texts at the end.
    captions = {0: [{"caption": text} for text in (*texts, "end")]}
    return list(PTBTokenizer().tokenize(captions)[0][: len(texts)])


def token_row(name: str, texts: Sequence[str]) -> list[str]:
    """Count the texts whose tokens are Stanford's."""
    same = sum(
        theirs == " ".join(ptb_tokens(text))
        for text, theirs in zip(texts, stanford_tokens(texts), strict=True)
    )
    return [name, f"{len(texts):,}", f"{same:,}", f"{same / len(texts):.1%}"]


def awkward_texts(words: Sequence[str]) -> list[str]:
    """Return texts of 1 to 8 awkward words, with punctuation between them."""
    drawn = random.Random(0)
    return [
        "".join(
            drawn.choice(words) + drawn.choice((" ", " ", " ", ", ", ". ", "! ", ": "))
            for _ in range(drawn.randint(1, 8))
        ).strip()
        for _ in range(AWKWARD_TEXTS)
    ]


def read_texts(path: Path) -> list[str]:
    """Return the texts of a file: its lines, or their `expression`."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [json.loads(line)["expression"] if line.startswith("{") else line for line in lines]


def timing_table() -> str:
    """Return the seconds that each score of 5,000 descriptions takes."""
    drawn = random.Random(0)
    words = [f"word{number}" for number in range(3000)]
    given = [" ".join(drawn.choices(words, k=8)) for _ in range(DESCRIPTIONS)]
    truths = [(text, " ".join(drawn.choices(words, k=8))) for text in given]
    measured: dict[str, Callable[[], Any]] = {
        "tokens": lambda: [ptb_tokens(text) for text in given],
        "cider": lambda: cider_scores(given, truths),
        "bleu_13a": lambda: bleu_counts(given, truths, "13a"),
        "meteor": lambda: meteor_statistics(tuple(zip(truths, given, strict=True))),
    }
    rows = []
    for name, measure in measured.items():
        start = time.perf_counter()
        measure()
        rows.append([name, f"{time.perf_counter() - start:.1f}"])
    return format_table((f"{DESCRIPTIONS:,} descriptions", "seconds"), rows)


if __name__ == "__main__":
    main()
