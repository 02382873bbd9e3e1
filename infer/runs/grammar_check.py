"""The check that a grammar has the form in which the data set's questions are answered."""

from functools import lru_cache

from grounding.answers.reader import read_answer
from grounding.answers.writer import write_answer
from grounding.boxes import GRID, Box, Size
from grounding.card import Card, load_card
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.symbols import spell
from grounding.layout import JSONL_FILES
from grounding.prompts import asks_for_phrases
from grounding.record.conversation import asks_for_boxes, parse_record
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection
from infer.recipe import InferRecipe


def check_grammar(recipe: InferRecipe) -> None:
    """Check a recipe's grammar against the data set's card, and against its records' own answers.

    Raises:
        UserError: the data set's answers have another format, its labels are no categories, or a category
            or a record's answer is none that the grammar allows.
    """
    if recipe.grammar == "none":
        return
    card = load_card(recipe.dataset_path)
    if card.answer_format != recipe.grammar:
        raise UserError(
            f"grammar={recipe.grammar}: the answers of {recipe.dataset} are written as "
            f"'{card.answer_format}': set grammar={card.answer_format}, or none"
        )
    if recipe.grammar_labels == "categories":
        _check_categories(card, recipe)
    _check_records(recipe)


def _check_categories(card: Card, recipe: InferRecipe) -> None:
    if not card.categories or asks_for_phrases(card.prompts):
        raise UserError(
            f"grammar_labels=categories: {recipe.dataset} asks for expressions, and labels are these: set "
            "grammar_labels=free"
        )
    size = Size(GRID, GRID)
    for category in card.categories:
        one = [Detection(category.name, Box(1, 2, 3, 4))]
        answer = write_answer(card.answer_format, one, size)
        reading = read_answer(fill_placeholders([answer.content], answer.objects)[0], size)
        if list(reading.detections) != one or reading.problems:
            raise UserError(
                f"grammar_labels=categories: '{category.name}' is not read back from an answer: rename it in "
                f"{recipe.dataset}, or set grammar_labels=free"
            )


def _check_records(recipe: InferRecipe) -> None:
    from tqdm import tqdm

    labels = recipe.answer_labels()
    grammar_of = lru_cache(maxsize=64)(
        lambda pictures: AnswerGrammar(
            recipe.grammar, labels, descriptions=recipe.grammar_descriptions, pictures=pictures
        )
    )
    numbered = lru_cache(maxsize=64)(
        lambda candidates: AnswerGrammar(recipe.grammar, labels, candidates=candidates)
    )
    path = recipe.dataset_path / JSONL_FILES[recipe.split]
    rows = tqdm(read_jsonl(path), unit="record", desc="check the answers", delay=2, leave=False)
    for number, (line, row) in enumerate(numbered for numbered in rows if asks_for_boxes(numbered[1])):
        if recipe.limit is not None and number == recipe.limit:
            break
        try:
            record = parse_record(row)
        except ValueError:
            continue  # the reader of questions names it
        if not (answers := record.answers):
            continue
        pictures = record.shown[0]
        listed = record.candidates
        grammar = grammar_of(pictures) if listed is None else numbered(len(listed.items))
        if not grammar.accepts(spell(answers[0])):
            described = AnswerGrammar(recipe.grammar, labels, descriptions=True, pictures=pictures)
            if described.accepts(spell(answers[0])):
                raise UserError(
                    f"{path}, line {line}: the answer describes objects: set grammar_descriptions=true, or "
                    "grammar=none"
                )
            raise UserError(
                f"{path}, line {line}: '{answers[0][:60]}' is no answer that grammar={recipe.grammar} with "
                f"grammar_labels={recipe.grammar_labels} allows: set grammar=none, or prepare this data set "
                "without such questions"
            )
