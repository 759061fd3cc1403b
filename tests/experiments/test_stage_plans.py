"""One memory written by several plans: each ends as if it were alone, and stages recover errors."""

import pytest

from crossmem.deploy.staged import StagePlan
from crossmem.experiments import Setup
from crossmem.experiments.stage_plans import plan_quality
from crossmem.experiments.staged import Writing, staged_quality

GREY = Setup(layers=2, n_patterns=30, activation="tanh", noise=0.3, cues=3).at(
    cue_noise=0.3, steps=600, unroll=2
)
PLANS = {
    "1 stage": StagePlan((1.0,), (), 60),
    "4 stages": StagePlan((0.25, 0.5, 0.75, 1.0), (), 150),
    "polished": StagePlan((0.5, 1.0), (0.3, 0.1), 60),
}

pytestmark = pytest.mark.usefixtures("one_thread")


def test_each_plan_is_written_as_if_it_were_alone(assert_labelled):
    """On the same memory, chip and errors as in `staged_quality`, which writes one plan."""
    found = plan_quality(GREY, writing=Writing(), plans=PLANS, seed=0)
    assert_labelled(found)
    for name, plan in PLANS.items():
        alone = staged_quality(GREY, writing=Writing(plan=plan), seed=0)
        one = found.sel(stage_plan=name)
        for quality in ("cosine", "worst_cosine"):
            assert float(one[quality]) == float(alone[quality].sel(way="in stages"))
        for count in ("steps", "pulses", "reads"):
            assert int(one[count]) == int(alone[count].sum())
    assert float(found["trained"]) == float(alone["cosine"].sel(way="trained"))


def test_more_stages_recover_more():
    found = plan_quality(GREY, writing=Writing(), plans=PLANS, seed=1)
    assert found["steps"].values.tolist() == [0, 3 * 150, 3 * 60]
    assert found["pulses"].sel(stage_plan="polished") > found["pulses"].sel(stage_plan="1 stage")
    cosine = found["cosine"]
    assert cosine.sel(stage_plan="1 stage") < cosine.sel(stage_plan="4 stages")


@pytest.mark.parametrize("plans", [{}, [StagePlan()]])
def test_plans_come_by_name(plans):
    with pytest.raises(ValueError, match="must be a dict of StagePlan"):
        plan_quality(GREY, writing=Writing(), plans=plans, seed=0)
