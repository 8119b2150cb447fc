"""Which asset is unlike the others, by how much, and in which sensor."""

import numpy as np
import pytest

from saelite.fleet.asset_facts import facts_of
from saelite.fleet.outcome import AssetOutcome
from saelite.fleet.unlike import FAR, unlike_others
from training.recordings import Recording

NAMES = ("flow", "pressure", "speed")


def rows(rng):
    """Return readings of a machine of its own level, gain and noise."""
    load = rng.normal(size=(500, 1))
    gain, level, noise = rng.uniform(0.8, 1.2, 3), rng.uniform(0.9, 1.1, 3), rng.uniform(0.2, 0.3)
    moved = gain * load + noise * rng.normal(size=(500, 3))
    return (np.array([30, 100, 1400]) * level + np.array([2, 5, 90]) * moved).astype(np.float32)


def fleet(change=lambda values: values, count=20, sensors=NAMES):
    """Return outcomes of machines, the seventh of which is changed."""
    rng = np.random.default_rng(0)
    made = [rows(rng) for _ in range(count)]
    made[7] = change(made[7].copy())
    return [
        AssetOutcome(f"m{number}", "made", facts=facts_of(Recording(f"m{number}", sensors, values)))
        for number, values in enumerate(made)
    ]


def scaled_by(column, factor):
    def change(values):
        values[:, column] = values[:, column].mean() + factor * (values[:, column] - values[:, column].mean())
        return values

    return change


def lifted(values):
    values[:, 1] += 60
    return values


def unplugged(values):
    values[:, 2] = 1400 + 90 * np.random.default_rng(1).normal(size=len(values))
    return values


def test_machines_of_one_kind_are_all_alike():
    assert all(one.distance < FAR and not one.because for one in unlike_others(fleet()).values())


@pytest.mark.parametrize(
    ("change", "sensor", "said"),
    [
        (lifted, "pressure", "pressure stands at"),
        (scaled_by(0, 10), "flow", "flow moves by"),
        (scaled_by(0, 0), "flow", "flow moves by 0, elsewhere by"),
        (unplugged, "speed", "and speed correlate at"),
    ],
)
def test_machine_that_differs_is_the_farthest_and_the_sensor_is_named(change, sensor, said):
    found = unlike_others(fleet(change))
    assert max(found, key=lambda asset: found[asset].distance) == "m7"
    assert [asset for asset, one in found.items() if one.because] == ["m7"]
    assert sensor in found["m7"].sensors
    assert said in found["m7"].because


def test_order_of_sensors_is_no_difference():
    outcomes = fleet(lifted)
    turned = outcomes[7].facts
    order = (2, 0, 1)
    again = Recording("m7", tuple(NAMES[one] for one in order), lifted_again()[:, order])
    outcomes[7] = AssetOutcome("m7", "made", facts=facts_of(again))
    assert outcomes[7].facts.sensors != turned.sensors
    assert unlike_others(outcomes)["m7"].distance == pytest.approx(unlike_others(fleet(lifted))["m7"].distance)


def lifted_again():
    rng = np.random.default_rng(0)
    return lifted([rows(rng) for _ in range(8)][7])


def test_large_errors_of_the_common_model_are_a_difference():
    outcomes = []
    for number in range(12):
        values = rows(np.random.default_rng(number))
        errors = np.array([0.1, 0.1, 4.0 if number == 3 else 0.1])
        outcomes.append(AssetOutcome(f"m{number}", "made", facts=facts_of(Recording("m", NAMES, values), errors)))
    found = unlike_others(outcomes)
    assert "the common model reconstructs speed with an error of 4, elsewhere 0.1 to 0.1" in found["m3"].because


def test_few_assets_are_not_compared():
    assert unlike_others(fleet(lifted, count=8)) != {}
    assert unlike_others(fleet(lifted, count=8)[1:]) == {}


def test_assets_with_other_sensors_are_compared_among_themselves():
    others = fleet(count=9, sensors=("a", "b", "c"))
    renamed = [AssetOutcome(f"other {one.asset}", "made", facts=one.facts) for one in others]
    found = unlike_others([*fleet(lifted), *renamed, AssetOutcome("failed", "failed")])
    assert len(found) == 29
    assert [asset for asset, one in found.items() if one.because] == ["m7"]
