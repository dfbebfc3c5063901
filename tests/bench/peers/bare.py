"""The least a program can do with the SDK: a semaphore, a task per prompt, no journal, no limits, no retries."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import openai

from tests.bench.peers.rows import MODEL, Ask, Row, measured


@contextmanager
def opened(url: str, folder: Path, flight: int) -> Generator[Ask]:
    """One client for all prompts."""
    with asyncio.Runner() as runner:
        client = openai.AsyncOpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0, timeout=60)
        yield lambda texts: runner.run(_ask(client, texts, flight))
        runner.run(client.close())


async def _ask(client: openai.AsyncOpenAI, texts: list[str], flight: int) -> list[Row]:
    places = asyncio.Semaphore(flight)

    async def one(text: str) -> Row:
        async with places:
            completion = await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": text}], max_tokens=64
            )
        return text, completion.choices[0].message.content

    return await asyncio.gather(*(one(text) for text in texts))


if __name__ == "__main__":
    measured(opened)
