"""A causal language model in a folder answers through transformers, on this machine."""

import json
import math
from pathlib import Path

import pytest

from curation.asker import Ask, Failure
from curation.errors import ProviderError
from curation.records import Message, Reply
from curation.task import TeacherTable
from tests.curation.asking import asker_in, asks

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny causal model with random weights and a tokenizer of single characters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("model")
    alphabet = ["<end>", "<unk>", *(chr(c) for c in range(32, 127)), "\n"]
    tokenizer = Tokenizer(models.WordLevel({c: i for i, c in enumerate(alphabet)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<unk>")
    fast.save_pretrained(folder)
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(alphabet), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, bos_token_id=None, eos_token_id=0,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def table(folder: Path, **params) -> TeacherTable:
    return TeacherTable(name="mine", use="local", model="tiny", path=str(folder), params=params)


def test_it_generates_reports_tokens_and_log_probabilities_and_costs_nothing(folder, tmp_path):
    with asker_in(tmp_path, truncated_retry_factor=1) as asker:
        (reply,) = asker.ask(asks(asker, table(folder, max_tokens=8, logprobs=True), ["hello"]), "sample").values()
        assert (asker.calls, asker.cost_usd) == (1, 0.0)
    assert isinstance(reply, Reply)
    assert reply.logprobs
    assert reply.usage.output == len(reply.logprobs) <= 8
    assert "".join(t.token for t in reply.logprobs).replace("<end>", "") == reply.text
    first = reply.logprobs[0]
    assert first.logprob == pytest.approx(max(v for _, v in first.top))
    assert sum(math.exp(v) for _, v in first.top) <= 1 + 1e-6


def test_the_same_request_gives_the_same_answer_and_samples_differ(folder, tmp_path):
    def generate(root: Path) -> list[str]:
        model = table(folder, max_tokens=12, temperature=1.5)
        with asker_in(root) as asker:
            turns = [Message(role="user", content="hello")]
            wanted = [Ask(asker.request(model, turns, index=i), model) for i in range(4)]
            answers = asker.ask(wanted, "sample")
            return [answers[a.request.key].text for a in wanted]

    first = generate(tmp_path / "a")
    assert generate(tmp_path / "b") == first
    assert len(set(first)) > 1


def test_a_prompt_longer_than_the_model_reads_fails_its_own_row(folder, tmp_path):
    with asker_in(tmp_path) as asker:
        wanted = asks(asker, table(folder, max_tokens=4), ["short", "long " * 50])
        short, long = asker.ask(wanted, "sample").values()
    assert isinstance(short, Reply)
    assert isinstance(long, Failure)
    assert long.kind == "too_long"


def test_other_weights_in_the_folder_are_another_model(folder, tmp_path):
    with asker_in(tmp_path / "a") as asker:
        before = asks(asker, table(folder), ["hello"])[0].request.key
    config = folder / "generation_config.json"
    original = config.read_text(encoding="utf-8")
    config.write_text(json.dumps({**json.loads(original), "top_k": 3}), encoding="utf-8")
    with asker_in(tmp_path / "b") as asker:
        assert asks(asker, table(folder), ["hello"])[0].request.key != before
    config.write_text(original, encoding="utf-8")


def test_a_folder_without_a_model_says_what_is_missing(tmp_path):
    with asker_in(tmp_path) as asker, pytest.raises(ProviderError, match=r"has no config\.json"):
        asks(asker, table(tmp_path), ["hello"])
