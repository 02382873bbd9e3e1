"""Yes or no, read out of an answer as POPE's published scorer reads it.

Source: github.com/RUCAIBox/POPE, evaluate.py (Li et al., Evaluating Object Hallucination in Large
Vision-Language Models, EMNLP 2023): of the text up to the first full stop, without commas, the words between
spaces count. With "No", "not" or "no" among them the answer is no; any other answer is yes, an empty one too.
"""

NO_WORDS_AS_PUBLISHED = frozenset({"No", "not", "no"})


def reads_as_yes(answer: str) -> bool:
    """Tell whether the published scorer takes an answer for a yes."""
    first = answer.partition(".")[0].replace(",", "")
    return NO_WORDS_AS_PUBLISHED.isdisjoint(first.split(" "))


def says_neither(answer: str) -> bool:
    """Tell whether an answer has neither a yes nor a no in it: the published scorer counts it as a yes."""
    return reads_as_yes(answer) and "yes" not in answer.casefold()
