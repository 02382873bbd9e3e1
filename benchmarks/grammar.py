"""`python benchmarks/grammar.py [CHECKPOINT] [DATASET]`: steps, answers and time with a grammar and without.

First, answers that the project's writer writes, of the objects in the training records of DATASET (or
--answers): how many of their tokens are chosen, each by a step of the model, and how many are forced, with
the tokenizer of CHECKPOINT (or --tokenizer); and the processor time that finds the allowed tokens of a step.
Then CHECKPOINT answers the first --images questions of DATASET greedily, with the grammar and without, in
turns: how many answers are the same token by token, the largest difference of a log-probability, and the
best time an image. At last a model with random weights is asked, and its answers are read.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

MODES = ("free", "categories")
TEMPERATURES = (1.0, 2.0, 3.0)


def main() -> None:
    """Measure, and print three tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", default="checkpoints/demo/full")
    parser.add_argument("dataset", nargs="?", default="data/demo")
    parser.add_argument("--answers", help="data set whose answers are counted")
    parser.add_argument("--tokenizer", help="folder of the tokenizer that counts them")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--draws", type=int, default=4, help="answers a question, of random weights")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--max-new-tokens", type=int, default=160)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    count_steps(Path(options.answers or options.dataset), options.tokenizer or options.checkpoint)
    compare_answers(options)
    ask_random_weights(options)


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, and an empty line."""
    from grounding.tables import format_table

    print(format_table(list(head), [list(map(str, row)) for row in rows]), end="\n\n")


def count_steps(dataset: Path, tokenizer_folder: str) -> None:
    """Print the tokens of answers, and those that a step of the model chooses."""
    from grounding.answers.forms import ANSWER_FORMATS
    from grounding.card import load_card
    from grounding.grammar.answer_grammar import AnswerGrammar
    from infer.engines.paddle.grammar.grammar_guide import TokenGrammar
    from infer.engines.paddle.grammar.vocabulary import Vocabulary
    from models.processors import load_tokenizer

    tokenizer = load_tokenizer(tokenizer_folder)
    start = time.process_time()
    vocabulary = Vocabulary(tokenizer, tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"]))
    loading = time.process_time() - start
    categories = tuple(category.name for category in load_card(dataset).categories)
    rows = []
    for answer_format in ANSWER_FORMATS:
        texts = written_answers(dataset, answer_format)
        for mode in MODES:
            labels = categories if mode == "categories" else ()
            grammar = TokenGrammar(AnswerGrammar(answer_format, labels), vocabulary)
            answers = [follow(grammar, vocabulary, text) for text in texts]
            tokens, steps = sum(answer[0] for answer in answers), sum(answer[1] for answer in answers)
            seconds = sorted(second for answer in answers for second in answer[2])
            milliseconds = [1e3 * second for second in (sum(seconds) / len(seconds), seconds[-1])]
            rows.append(
                [
                    *(answer_format, mode, f"{tokens / len(texts):.1f}", f"{steps / len(texts):.1f}"),
                    *(f"{steps / tokens:.3f}", *(f"{value:.2f}" for value in milliseconds)),
                ]
            )
    print(f"{len(texts)} answers, {vocabulary.width} tokens, read in {loading:.1f} s of processor time")
    head = ("grammar", "labels", "tokens an answer", "steps", "share", "CPU ms a step", "slowest step")
    print_table(head, rows)


def written_answers(dataset: Path, answer_format: str) -> list[str]:
    """Return the texts of the answers with the objects of a data set's training records."""
    from grounding.answers.writer import write_answer
    from grounding.boxes import GRID, Size
    from grounding.files import read_jsonl
    from grounding.record.conversation import parse_record
    from grounding.record.filling import fill_placeholders

    size = Size(GRID, GRID)
    texts = []
    for _, row in read_jsonl(dataset / "train.jsonl"):
        answer = write_answer(answer_format, parse_record(row).read_answers(size).detections, size)
        texts += fill_placeholders([answer.content], answer.objects)
    return texts


