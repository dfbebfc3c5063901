"""A panel whose grader a judge cannot serve is refused before anybody is asked."""

import pytest

from curation.errors import TaskError
from curation.task import Task
from judges.panel import build_step
from tests.judges.test_panel import resources


def test_a_judge_without_log_probabilities_stops_a_panel_that_needs_them_before_a_call(tmp_path):
    declared = Task.model_validate(
        {
            "task": {"name": "t"},
            "teachers": [{"name": "alder", "use": "practice", "model": "alder-large"}],
            "judges": [
                {"name": "cedar-judge", "use": "practice", "model": "cedar-small"},
                {"name": "birch-judge", "use": "practice", "model": "birch-small"},
            ],
            "panel": {"grader": "logprob"},
        }
    )
    with resources(tmp_path, declared) as given:
        with pytest.raises(TaskError, match=r"judge 'birch-judge': birch-small .* without log-probabilities"):
            build_step(given)
        assert given.asker.calls == 0
