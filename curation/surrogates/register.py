"""Which candidates may become surrogates in a scope: nobody's value, and no other value's surrogate."""

from collections.abc import Set
from dataclasses import dataclass

from curation.surrogates.canonical import SHORT, plain, primary
from curation.surrogates.draws import Draws, Given

_LOOKED_FOR = 256
"""Up to so many originals are looked for inside a candidate (the name of a town in an address)."""
TRIES = 64
"""Draws for one value before it is masked instead."""


@dataclass(frozen=True)
class Register:
    """What is given and what occurs in a scope; `restored` where some of it may be of an earlier session."""

    draws: Draws
    taken: Given
    originals: Set[str]
    restored: bool

    def free(self, entity: str, identity: str, value: str, made: str) -> bool:
        """Whether a candidate is nobody's: not an original of the scope, not another value's surrogate."""
        shown, form = plain(made), primary(entity, made)
        if shown in self.originals or form in self.originals:
            return False
        others = self.originals if len(self.originals) <= _LOOKED_FOR else ()
        if any(len(original) >= SHORT and original in shown for original in (plain(value), *others)):
            return False
        return not self.is_given(made, entity) or self.held(entity, identity, made)

    def is_given(self, made: str, entity: str) -> bool:
        """Whether it is a surrogate of the scope."""
        return self.draws.commitment("surrogate", primary(entity, made)) in self.taken

    def is_part(self, word: str) -> bool:
        """Whether a word is part of somebody's surrogate."""
        return self.draws.commitment("part", plain(word)) in self.taken

    def seen(self, entity: str, identity: str) -> bool:
        """Whether an earlier session may have given this value a surrogate: one of the draws is to be taken again."""
        return self.restored and self.value(entity, identity) in self.taken

    def held(self, entity: str, identity: str, made: str) -> bool:
        """Whether it was given out for this very value."""
        return self.pair(entity, identity, made) in self.taken

    def value(self, entity: str, identity: str) -> str:
        """What stands for a value that has a surrogate."""
        return self.draws.commitment("value", f"{entity}|{identity}")

    def pair(self, entity: str, identity: str, made: str) -> str:
        """What stands for a value together with its surrogate."""
        return self.draws.commitment("pair", f"{entity}|{len(identity)}|{identity}|{primary(entity, made)}")
