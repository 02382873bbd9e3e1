from infer.engines.openai.token_alignment import align_tokens
from infer.engines.protocol import Token


def test_tokens_are_matched_with_the_text() -> None:
    pieces = [
        (b"<|object_ref_start|>", -9.0),
        ("红".encode()[:1], -1.0),
        ("红".encode()[1:], -2.0),
        (b"", -9.0),
        (b"(1,2)", -3.0),
        (b"<|im_end|>", -9.0),
    ]
    assert align_tokens("红(1,2)", pieces) == (Token("", -1.0), Token("红", -2.0), Token("(1,2)", -3.0))
    shown = align_tokens("<|object_ref_start|>红(1,2)<|im_end|>", pieces)
    assert "".join(token.text for token in shown) == "<|object_ref_start|>红(1,2)<|im_end|>"
    assert align_tokens("红(1,3)", pieces) == ()
    assert align_tokens("红(1,2) and more", pieces) == ()
