"""The tiny model's tokenizer: byte-level BPE over the words of questions and answers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.answers.forms import NOTHING_FOUND
from grounding.categories import COCO_CATEGORIES
from grounding.files import write_json, write_text
from grounding.prompts import SYSTEM_PROMPT

# Words that are single tokens: names to detect besides COCO's, words of questions, marks of answers.
# The lists do not depend on the wordings of questions, so a new wording leaves the model unchanged.
SHAPES = """
red green blue yellow orange purple pink brown black white gray cyan magenta
circle square triangle rectangle star diamond cross ring ellipse hexagon pentagon
"""
QUESTIONS = """
Task Object Detection Locate Find Detect Mark List Where Which What Report Describe every each all any
instance instances object objects that belongs to the following category categories kinds something one of
these this matches description is are there in on at with and or you see given its their find detect locate
bbox box boxes bounding coordinates JSON format image picture output give by
"""
MARKS = """
),( ( ) , . : ; ? ! ' " ', '. ": [ ] { } {" [{" "} "}] "}, }, }] ], bbox _2 d label - / ``` json
"""

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
# As in Qwen3-VL, these are single tokens, but skip_special_tokens keeps them in the text.
PLAIN_TOKENS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>")

# Qwen's split before BPE: words with a leading mark, single digits, runs of punctuation.
QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Qwen3-VL's chat format for text, images and videos, without tools.
CHAT_TEMPLATE = """\
{%- macro parts(content) -%}
{%- if content is string -%}{{ content }}
{%- else -%}
{%- for part in content -%}
{%- if part.type == 'image' or 'image' in part or 'image_url' in part -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'video' or 'video' in part -%}
<|vision_start|><|video_pad|><|vision_end|>
{%- elif 'text' in part -%}{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + parts(message.content) + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""


def write_tokenizer(folder: Path) -> dict[str, int]:
    """Write tokenizer.json, vocab.json, merges.txt and the configuration; return token -> id.

    BPE is trained until every word of the lists is one token. All 256 bytes are in the vocabulary, so any
    text can be encoded.
    """
    tokenizer = _trained_tokenizer()
    layout = json.loads(tokenizer.to_str())
    merges = [" ".join(pair) for pair in layout["model"]["merges"]]
    write_json(folder / "tokenizer.json", layout)
    write_json(folder / "vocab.json", layout["model"]["vocab"])
    write_text(folder / "merges.txt", "#version: 0.2\n" + "\n".join(merges) + "\n")
    write_json(folder / "tokenizer_config.json", _tokenizer_config(layout["added_tokens"]))
    write_json(folder / "chat_template.json", {"chat_template": CHAT_TEMPLATE})
    return dict(tokenizer.get_vocab(with_added_tokens=True))


def _trained_tokenizer() -> Any:
    """Train BPE on the corpus and add Qwen's special tokens."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, trainers
    from tokenizers import pre_tokenizers as before

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = before.Sequence(
        [
            before.Split(Regex(QWEN_PATTERN), behavior="isolated"),
            before.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2**16,
        min_frequency=1,
        initial_alphabet=sorted(before.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS]
    )
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in PLAIN_TOKENS])
    return tokenizer


def _tokenizer_config(added_tokens: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return tokenizer_config.json; `added_tokens` are those of tokenizer.json."""
    added = {
        str(token["id"]): {key: value for key, value in token.items() if key != "id"}
        for token in added_tokens
    }
    return {
        "tokenizer_class": "Qwen2Tokenizer",
        "processor_class": "Qwen3VLProcessor",
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": added,
        "additional_special_tokens": list(SPECIAL_TOKENS[1:]),
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "errors": "replace",
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": False,
        "model_max_length": 4096,
        "chat_template": CHAT_TEMPLATE,
    }


def _corpus() -> Iterator[str]:
    """Yield the training text: every word, alone and after a space, and the fixed parts of prompts."""
    names = " ".join(category.name for category in COCO_CATEGORIES)
    for word in f"{names} {SHAPES} {QUESTIONS} {MARKS}".split():
        yield word
        yield f" {word}"
    yield from ("system", "user", "assistant", SYSTEM_PROMPT, *NOTHING_FOUND.values())
