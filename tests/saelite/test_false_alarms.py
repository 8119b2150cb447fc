"""What people are told of a threshold's promise."""

from edge_runtime.model_file.manifest import HeadTried, Threshold
from saelite.false_alarms import blindness, doubt, false_alarms

KEPT = Threshold(1.0, "", 0.003, 5000, target_far_upper=0.006, n_effective=180.4, budget="1/week", promised=1.0,
                 promised_upper=2.4)  # fmt: skip


def test_promise_has_its_uncertainty():
    assert false_alarms(KEPT) == "1 a week, at most 2.4 with 95 % confidence"
    assert doubt(KEPT) is None


def test_promise_of_a_machine_that_settled_first_says_so():
    text = false_alarms(KEPT._replace(n_settling=62))
    assert text == f"{false_alarms(KEPT)}; not counting the first 62 windows, in which the machine settled"


def test_promise_that_cannot_be_made_says_how_much_longer_to_record():
    short = KEPT._replace(promised=152.0, promised_upper=628.0, more_s=3.2 * 86_400)
    assert false_alarms(short) == "152 a week, at most 628 with 95 % confidence"
    assert doubt(short) == (
        "cannot promise 1/week: the recording's 5000 windows amount to only 180 independent scores. "
        "Record 3.2 days more of normal work."
    )


def test_bound_that_says_nothing_is_not_printed():
    assert "too short for an upper bound" in false_alarms(KEPT._replace(promised_upper=5000.0))


def test_recording_without_time_promises_shares_of_windows():
    timeless = KEPT._replace(promised=None, promised_upper=None)
    assert false_alarms(timeless).startswith("0.30% of normal windows, at most 0.60%")


def test_budget_at_which_hardly_any_fault_is_found_is_told():
    assert blindness((HeadTried("inputs", 0.5), HeadTried("deep", 0.02))) is None
    assert "finds only 2% of the synthetic faults" in blindness((HeadTried("deep", 0.02),))
    assert blindness(()) is None
