from pathlib import Path

from train.image_limits import limit_pixels


def test_one_limit_alone_keeps_the_other(tiny_model: Path) -> None:
    from paddleformers.transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(str(tiny_model)).image_processor
    limit_pixels(processor, 2048, None)
    assert (processor.min_pixels, processor.max_pixels) == (2048, 65536)
