"""A panel's ruling follows the readable votes, and a verdict that could not be read is never a pass."""

import pytest

from judges.aggregate import PanelVote, majority


def votes(*said):
    return [PanelVote(judge=f"j{i}", family="f", vote=vote, reason="") for i, vote in enumerate(said)]


@pytest.mark.parametrize(
    ("said", "judged"),
    [
        (["accept"], "agreed"),
        (["reject"], "rejected"),
        (["accept", "accept", "reject"], "agreed"),
        (["accept", "reject"], "split"),
        (["accept", "unscored"], "agreed"),
        (["reject", "unscored", "unscored"], "rejected"),
        (["unscored", "unscored"], "unjudged"),
        ([], "unjudged"),
    ],
)
def test_the_majority_of_readable_votes_rules(said, judged):
    assert majority(votes(*said)).judged == judged


def test_fewer_readable_votes_than_the_quorum_rule_nothing():
    assert majority(votes("accept", "unscored"), quorum=2).judged == "unjudged"
    assert majority(votes("accept", "accept"), quorum=2).judged == "agreed"
