"""Let the teacher ask back where a message cannot be answered without something only its writer knows.

After Kuhn, Gal and Farquhar (2022), CLAM, arXiv 2212.07769: models that are not told so guess at what is missing.
Asked this way, prompts that lack something (`[vary] kinds = ["underspecified"]` makes some) teach a student to ask.
"""

from pydantic import JsonValue

from curation.asking import Asking, Said, Way
from curation.errors import ReplyUnreadable, TaskError
from curation.plugins import nearest
from curation.records import Prompt, Reply
from curation.tables import AnswerTable
from curation.wrapping import instructed, object_in, plain_schema

WHEN = (
    "If the message cannot be answered well without information that it does not give and that only its writer has, "
    "do not guess: "
)
TEXT = "ask for exactly that, in one or two short questions in the language of the message, and write nothing else."
LABEL = "give the label {label!r}."
JSON = "set `{field}` to true{question}, and put nothing into the other fields that is not certain."
QUESTION = " and write what you ask, in one or two short questions in the language of the message, into `{question}`"
ELSE = "Otherwise answer it{also}."


class Clarify(Way):
    """An answer where there can be one, and otherwise the question to ask back.

    A text answer is then the question itself. A JSON answer says so in a boolean field, and is unreadable when that
    field and the question do not fit together. A label answer is the label named in `label`.
    """

    field: str = "needs_clarification"
    """JSON: the boolean field that says the teacher asks back."""
    question: str | None = None
    """JSON: the field that holds the question; empty or null exactly where nothing is asked."""
    label: str | None = None
    """Label tasks: the label that says the message cannot be answered as it is."""

    def __call__(self, prompt: Prompt, answer: AnswerTable, n: int = 1) -> Asking:
        """The prompt, told when to ask back; TaskError where the answer has no place to say so."""
        return Asking(instructed(prompt.messages, self._words(answer)), plain_schema(answer), self.template)

    def read(self, reply: Reply, answer: AnswerTable, index: int) -> Said:
        """The reply as it is; ReplyUnreadable for a JSON answer whose field and question contradict each other."""
        if answer.format == "json":
            self._require_consistent(object_in(reply.text))
        return Said(reply.text, rationale=reply.reasoning)

    def _words(self, answer: AnswerTable) -> str:
        match answer.format:
            case "text":
                return f"{WHEN}{TEXT} {ELSE.format(also='')}"
            case "label":
                return f"{WHEN}{LABEL.format(label=self._known_label(answer))} {ELSE.format(also='')}"
            case "json":
                self._require_fields(answer)
                question = QUESTION.format(question=self.question) if self.question else ""
                also = f", with `{self.field}` false" + (f" and `{self.question}` empty" if self.question else "")
                return f"{WHEN}{JSON.format(field=self.field, question=question)} {ELSE.format(also=also)}"

    def _known_label(self, answer: AnswerTable) -> str:
        known = f"Labels: {', '.join(answer.labels)}" if answer.labels else ""
        if self.label is None:
            raise TaskError(
                f"clarify: a label task says with which label to ask back: ask_with = {{ label = … }}. {known}"
            )
        if answer.labels and self.label not in answer.labels:
            raise TaskError(
                f"clarify: label {self.label!r} is not on the list{nearest(self.label, answer.labels)} {known}"
            )
        return self.label

    def _require_fields(self, answer: AnswerTable) -> None:
        properties = (answer.json_schema or {}).get("properties")
        if not isinstance(properties, dict):
            return
        for setting, name in (("field", self.field), ("question", self.question)):
            if name is not None and name not in properties:
                raise TaskError(
                    f"clarify: the answer's schema has no field {name!r}{nearest(name, properties)} Add it, or name "
                    f"another with ask_with = {{ {setting} = … }}. Known: {', '.join(properties)}"
                )

    def _require_consistent(self, value: dict[str, JsonValue]) -> None:
        asks = value.get(self.field)
        if not isinstance(asks, bool):
            raise ReplyUnreadable(f"{self.field!r} is not true or false")
        if self.question is None:
            return
        question = value.get(self.question)
        asked = isinstance(question, str) and bool(question.strip())
        if asks and not asked:
            raise ReplyUnreadable(f"{self.field!r} is true and {self.question!r} asks nothing")
        if asked and not asks:
            raise ReplyUnreadable(f"{self.field!r} is false and {self.question!r} asks something")
