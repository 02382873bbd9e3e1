"""Every reason for which an export leaves something out; the command prints the counts."""

CROWD = "region marked as crowd"
PHRASE = "box of a referring expression"
YES_NO = "yes/no question about a box"
REGION = "question for words about a region"
REPLAY = "replayed answer in words"
ABSENT = "question about something that is not in the image"
SCORE = "score of a box (the box is there)"
THIN_BOX = "box has no area in this format"
UNKNOWN_LABEL = "box with a label that is not on the card"
TEXT = "answer without boxes"
UNREADABLE = "prediction that cannot be read"
OUTSIDE = "predicted box without area in its image"
CALIBRATION = "image of the calibration part"
UNPREDICTED = "image without a prediction"


def of_answer(problem: str) -> str:
    """Return the reason for a piece of an answer that cannot be used; `problem` is the reader's."""
    return f"piece of an answer: {problem}"
