"""Qwen3-VL on PaddlePaddle: prompts encoded as in training, and greedy decoding with a key-value cache."""

import io
import math
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from infer.checkpoint import Checkpoint
from infer.engine import RawAnswer, Request, chat_messages
from infer.libraries import linked, quiet

IMAGE_TOKEN, VIDEO_TOKEN = "<|image_pad|>", "<|video_pad|>"
END_TOKENS = ("<|im_end|>", "<|endoftext|>")
"""What ends an answer. Source: eos_token_id in the generation_config.json of Qwen3-VL Instruct."""

LAST = slice(-1, None)


@dataclass(frozen=True)
class Prompt:
    """An encoded request: token ids with the image's tokens spelled out, patches, and their grid.

    `pixel_values` is (patches, channels x frames x height x width of a patch), `image_grid_thw` (1, 3):
    frames, rows and columns of patches.
    """

    token_ids: list[int]
    pixel_values: Any
    image_grid_thw: Any


class PromptEncoder:
    """Tokenizer, chat template and image processor of a checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        """Load them from the folder."""
        with quiet():
            from paddleformers.datasets.template.mm_plugin import get_mm_plugin
            from paddleformers.transformers import AutoProcessor

            self.processor = AutoProcessor.from_pretrained(str(folder))
            self.images = get_mm_plugin("qwen3_vl", image_token=IMAGE_TOKEN, video_token=VIDEO_TOKEN)
        # As in training: the image processor alone decides about the resolution (train/plugin.py).
        self.processor.image_max_pixels, self.processor.image_min_pixels = math.inf, 0
        self.tokenizer = self.processor.tokenizer
        if not self.tokenizer.chat_template:
            raise UserError(
                f"{folder}: the tokenizer has no chat template: copy tokenizer_config.json from the model"
            )

    def encode(self, request: Request) -> Prompt:
        """Encode one request.

        The image goes through the very code by which PaddleFormers reads it for training.

        Raises:
            UserError: the image cannot be read.
        """
        try:
            inputs = self.images.get_mm_inputs([str(request.image)], [], [], self.processor)
        except (OSError, ValueError) as error:
            raise UserError(f"{request.image}: not usable as an image: {error}") from error
        grid = inputs["image_grid_thw"]
        tokens = math.prod(grid[0].tolist()) // self.processor.image_processor.merge_size**2
        text = self.tokenizer.apply_chat_template(
            chat_messages(request), tokenize=False, add_generation_prompt=True
        )
        before, _, after = text.partition(IMAGE_TOKEN)
        text = f"{before}{IMAGE_TOKEN * tokens}{after}"
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return Prompt(list(ids), inputs["pixel_values"], grid)


class PaddleEngine:
    """A loaded Qwen3-VL, with its LoRA adapter unmerged if it has one."""

    def __init__(
        self, checkpoint: Checkpoint, *, device: str = "auto", dtype: str = "auto", max_new_tokens: int = 2048
    ) -> None:
        """Load tokenizer, image processor and weights.

        Raises:
            UserError: a GPU is asked for and Paddle has none.
        """
        with quiet(), redirect_stderr(io.StringIO()):  # a warning about OMP_NUM_THREADS
            import paddle

        device = _choose_device(device)
        paddle.set_device(device)
        if dtype == "auto":
            dtype = "float32" if device == "cpu" else "bfloat16"
        encoder = PromptEncoder(checkpoint.processor)
        self._hold(_load_model(checkpoint, dtype, has_gpu=device != "cpu"), encoder, max_new_tokens)

    @classmethod
    def from_model(cls, model: Any, encoder: PromptEncoder, *, max_new_tokens: int) -> "PaddleEngine":
        """Make an engine of a model that is in memory, such as one in training; its mode is the caller's.

        Where the model is split over processes, all of them have to ask the same questions together.
        """
        engine = cls.__new__(cls)
        engine._hold(model, encoder, max_new_tokens)
        return engine

    def _hold(self, model: Any, encoder: PromptEncoder, max_new_tokens: int) -> None:
        self.model, self.encoder, self.max_new_tokens = model, encoder, max_new_tokens
        self.end_ids = set(encoder.tokenizer.convert_tokens_to_ids(list(END_TOKENS)))
        self.pad_id = encoder.tokenizer.pad_token_id

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests as one batch, greedily, in their order."""
        import paddle

        with quiet(), paddle.no_grad():
            return [
                RawAnswer(self._text(ids), is_cut=not ended)
                for ids, ended in self.generate([self.encoder.encode(request) for request in requests])
            ]

    def generate(self, prompts: Sequence[Prompt]) -> list[tuple[list[int], bool]]:
        """Return the new token ids of each prompt without the end token, and whether there was one.

        The prompts are padded on the left and read once; then every step feeds one token a row, until
        every row has ended or is `max_new_tokens` long.
        """
        import paddle
        from paddleformers.transformers.cache_utils import DynamicCache

        length = max(len(prompt.token_ids) for prompt in prompts)
        pads = [length - len(prompt.token_ids) for prompt in prompts]
        ids = paddle.to_tensor(
            [[self.pad_id] * pad + prompt.token_ids for pad, prompt in zip(pads, prompts, strict=True)]
        )
        mask = paddle.to_tensor([[0] * pad + [1] * (length - pad) for pad in pads])
        grids = paddle.concat([prompt.image_grid_thw for prompt in prompts])
        positions, deltas = self.model.model.get_rope_index(ids, grids, attention_mask=mask)
        cache = DynamicCache(config=self.model.config.text_config)
        embedded = self._embed(ids, prompts)
        rows: list[list[int]] = [[] for _ in prompts]
        ended = [False] * len(prompts)
        for step in range(self.max_new_tokens):
            token_ids = self._next_tokens(embedded, positions, mask, cache)
            for row, token_id in enumerate(token_ids):
                ended[row] = ended[row] or token_id in self.end_ids
                if not ended[row]:
                    rows[row].append(token_id)
            if all(ended):
                break
            ids = paddle.to_tensor(token_ids).unsqueeze(1)
            embedded = {"inputs_embeds": self.model.get_input_embeddings()(ids)}
            mask = paddle.concat([mask, paddle.ones_like(ids)], axis=1)
            # deltas: how far a row's positions run behind the padded length, images being short in positions
            positions = (deltas + length + step).unsqueeze(0).expand([3, -1, -1])
        return list(zip(rows, ended, strict=True))

    def _embed(self, ids: Any, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """Embed the prompts, each image read alone: attention over several is dense, and masked.

        `deepstack` are features of the vision tower's inner layers, which the first text layers add.
        """
        import paddle

        features, deepstack = [], []
        for prompt in prompts:
            outputs, inner = self.model.model.get_image_features(prompt.pixel_values, prompt.image_grid_thw)
            features.extend(outputs)
            deepstack.append(inner)
        embeddings = self.model.get_input_embeddings()(ids)
        image_mask = ids == self.model.config.image_token_id
        scattered = embeddings.masked_scatter(
            image_mask.unsqueeze(-1).expand_as(embeddings), paddle.concat(features).astype(embeddings.dtype)
        )
        return {
            "inputs_embeds": scattered,
            "visual_pos_masks": image_mask,
            "deepstack_visual_embeds": [paddle.concat(list(layer)) for layer in zip(*deepstack, strict=True)],
        }

    def _next_tokens(self, embedded: dict[str, Any], positions: Any, mask: Any, cache: Any) -> list[int]:
        outputs = self.model.model.language_model(
            position_ids=positions,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
            **embedded,
        )
        logits = _whole_vocabulary(self.model.lm_head(outputs.last_hidden_state[:, LAST]), self.model.config)
        return [int(token_id) for token_id in logits[:, -1].astype("float32").argmax(-1).tolist()]

    def _text(self, ids: list[int]) -> str:
        return str(
            self.encoder.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )


def _whole_vocabulary(logits: Any, config: Any) -> Any:
    """Return logits of all tokens: under tensor parallelism each process computes its own part's."""
    if logits.shape[-1] == config.text_config.vocab_size:
        return logits
    import paddle
    from paddle.distributed import fleet

    parts: list[Any] = []
    group = fleet.get_hybrid_communicate_group().get_model_parallel_group()
    paddle.distributed.all_gather(parts, logits.contiguous(), group=group)
    return paddle.concat(parts, axis=-1)


def _choose_device(device: str) -> str:
    import paddle

    has_gpu = paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if device == "gpu" and not has_gpu:
        raise UserError("device=gpu: this Paddle sees no GPU: install paddlepaddle-gpu, or set device=cpu")
    return "gpu" if has_gpu and device != "cpu" else "cpu"


def _load_model(checkpoint: Checkpoint, dtype: str, *, has_gpu: bool) -> Any:
    """Load the plain Paddle model, which runs on both devices and reads Hugging Face weights."""
    with quiet():
        from paddleformers.peft import LoRAModel
        from paddleformers.transformers import AutoConfig
        from paddleformers.transformers.qwen3_vl import modeling

        config = AutoConfig.from_pretrained(str(checkpoint.model))
        if config.model_type != "qwen3_vl":
            raise UserError(
                f"{checkpoint.model}: a model of type '{config.model_type}': only qwen3_vl is read"
            )
        for part in (config, config.text_config, config.vision_config):
            part._attn_implementation = "sdpa" if has_gpu else "eager"
        if not has_gpu:
            config.text_config.fuse_rms_norm = False  # the fused kernel exists for GPUs only
        with linked(checkpoint.model) as folder:
            model = modeling.Qwen3VLForConditionalGenerationDeprecated.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                load_checkpoint_format="flex_checkpoint",
                convert_from_hf=True,
            )
        if checkpoint.adapter is not None:
            with linked(checkpoint.adapter) as folder:
                model = LoRAModel.from_pretrained(model, folder).model
        model.eval()
        return model
