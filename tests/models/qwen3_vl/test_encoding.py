"""What the encoder refuses: other image formats, damaged files, and image tokens in a text."""

from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from grounding.errors import UserError
from models.qwen3_vl.encoding import IMAGE_TOKEN, VIDEO_TOKEN, PromptEncoder

USER = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Where is it?"}]}


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Path) -> PromptEncoder:
    return PromptEncoder(tiny_checkpoint)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 64)).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.mark.parametrize("name", ["EPS", "PPM", "PCX"])
def test_other_formats_are_refused_unopened(
    name: str, encoder: PromptEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "picture.png", name)

    def interpret(*_: object, **__: object) -> None:
        pytest.fail("Ghostscript was called")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", interpret)
    with pytest.raises(UserError, match=r"picture.png: not usable as an image"):
        encoder.encode([tmp_path / "picture.png"], [USER])


def test_more_pixels_than_pillow_decodes_are_said(
    encoder: PromptEncoder, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match=r"picture.png: not usable as an image: Image size"):
        encoder.encode([picture], [USER])


def test_a_missing_file_is_said(encoder: PromptEncoder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.png: not usable as an image"):
        encoder.encode([tmp_path / "none.png"], [USER])


@pytest.mark.parametrize("token", [IMAGE_TOKEN, VIDEO_TOKEN])
@pytest.mark.parametrize("place", ["system", "user"])
def test_image_tokens_in_a_text_are_refused(
    token: str, place: str, encoder: PromptEncoder, picture: Path
) -> None:
    text = f"a {token}"
    user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}
    turns = [user] if place == "user" else [{"role": "system", "content": text}, USER]
    with pytest.raises(UserError, match=f"the {place} message has .* in its text: leave it out"):
        encoder.encode([picture], turns)


def test_a_prompt_is_what_its_whole_text_becomes(encoder: PromptEncoder, picture: Path) -> None:
    system = {"role": "system", "content": "Be brief.  "}
    image = encoder.encode_image(picture)
    for words in ("Where is it?", " \n Where\nis it? ", "", "红色"):
        user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": words}]}
        prompt = encoder.encode([image], [system, user])
        text = encoder.tokenizer.apply_chat_template(
            [system, user], tokenize=False, add_generation_prompt=True
        ).replace(IMAGE_TOKEN, IMAGE_TOKEN * 16)
        assert prompt.token_ids == encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
        image_token = encoder.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        assert prompt.token_ids[prompt.image_ends[0] - 16 : prompt.image_ends[0]] == [image_token] * 16
        assert prompt.images == (image,)
        assert prompt.pixel_values is image.pixel_values
        assert encoder.encode([picture], [system, user]).token_ids == prompt.token_ids


def test_a_tokenizer_without_the_image_token_is_said(
    encoder: PromptEncoder, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder.tokenizer, "convert_tokens_to_ids", lambda _: None)
    with pytest.raises(UserError, match=r"tiny: the tokenizer has no token <\|image_pad\|>"):
        encoder.encode([picture], [USER])
