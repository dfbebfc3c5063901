"""Ask for the answer itself: the prompt's messages as they are, with the answer's schema where there is one."""

from curation.asking import Asking, Way
from curation.records import Prompt
from curation.tables import AnswerTable
from curation.wrapping import plain_schema


class Answer(Way):
    """One plain answer per sample, one request each."""

    def __call__(self, prompt: Prompt, answer: AnswerTable, n: int = 1) -> Asking:
        """The prompt as it is."""
        return Asking(prompt.messages, plain_schema(answer), self.template)
