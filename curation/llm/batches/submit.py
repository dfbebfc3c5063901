"""How a batch gets to its provider exactly once: each step is durable before the next, and absence is proven.

intent (the requests, with their reservations) -> input file -> uploaded -> sending -> created. Up to `uploaded`
nothing was bought, and a batch found there later is given up. From `sending` on it may exist: the provider's list
decides, and while that cannot tell, its requests stay where they are.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from curation.errors import AskFailed, ProviderError
from curation.llm.batches.office import Office
from curation.llm.batches.wire import Remote, seconds_of
from curation.llm.work import Work
from curation.store.batches import Batch, NewBatch
from curation.store.durable import digest_of, written_durably
from curation.store.replies import Claim, Claimed, Purpose

CLOCKS_DIFFER = 3600.0
"""Seconds by which a provider's clock may be wrong against ours."""

NEVER_SENT = frozenset({"connection", "rate_limited"})
"""Failures of `create` after which there surely is no batch."""

PERHAPS_SENT = frozenset({"timeout", "server", "overloaded", "unreadable"})


def custom_id(batch: str, key: str) -> str:
    """What a provider knows a request of a batch by: 53 characters of what every dialect admits."""
    return f"{batch}_{key[:40]}"


async def intend(office: Office, ident: str, purpose: Purpose, works: Sequence[Work]) -> list[Claimed]:
    """Write down the wish to buy these in one batch; one answer per request, `yours` being in the batch."""
    desk, rules = office.desk, office.rules
    price = rules.price.id if rules.price else None
    new = NewBatch(ident, desk.provider, desk.host, office.model, desk.dialect, purpose, price)
    claims = [_claim(office, ident, purpose, work) for work in works]
    answers = await office.journal.enqueue(new, claims)
    office.settings.step("intent")
    return answers


def new_name() -> str:
    """The local name of a batch."""
    return secrets.token_hex(6)


def _claim(office: Office, ident: str, purpose: Purpose, work: Work) -> Claim:
    price = office.rules.price
    work.wire = custom_id(ident, work.request.key)
    work.reserve = 0.0 if price is None else price.most(work.request, "batch")
    about = work.about(office.rules.terms, office.rules.scrub)
    return Claim(work.request, purpose, work.reserve, work.wire, price.id if price else None, about)


async def submit(office: Office, ident: str, works: Sequence[Work], tokens: float) -> Batch:
    """Send a batch whose intent is written down; it comes back `created`, or `sending` where nobody can tell yet.

    Raises ProviderError or RunStopped where it was refused; it then holds nothing any more.
    """
    step, update = office.settings.step, office.batches.update
    file = office.folder(ident) / "input.jsonl"
    size, sha256 = await asyncio.to_thread(_write, office, ident, works)
    step("written")
    batch = update(ident, input_sha256=sha256, bytes=size, tokens=round(tokens))
    try:
        remote_file = await office.patiently(ident, lambda: office.desk.upload(ident, file))
        step("file sent")
        update(ident, state="uploaded", remote_file=remote_file)
        step("uploaded")
        batch = update(ident, state="sending", sent_at=True)
        step("sending")
        remote = await office.patiently(ident, lambda: office.desk.create(batch, file), only=NEVER_SENT)
    except AskFailed as failed:
        if batch.state == "sending" and failed.kind in PERHAPS_SENT:
            return batch
        office.batches.finish(ident, "failed", words=str(failed))
        raise office.refused(batch, failed) from None
    step("sent")
    return _adopt(office, batch, remote)


def _write(office: Office, ident: str, works: Sequence[Work]) -> tuple[int, str]:
    file = office.folder(ident) / "input.jsonl"
    with written_durably(file) as lines:
        for work in works:
            lines.write(office.desk.line(custom_id(ident, work.request.key), work.request))
    return file.stat().st_size, digest_of(file)


def _adopt(office: Office, batch: Batch, remote: Remote) -> Batch:
    batch = office.batches.update(batch.id, state="created", remote_id=remote.id, expires_at=remote.expires_at)
    office.settings.step("created")
    return batch


async def recover(office: Office, batch: Batch) -> Batch:
    """A batch that is not known to be at its provider: given up, found there, or left as it is until that is clear."""
    if batch.state in ("intent", "uploaded"):
        return office.batches.finish(batch.id, "cancelled", words="it was never sent")
    sent_at = seconds_of(batch.sent_at) or 0.0
    known = office.batches.remote_ids(office.desk.host)
    try:
        found = await office.desk.find(batch, known, sent_at - CLOCKS_DIFFER)
    except AskFailed as failed:
        raise ProviderError(
            f"whether {office.named(batch)} exists cannot be told, because its list does not answer: {failed}; nothing "
            "is sent a second time, run again when it does"
        ) from None
    if found.surely:
        first, *more = sorted(found.surely, key=lambda r: r.created_at or 0.0)
        for other in more:
            office.settings.notice(f"{office.named(batch)} exists twice; {other.id} is being cancelled")
            await office.patiently(batch.id, partial(office.desk.cancel, other.id))
        return _adopt(office, batch, first)
    if found.possibly or datetime.now(UTC).timestamp() - sent_at < office.settings.settle:
        return batch
    return office.batches.finish(batch.id, "cancelled", words="the provider's list does not show it")
