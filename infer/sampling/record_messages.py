"""The messages of records that are made of sampled answers."""

from infer.engines.protocol import Request

Message = dict[str, str]


def question_messages(request: Request) -> list[Message]:
    """Return the question as a record has it: the system message, if any, and the user's."""
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, {"role": "user", "content": request.user}]


def answer_message(text: str) -> Message:
    """Return the message of the assistant with this text."""
    return {"role": "assistant", "content": text}
