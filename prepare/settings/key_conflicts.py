"""Which keys of a prepare recipe do not go together."""

from grounding.views.view_settings import GLOBAL_AND_OBJECTS
from prepare.settings.recipe_keys import RecipeKeys
from prepare.sources.source_settings import EXPRESSION_KINDS


def check_conflicts(keys: RecipeKeys) -> None:
    """Check keys, whose values are possible, against each other.

    Raises:
        ValueError: two keys that contradict each other.
    """
    for check in (
        _check_prompt,
        _check_region_share,
        _check_candidates,
        _check_views,
        _check_records,
        _check_test_set,
    ):
        check(keys)


def _check_prompt(keys: RecipeKeys) -> None:
    from grounding.prompts import EXPRESSION

    if keys.source.kind == "records" and keys.asks_relations:
        raise ValueError(
            "prompt: source.kind=records keeps conversations as they are, and adds none about computed "
            "phrases: leave the relation wordings out"
        )
    if keys.source.kind != "records":
        for wording in keys.wordings:
            has_expressions = keys.source.kind in EXPRESSION_KINDS
            if (wording.asks == EXPRESSION) != has_expressions:
                remedy = (
                    "set prompt=expression or qwen_expression"
                    if has_expressions
                    else f"that is for source.kind={' or '.join(EXPRESSION_KINDS)}"
                )
                raise ValueError(f"prompt: {wording.name} asks for one {wording.asks}: {remedy}")
    for wording in keys.wordings:
        if wording.wants_json and keys.answer_format != "json":
            raise ValueError(
                f"prompt: {wording.name} asks for JSON, but answer_format={keys.answer_format}: "
                "set answer_format=json, or another prompt"
            )
    if keys.descriptions and keys.source.kind in (*EXPRESSION_KINDS, "records"):
        raise ValueError(
            f"descriptions: source.kind={keys.source.kind} has no categories with descriptions beside "
            "them: leave descriptions out"
        )
    if keys.negatives.share and not any(wording.names_one for wording in keys.wordings):
        raise ValueError(
            f"negatives.share: prompt={keys.prompt} does not ask about one category or expression: "
            "set prompt=category, qwen_category, relation, expression or qwen_expression, or "
            "negatives.share=0"
        )


def _check_region_share(keys: RecipeKeys) -> None:
    if keys.regions.share + keys.yes_no.share >= 1:
        raise ValueError(
            f"regions.share: {keys.regions.share} and yes_no.share={keys.yes_no.share} leave nothing for "
            "questions about where objects are: together they have to stay below 1"
        )


def _check_candidates(keys: RecipeKeys) -> None:
    if keys.candidates.file is None:
        return
    if keys.descriptions:
        raise ValueError(
            "candidates.file: an answer that names a candidate by number has no place for a description: "
            "leave descriptions or candidates.file out"
        )
    if keys.regions.dialogue:
        raise ValueError(
            "candidates.file: the second turn of a dialogue lists no candidates: set regions.dialogue=0, "
            "or leave candidates.file out"
        )


def _check_views(keys: RecipeKeys) -> None:
    if not keys.has_views:
        return
    for key in ("yes_no", "regions"):
        if getattr(keys, key).share:
            raise ValueError(
                f"views: questions of {key}.share show a picture of their own, without views: leave "
                f"{key}.share or views out"
            )
    if keys.views == GLOBAL_AND_OBJECTS and keys.candidates.file is None:
        raise ValueError(
            f"views: {GLOBAL_AND_OBJECTS} shows the surroundings of candidates: set candidates.file, or "
            "views=global+tiles"
        )


def _check_records(keys: RecipeKeys) -> None:
    """Refuse what would add something to conversations that are kept as they are."""
    if keys.source.kind != "records":
        return
    added = {
        "yes_no.share": keys.yes_no.share,
        "regions.share": keys.regions.share,
        "candidates.file": keys.candidates.file,
        "views": keys.has_views,
    }
    if key := next((key for key, value in added.items() if value), None):
        raise ValueError(
            f"{key}: source.kind=records keeps conversations as they are, and adds nothing: leave {key} "
            "out, or prepare the annotations that the records were made from"
        )


def _check_test_set(keys: RecipeKeys) -> None:
    if not keys.test_set:
        return
    for key in ("calibration", "negatives", "yes_no", "regions"):
        if getattr(keys, key).share:
            raise ValueError(
                f"{key}.share: test_set=true leaves no training images, which that needs: "
                f"leave {key}.share out"
            )
