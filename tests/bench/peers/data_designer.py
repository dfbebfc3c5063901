"""NeMo Data Designer: one text column over a seed data frame, its artifacts on disk."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import data_designer.config as dd
import pandas as pd
from data_designer.interface import DataDesigner

from tests.bench.peers.rows import MODEL, Ask, measured


@contextmanager
def opened(url: str, folder: Path, flight: int) -> Generator[Ask]:
    """One designer for all prompts; each call creates a data set of its own."""
    model = dd.ModelConfig(
        alias="teacher",
        model=MODEL,
        provider="here",
        skip_health_check=True,
        inference_parameters=dd.ChatCompletionInferenceParams(max_tokens=64, max_parallel_requests=flight),
    )
    here = dd.ModelProvider(name="here", endpoint=f"{url}/v1", api_key="sk-bench")
    designer = DataDesigner(artifact_path=folder / "artifacts", model_providers=[here], auto_configure_logging=False)

    def ask(texts: list[str]) -> list[tuple[str, str]]:
        plan = dd.DataDesignerConfigBuilder(model_configs=[model])
        plan.with_seed_dataset(dd.DataFrameSeedSource(df=pd.DataFrame({"text": texts})))
        plan.add_column(dd.LLMTextColumnConfig(name="answer", prompt="{{ text }}", model_alias="teacher"))
        came = designer.create(plan, num_records=len(texts), dataset_name=f"set{len(texts)}").load_dataset()
        return list(zip(came["text"], came["answer"], strict=True))

    yield ask


if __name__ == "__main__":
    measured(opened)
