"""The engine that runs Qwen3-VL on PaddlePaddle."""

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from random import Random
from typing import Any

from grounding.errors import UserError
from infer.engines.checkpoint import Checkpoint
from infer.engines.libraries import linked, quiet
from infer.engines.paddle.decoding import Decoding, Row, generate
from infer.engines.paddle.encoding import Prompt, PromptEncoder
from infer.engines.protocol import RawAnswer, Request, Token
from infer.engines.settings import EngineSettings
from infer.engines.token_texts import split_text
from models.arithmetic import fast_arithmetic

END_TOKENS = ("<|im_end|>", "<|endoftext|>")
"""What ends an answer. Source: eos_token_id in the generation_config.json of Qwen3-VL Instruct."""


class PaddleEngine:
    """A loaded Qwen3-VL, with its LoRA adapter unmerged if it has one."""

    def __init__(self, settings: EngineSettings) -> None:
        """Load tokenizer, image processor and weights.

        Of the requests handed over at once, `batch_size` are answered side by side. With `tensor_parallel`
        above 1, this process holds one part of the model, and has joined the others
        (`infer.engines.paddle.group`).

        Raises:
            UserError: a missing or incomplete checkpoint folder, or a GPU is asked for and Paddle has none.
        """
        checkpoint = settings.resolve_checkpoint()
        assert checkpoint is not None  # the settings check it
        # Paddle reads these when it is imported, and takes one processor where nothing is said.
        for name, value in {"OMP_NUM_THREADS": str(os.cpu_count() or 1), **fast_arithmetic()}.items():
            os.environ.setdefault(name, value)
        with quiet(), redirect_stderr(io.StringIO()):  # a warning about OMP_NUM_THREADS
            import paddle

        device, dtype = _choose_device(settings.device), settings.dtype
        paddle.set_device(device)
        if dtype == "auto":
            dtype = "float32" if device == "cpu" else "bfloat16"
        self.encoder = PromptEncoder(checkpoint.processor)
        self.model = _load_model(checkpoint, dtype, settings.tensor_parallel, has_gpu=device != "cpu")
        self.decoding = replace(
            _greedy(self.encoder, settings.max_new_tokens),
            temperature=settings.temperature,
            top_p=settings.top_p,
            seed=settings.seed,
            with_logprobs=settings.with_tokens,
            rows=settings.batch_size,
        )

    @classmethod
    def from_model(cls, model: Any, encoder: PromptEncoder, *, max_new_tokens: int) -> "PaddleEngine":
        """Make an engine, greedy, over a model that is loaded already and may be in training.

        With tensor parallelism every rank must answer the same requests at the same time.
        """
        engine = cls.__new__(cls)
        engine.model, engine.encoder = model, encoder
        engine.decoding = _greedy(encoder, max_new_tokens)
        return engine

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer the requests, in their order."""
        with quiet():
            prompts = [self.encoder.encode(request) for request in requests]
            rows = self.generate(prompts, [self.decoding.source(request) for request in requests])
        return [RawAnswer(self._text(row.token_ids), not row.has_ended, self._tokens(row)) for row in rows]

    def generate(self, prompts: Sequence[Prompt], sources: Sequence[Random] = ()) -> list[Row]:
        """Answer encoded prompts; each has its source of random numbers where answers are sampled."""
        import paddle

        was_training = self.model.training
        self.model.eval()
        try:
            with paddle.no_grad():
                return generate(self.model, prompts, sources or [Random(0)] * len(prompts), self.decoding)
        finally:
            if was_training:
                self.model.train()

    def _text(self, ids: list[int]) -> str:
        return str(
            self.encoder.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def _tokens(self, row: Row) -> tuple[Token, ...]:
        if not self.decoding.with_logprobs:
            return ()
        texts = split_text(self.encoder.tokenizer, row.token_ids)
        return tuple(Token(*pair) for pair in zip(texts, row.logprobs, strict=True))


def _greedy(encoder: PromptEncoder, max_new_tokens: int) -> Decoding:
    tokenizer = encoder.tokenizer
    end_ids = frozenset(tokenizer.convert_tokens_to_ids(list(END_TOKENS)))
    return Decoding(end_ids, tokenizer.pad_token_id, max_new_tokens)


def count_gpus() -> int:
    """Return the number of GPUs that Paddle sees."""
    with quiet(), redirect_stderr(io.StringIO()):
        import paddle

    return int(paddle.device.cuda.device_count()) if paddle.device.is_compiled_with_cuda() else 0


def _choose_device(device: str) -> str:
    has_gpu = count_gpus() > 0
    if device == "gpu" and not has_gpu:
        raise UserError("device=gpu: this Paddle sees no GPU: install paddlepaddle-gpu, or set device=cpu")
    return "gpu" if has_gpu and device != "cpu" else "cpu"


def _own_part(parts: int) -> int:
    if parts == 1:
        return 0
    from paddle.distributed import fleet

    return int(fleet.get_hybrid_communicate_group().get_model_parallel_rank())


def _load_model(checkpoint: Checkpoint, dtype: str, parts: int, *, has_gpu: bool) -> Any:
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
            part.tensor_model_parallel_size, part.tensor_parallel_rank = parts, _own_part(parts)
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