def follow(grammar: Any, vocabulary: Any, text: str) -> tuple[int, int, list[float]]:
    """Follow an answer; return its tokens, its steps, both with the end, and the seconds of each step."""
    from grounding.grammar.symbols import END, spell

    ids = vocabulary.segment((*spell(text), END))
    guide = grammar.guide(10**6)
    place, seconds = 0, []
    while place < len(ids):
        start = time.process_time()
        allowed = guide.allowed()
        seconds.append(time.process_time() - start)
        if not allowed[ids[place]]:
            raise SystemExit(f"not allowed: {text!r}, token {place}")
        guide.accept(ids[place])
        place += 1
        forced = list(guide.forced())
        if ids[place : place + len(forced)] != forced:
            raise SystemExit(f"forced otherwise: {text!r}, token {place}")
        for token_id in forced:
            guide.accept(token_id)
        place += len(forced)
    return len(ids), len(seconds), seconds


def compare_answers(options: argparse.Namespace) -> None:
    """Print how answers and their times compare with those without the grammar."""
    from grounding.card import load_card
    from infer.asking.dataset_questions import read_questions
    from infer.engines.paddle.engine import PaddleEngine
    from infer.engines.settings import EngineSettings

    card = load_card(Path(options.dataset))
    questions = read_questions(Path(options.dataset), "val", options.images)
    engine = PaddleEngine(
        EngineSettings(
            checkpoint=options.checkpoint,
            device="cpu",
            grammar=card.answer_format,
            score="mean_logprob",
            repeat_stop=False,
            batch_size=max(options.batches),
            max_new_tokens=options.max_new_tokens,
        )
    )
    grammars = engine_grammars(engine, card)
    requests = [question.request for question in questions]
    answers, steps = {}, {}
    for mode, (_, grammar) in grammars.items():
        engine.grammar = grammar
        with counted_steps(engine) as counter:
            answers[mode] = [engine.answer([request])[0] for request in requests]
            steps[mode] = counter[0] / len(requests)
    best = best_times(engine, requests, grammars, options)
    rows = []
    for mode, (within, _) in grammars.items():
        times = [f"{seconds:.0f}" for size in options.batches for seconds in best[mode, size]]
        rows.append([mode, *compared(within, answers["none"], answers[mode], questions)])
        rows[-1] += [f"{steps[mode]:.1f}", *times]
    print(f"{len(requests)} images; the same as without a grammar, where that answer is valid")
    wall = [f"ms, {size} at a time: {kind}" for size in options.batches for kind in ("wall", "CPU")]
    head = ("grammar", "read", "same tokens", "logprob apart", "tokens an image", "steps")
    print_table([*head, *wall], rows)


def engine_grammars(engine: Any, card: Any) -> dict[str, tuple[Any, Any]]:
    """Return the grammars of the rows by their names, as texts and as tokens."""
    from grounding.grammar.answer_grammar import AnswerGrammar
    from infer.engines.paddle.grammar.grammar_guide import TokenGrammar

    names = tuple(category.name for category in card.categories)
    free, listed = (AnswerGrammar(card.answer_format, labels) for labels in ((), names))
    vocabulary = engine.grammar.choices.vocabulary
    return {
        "none": (free, None),
        "free": (free, TokenGrammar(free, vocabulary)),
        "categories": (listed, TokenGrammar(listed, vocabulary)),
    }


def best_times(
    engine: Any, requests: Sequence[Any], grammars: Any, options: argparse.Namespace
) -> dict[tuple[str, int], tuple[float, ...]]:
    """Return the best milliseconds an image of several rounds, wall-clock and processor time."""
    best: dict[tuple[str, int], tuple[float, ...]] = {}
    for _ in range(options.rounds):
        for size in options.batches:
            for mode, (_, grammar) in grammars.items():
                engine.grammar = grammar
                wall, processor = time.perf_counter(), time.process_time()
                for first in range(0, len(requests), size):
                    engine.answer(requests[first : first + size])
                seconds = time.perf_counter() - wall, time.process_time() - processor
                taken = tuple(1e3 * each / len(requests) for each in seconds)
                best[mode, size] = tuple(map(min, best.get((mode, size), taken), taken))
    return best


