"""The practice server: simulated teachers and judges with a stated error profile, over real wire formats.

Nothing here is a language model. Replies come from an answer key, spoiled on purpose in a stated way, so that
the whole path can be run offline and every injected fault can be counted afterwards.
"""

from curation.llm.practice.batches import BatchFaults, HeldBatch
from curation.llm.practice.key import KeyEntry, read_key
from curation.llm.practice.limits import Limits
from curation.llm.practice.profiles import PROFILES, Faults, Profile
from curation.llm.practice.server import PracticeServer, Stats, serve, server_for

__all__ = [
    "PROFILES",
    "BatchFaults",
    "Faults",
    "HeldBatch",
    "KeyEntry",
    "Limits",
    "PracticeServer",
    "Profile",
    "Stats",
    "read_key",
    "serve",
    "server_for",
]
