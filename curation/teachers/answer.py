"""Ask for the answer itself: the prompt's messages as they are, with the answer's schema where there is one."""

from curation.asking import Asking
from curation.plugins import Plugin
from curation.records import Prompt, digest
from curation.task import AnswerTable


class Answer(Plugin):
    """One plain answer per sample."""

    def __call__(self, prompt: Prompt, answer: AnswerTable) -> Asking:
        """The prompt as it is."""
        schema = answer.json_schema if answer.format == "json" else None
        return Asking(prompt.messages, schema, digest(["answer", self.model_dump(mode="json")]))
