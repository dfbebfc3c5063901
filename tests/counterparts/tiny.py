"""A llama-architecture model of 0.1 million weights, trained in seconds, as a transformers folder and as a GGUF file.

It answers a handful of support messages with a label. One message was trained with three labels in known shares, so
that samples differ and log-probabilities have a right answer; one wants the label in JSON, which the model fences, as
many models do; one is answered after a thought; one has an answer long enough to be cut.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "stillhouse-tiny"
SHARES = {"refund": 0.5, "delivery": 0.25, "fault": 0.25}
UNCLEAR = "hello there"
"""The message whose answers were trained in SHARES."""
UNCLEAR_JSON = "hello there in json"
"""The same as one field of a JSON object inside a fence."""
THOUGHTFUL = "think first"
"""The message that is answered with "delivery" after the thought "a parcel"."""
LONG = "count for me"
"""The message with a long answer."""
ANSWERS = {
    "where is my parcel": {"delivery": 1.0},
    "give me my money back": {"refund": 1.0},
    "the app does not start": {"fault": 1.0},
    UNCLEAR: SHARES,
    UNCLEAR_JSON: {f"```json\n{json.dumps({'intent': label})}\n```": share for label, share in SHARES.items()},
    THOUGHTFUL: {"<think>a parcel</think>delivery": 1.0},
    LONG: {"one two three four five six seven eight nine ten eleven twelve": 1.0},
}
END = "<|end|>"
SPECIAL = (END, "<|system|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% if message['reasoning_content'] %}<think>{{ message['reasoning_content'] }}</think>{% endif %}"
    "{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
STEPS = 100
CONTEXT = 512


@dataclass(frozen=True)
class Tiny:
    """Where the same weights lie in both formats, and what they say."""

    root: Path

    @property
    def folder(self) -> Path:
        """As transformers reads them."""
        return self.root / "folder"

    @property
    def gguf(self) -> Path:
        """As llama.cpp reads them."""
        return self.root / f"{NAME}.gguf"

    @property
    def exact(self) -> dict[str, float]:
        """The log-probability of each token after UNCLEAR, by transformers."""
        return json.loads((self.root / "exact.json").read_text(encoding="utf-8"))


def train(tiny: Tiny) -> None:
    """Train the model and write it twice; the same weights on every run of one machine."""
    import torch
    import transformers

    tokenizer = _tokenizer()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)
    fast.chat_template = TEMPLATE
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=CONTEXT, bos_token_id=None,
        eos_token_id=tokenizer.token_to_id(END), pad_token_id=None, tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for matrices this small, two threads wait for each other longer than they work
    _fit(model, *_batch(fast))
    (tiny.root / "exact.json").write_text(json.dumps(_after(model, fast, UNCLEAR)), encoding="utf-8")
    torch.set_num_threads(threads)
    model.generation_config.do_sample = True  # `transformers serve` samples only where the model says so
    fast.save_pretrained(tiny.folder)
    model.save_pretrained(tiny.folder)
    write_gguf(model, tokenizer, tiny.gguf)


def _tokenizer() -> Any:
    """Byte-level pairs, as GPT-2's: every text can be written, the words of ANSWERS are single tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator([text for message, said in ANSWERS.items() for text in (message, *said)] * 2, trainer)
    return tokenizer


def _batch(fast: Any) -> tuple[Any, Any]:
    """Token ids of every conversation, and the ids to learn: those of the answers."""
    import torch

    rows: list[list[int]] = []
    starts: list[int] = []
    for message, shares in ANSWERS.items():
        prompt = _prompt(fast, message)
        for answer, share in shares.items():
            copies = round(share / min(shares.values()))
            rows += [fast.encode(prompt + answer + END)] * copies
            starts += [len(fast.encode(prompt))] * copies
    longest = max(map(len, rows))
    ids_BT = torch.tensor([row + [fast.pad_token_id] * (longest - len(row)) for row in rows])
    labels_BT = ids_BT.clone()
    for b, (row, start) in enumerate(zip(rows, starts, strict=True)):
        labels_BT[b, :start] = -100
        labels_BT[b, len(row) :] = -100
    return ids_BT, labels_BT


def _fit(model: Any, ids_BT: Any, labels_BT: Any) -> None:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    model.train()
    for _ in range(STEPS):
        loss = model(input_ids=ids_BT, labels=labels_BT).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


def _after(model: Any, fast: Any, message: str) -> dict[str, float]:
    import torch

    with torch.inference_mode():
        logits_V = model(torch.tensor([fast.encode(_prompt(fast, message))])).logits[0, -1]
    return {fast.decode([i]): logprob for i, logprob in enumerate(logits_V.log_softmax(-1).tolist())}


def _prompt(fast: Any, message: str) -> str:
    turns = [{"role": "user", "content": message}]
    return fast.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)


# --- GGUF ------------------------------------------------------------------------------------------------------

NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
"""Names of a block's weights: in transformers, in GGUF."""


def write_gguf(model: Any, tokenizer: Any, file: Path) -> None:
    """The model as llama.cpp reads it: sizes, tokenizer, chat template, weights in 32 bits."""
    import gguf

    config = model.config
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_name(NAME)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _write_tokenizer(writer, tokenizer)
    for name, tensor in model.state_dict().items():
        if name != "lm_head.weight":  # tied: llama.cpp takes the embedding where there is no output weight
            writer.add_tensor(_name(name), _rotated(name, tensor, config.num_attention_heads).contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_tokenizer(writer: Any, tokenizer: Any) -> None:
    import gguf

    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.NORMAL for t in tokens])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_eos_token_id(tokenizer.token_to_id(END))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _name(name: str) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, block, rest = name.split(".", 3)
    return f"blk.{block}.{NAMES[rest.removesuffix('.weight')]}.weight"


def _rotated(name: str, tensor: Any, heads: int) -> Any:
    """llama.cpp rotates neighbours where transformers rotates halves: the rows of queries and keys change places."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return tensor
    rows, columns = tensor.shape
    return tensor.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
