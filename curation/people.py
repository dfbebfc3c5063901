"""Who somebody is here and what that lets them do: roles, actions, and the table that joins them."""

from typing import Literal, get_args

from curation.errors import Forbidden, InputError
from curation.records import Record

Role = Literal["admin", "curator", "reviewer", "gatekeeper", "auditor"]
Action = Literal[
    "rate",  # be shown items of a study and say what one thinks of them
    "open_study",
    "see_study",  # how far a study is
    "close_study",
    "adjudicate",
    "unblind",  # read or export what names the sources
    "see_gold",  # rows that measure: a rater who read them would be measured no more
    "curate_gold",
    "see_samples",
    "see_raw",  # text as it was before scrubbing
    "rule_on_held",  # let go what scrubbing or a judge holds back
    "decide_gate",
    "manage_people",
]

ROLES: tuple[Role, ...] = get_args(Role)
ALL: frozenset[Role] = frozenset(ROLES)
ACTIONS: tuple[Action, ...] = get_args(Action)
ALLOWED: dict[Action, frozenset[Role]] = {
    "rate": frozenset({"admin", "curator", "reviewer"}),
    "open_study": frozenset({"admin", "curator"}),
    "see_study": frozenset({"admin", "curator", "gatekeeper", "auditor"}),
    "close_study": frozenset({"admin", "curator"}),
    "adjudicate": frozenset({"admin", "curator"}),
    "unblind": frozenset({"admin", "curator", "gatekeeper", "auditor"}),
    "see_gold": frozenset({"admin", "curator", "auditor"}),
    "curate_gold": frozenset({"admin", "curator"}),
    "see_samples": frozenset({"admin", "curator", "gatekeeper", "auditor"}),
    "see_raw": frozenset({"admin", "auditor"}),
    "rule_on_held": frozenset({"admin", "curator"}),
    "decide_gate": frozenset({"admin", "gatekeeper"}),
    "manage_people": frozenset({"admin"}),
}


def known_role(name: str) -> Role:
    """The role of that name; InputError naming the roles there are."""
    known: dict[str, Role] = {role: role for role in ROLES}
    if name not in known:
        raise InputError(f"no role {name!r}. Roles: {', '.join(ROLES)}")
    return known[name]


class Person(Record):
    """Somebody with roles, who acts under their own name; an invited one is bound to one study too."""

    name: str
    roles: frozenset[Role]
    study: str | None = None
    for_others: bool = False
    """Whether they may act under any name: true of whoever holds the files, of nobody who signed in."""

    def may(self, action: Action, study: str | None = None) -> bool:
        """Whether a role of theirs allows it, in this study where it is about one."""
        bound = self.study is not None and study != self.study
        return bool(self.roles & ALLOWED[action]) and not bound

    def require(self, action: Action, study: str | None = None, rater: str | None = None) -> None:
        """Raise Forbidden where they may not, or where they would act as somebody else."""
        if not self.may(action, study):
            known = ", ".join(sorted(ALLOWED[action]))
            raise Forbidden(f"{self.name} may not {action.replace('_', ' ')} here; it takes the role {known}")
        if rater is not None and not self.for_others and rater != self.name:
            raise Forbidden(f"{self.name} may not act for somebody else")


OWNER = Person(name="engine", roles=ALL, for_others=True)
"""Whoever holds the workspace's files: the command line, scripts, pages served to their own machine."""
