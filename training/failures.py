"""What can go wrong when a student is taught or measured; each stops the run in one clear line."""

from curation.errors import StillhouseError


class TrainingError(StillhouseError):
    """A student cannot be taught or measured as asked."""


class EmptyArm(TrainingError):
    """An arm holds no row a student could learn from."""


class UnknownLabel(TrainingError):
    """A row carries a label that the student's head has no place for."""


class NothingToLearn(TrainingError):
    """No parameter would be trained, or a declared loss has no row to work on."""


class Diverged(TrainingError):
    """The loss stopped being a finite number."""


class StudentUnreadable(TrainingError):
    """A folder does not hold a whole student."""
