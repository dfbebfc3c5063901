"""The provider `local`: a causal language model in a folder, run by transformers on this machine.

torch is imported when the first model is opened. Requests are answered one at a time in a thread of their own.
"""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from curation.errors import AskFailed, MissingExtra, ProviderError
from curation.llm.limits import Pace
from curation.records import Message, Reply, Request, TokenLogprob, Usage
from curation.task import ModelTable

MAX_NEW_TOKENS = 256
EDGE = 1 << 20
"""Bytes read at both ends of each file for the fingerprint: new weights differ there, and it stays fast."""


def fingerprint(model: ModelTable) -> str:
    """Twelve hex digits that change when the model's files do; part of the request key."""
    folder = folder_of(model)
    seen = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        size = file.stat().st_size
        seen.update(f"{file.relative_to(folder)}|{size}|".encode())
        with file.open("rb") as stream:
            seen.update(stream.read(EDGE))
            stream.seek(max(0, size - EDGE))
            seen.update(stream.read(EDGE))
    return seen.hexdigest()[:12]


def folder_of(model: ModelTable) -> Path:
    """The folder in `path`; ProviderError when there is no model in it."""
    folder = Path(model.path or "").expanduser()
    if model.path is None or not (folder / "config.json").is_file():
        found = f"{folder} has no config.json" if model.path else "path is not set"
        raise ProviderError(f"{model.name!r} is a local model: {found}; path = 'FOLDER' as save_pretrained wrote it")
    return folder


class Local:
    """A model in memory."""

    name = "local"
    host = "local"

    def __init__(self, model: ModelTable) -> None:
        self.pace = Pace()
        self.api_version = fingerprint(model)
        self._tokenizer, self._model, self._torch = _load(folder_of(model))
        self._worker = ThreadPoolExecutor(1, "stillhouse-local")

    async def ask(self, request: Request, attempt: int, wire: str) -> Reply:
        """Generate; the same request gives the same answer, sampled only when it has a temperature."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._generate, request, attempt)

    async def close(self) -> None:
        """Wait for the last answer."""
        self._worker.shutdown()

    def _generate(self, request: Request, attempt: int) -> Reply:
        torch = self._torch
        temperature = _number(request, "temperature", 0.0)
        most = int(_number(request, "max_new_tokens", _number(request, "max_tokens", MAX_NEW_TOKENS)))
        text = self._rendered(request.messages)
        prompt_BT = self._tokenizer(text, return_tensors="pt")["input_ids"].to(self._model.device)
        room = int(getattr(self._model.config, "max_position_embeddings", 0) or 1 << 30) - prompt_BT.shape[1]
        if room < 1:
            raise AskFailed("too_long", f"the prompt has {prompt_BT.shape[1]} tokens, more than the model can read")
        torch.manual_seed(int(request.key[:12], 16) + attempt - 1)
        with torch.inference_mode():
            out = self._model.generate(
                prompt_BT,
                attention_mask=torch.ones_like(prompt_BT),
                max_new_tokens=min(most, room),
                do_sample=temperature > 0,
                **({"temperature": temperature} if temperature > 0 else {}),
                pad_token_id=self._pad(),
                return_dict_in_generate=True,
                output_logits=True,
            )
        return self._reply(request, prompt_BT.shape[1], out)

    def _rendered(self, messages: tuple[Message, ...]) -> str:
        if self._tokenizer.chat_template:
            turns = [{"role": m.role, "content": m.content} for m in messages]
            return self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return "\n\n".join([*(f"{m.role}: {m.content}" for m in messages), "assistant:"])

    def _pad(self) -> int:
        known = (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id)
        return next((i for i in known if i is not None), 0)

    def _reply(self, request: Request, prompt: int, out: Any) -> Reply:
        answer_T = out.sequences[0, prompt:]
        ends = self._ends()
        ended = len(answer_T) > 0 and int(answer_T[-1]) in ends
        return Reply(
            key=request.key,
            text=self._tokenizer.decode(answer_T, skip_special_tokens=True),
            stop="end" if ended else "length",
            model=request.model,
            logprobs=tuple(self._logprobs(answer_T, out.logits)) if request.params.get("logprobs") else None,
            usage=Usage(input=prompt, output=len(answer_T)),
            fingerprint=self.api_version,
        )

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)

    def _logprobs(self, answer_T: Any, logits: Any) -> list[TokenLogprob]:
        found: list[TokenLogprob] = []
        for token, logits_BV in zip(answer_T.tolist(), logits, strict=True):
            logprob_V = self._torch.log_softmax(logits_BV[0].float(), dim=-1)
            values, ids = logprob_V.topk(min(5, len(logprob_V)))
            top = tuple((self._tokenizer.decode([i]), v) for i, v in zip(ids.tolist(), values.tolist(), strict=True))
            found.append(TokenLogprob(token=self._tokenizer.decode([token]), logprob=float(logprob_V[token]), top=top))
        return found


def _number(request: Request, name: str, default: float) -> float:
    value = request.params.get(name)
    return float(value) if isinstance(value, int | float) else default


def open_model(model: ModelTable) -> Local:
    """The model in a folder, in memory."""
    return Local(model)


def _load(folder: Path) -> tuple[Any, Any, Any]:
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtra("a local model needs torch and transformers: pip install 'stillhouse[train]'") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise ProviderError(f"{folder} holds no causal language model that can be loaded: {error}") from error
    device: Any = "cuda" if torch.cuda.is_available() else "cpu"
    return tokenizer, model.to(device).eval(), torch