def compared(
    within: Any, before: Sequence[Any], answers: Sequence[Any], questions: Sequence[Any]
) -> tuple[str, ...]:
    """Return the cells of a row: how answers read, and how they compare with those before."""
    from grounding.grammar.symbols import spell

    pairs = [
        (one, other)
        for one, other in zip(before, answers, strict=True)
        if not one.is_cut and within.accepts(spell(one.text))
    ]
    same = [token_texts(one) == token_texts(other) for one, other in pairs]
    apart = [
        abs(first.logprob - second.logprob)
        for one, other in pairs
        for first, second in zip(one.tokens, other.tokens, strict=False)
    ]
    read = [is_read(answer, question) for answer, question in zip(answers, questions, strict=True)]
    tokens = sum(len(answer.tokens) + 1 for answer in answers) / len(answers)
    return (
        *(f"{sum(read)} of {len(read)}", f"{sum(same)} of {len(same)}"),
        *(f"{max(apart, default=0):.1e}", f"{tokens:.1f}"),
    )


def token_texts(answer: Any) -> list[str]:
    """Return the texts of an answer's tokens."""
    return [token.text for token in answer.tokens]


def is_read(answer: Any, question: Any) -> bool:
    """Tell whether an answer has ended, and is read without a problem but for an object that is named twice.

    The grammar does not forbid repeated objects; the repeat stop is for them.
    """
    from grounding.answers.forms import DUPLICATE
    from grounding.answers.reader import read_answer

    problems = read_answer(answer.text, question.size).problems
    return not answer.is_cut and set(problems) <= {DUPLICATE}


class counted_steps:  # noqa: N801
    """Counts the passes of the model while it is entered."""

    def __init__(self, engine: Any) -> None:
        self.family, self.count = type(engine.family), [0]
        self.forward_pass = self.family.forward_pass

    def __enter__(self) -> list[int]:
        def counting(family: Any, model: Any) -> Any:
            forward = self.forward_pass(family, model)
            for name in ("read_prompts", "extend"):
                setattr(forward, name, self.counted(getattr(forward, name)))
            return forward

        self.family.forward_pass = counting
        return self.count

    def __exit__(self, *_: object) -> None:
        self.family.forward_pass = self.forward_pass

    def counted(self, method: Any) -> Any:
        """Return a method that is counted when it is called."""

        def call(*values: Any, **named: Any) -> Any:
            self.count[0] += 1
            return method(*values, **named)

        return call


def ask_random_weights(options: argparse.Namespace) -> None:
    """Print the share of answers of random weights that are read without a problem."""
    from grounding.answers.forms import ANSWER_FORMATS
    from grounding.card import load_card
    from grounding.grammar.answer_grammar import AnswerGrammar
    from infer.asking.dataset_questions import read_questions
    from infer.engines.paddle.engine import PaddleEngine
    from infer.engines.paddle.grammar.grammar_guide import TokenGrammar
    from infer.engines.settings import EngineSettings

    card = load_card(Path(options.dataset))
    questions = read_questions(Path(options.dataset), "val", 16)
    names = tuple(category.name for category in card.categories)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "train.tiny", folder, "seed=7"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        engine = PaddleEngine(
            EngineSettings(
                checkpoint=folder,
                device="cpu",
                grammar="json",
                repeat_stop=False,
                batch_size=32,
                max_new_tokens=options.max_new_tokens,
            )
        )
    assert engine.grammar is not None
    vocabulary = engine.grammar.choices.vocabulary
    grammars = {("none", ""): None} | {
        (answer_format, mode): TokenGrammar(AnswerGrammar(answer_format, labels), vocabulary)
        for answer_format in ANSWER_FORMATS
        for mode, labels in zip(MODES, ((), names), strict=True)
    }
    asked = [question for question in questions for _ in range(options.draws)]
    requests = [replace(each.request, draw=draw) for draw, each in enumerate(asked)]
    rows = []
    for (answer_format, mode), grammar in grammars.items():
        engine.grammar = grammar
        shares = []
        for temperature in TEMPERATURES:
            engine.decoding = replace(engine.decoding, temperature=temperature)
            read = list(map(is_read, engine.answer(requests), asked))
            shares.append(f"{sum(read)} of {len(read)}")
        rows.append([answer_format, mode, *shares])
    print("random weights: answers that end and are read without a problem (repeated objects are none)")
    print_table(["grammar", "labels", *(f"temperature {value:g}" for value in TEMPERATURES)], rows)


if __name__ == "__main__":
    main()
