import pytest
from digitserve_serving.rollout import Rollout
from digitserve_serving.versions import Plan, plan

ALL_OF_THEM = ("10", "9", "2")


@pytest.mark.parametrize(
    ("policy", "rollout", "shadow", "wanted"),
    [
        ("latest", Rollout(), None, Plan((), ("10", "9", "2"), None)),
        ("all", Rollout(), None, Plan(("10", "9", "2"), ("10", "9", "2"), None)),
        ("2,9,77", Rollout(), None, Plan(("9", "2"), ("9", "2"), None)),
        ("latest", Rollout(default="2"), None, Plan(("2",), ("10", "9", "2"), "2")),
        ("latest", Rollout(labels={"stable": "9"}), None, Plan(("9",), ("10", "9", "2"), None)),
        ("2", Rollout(loaded=("10",)), None, Plan(("10", "2"), ("2",), None)),
        ("latest", Rollout(unloaded=("10",)), None, Plan((), ("9", "2"), None)),
        ("latest", Rollout(), "10", Plan(("10",), ("9", "2"), None)),
        ("all", Rollout(default="9", off=True), "10", Plan((), (), None)),
    ],
)
def test_what_is_wanted(policy: str, rollout: Rollout, shadow: str | None, wanted: Plan) -> None:
    assert plan(policy, ALL_OF_THEM, rollout, shadow) == wanted
