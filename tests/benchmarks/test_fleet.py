"""Fleets to measure on, and the tables of what came of them."""

from dataclasses import replace

import numpy as np

from benchmarks.fleet.cost_result import CommandCost, Costs
from benchmarks.fleet.fleet_result import ALONE, WARM, AssetFigures, FleetComparison
from benchmarks.fleet.members import GROUPS, LEARNT_ROWS, SMALL_ROWS, simulated_fleet

FIGURES = AssetFigures("fleet", "alike", "asset0", ALONE, 0, 0.8, 0.5, 0.01, 0.4, 1.5, "inputs")


def correlations(member):
    return np.corrcoef(member.normal.values, rowvar=False)


def test_assets_of_a_kind_share_their_correlations_but_not_their_units_and_odd_ones_neither():
    first, _, _, small, odd, again = simulated_fleet(6, seed=0)
    assert (first.group, small.group, odd.group, again.group) == (GROUPS[0], GROUPS[3], GROUPS[4], GROUPS[0])
    assert np.abs(correlations(first) - correlations(again)).mean() < 0.25
    assert np.abs(correlations(first) - correlations(odd)).mean() > 0.4
    assert np.abs(first.normal.values.mean(axis=0) / again.normal.values.mean(axis=0) - 1).max() > 0.3
    assert (len(first.normal.values), len(small.normal.values)) == (LEARNT_ROWS, SMALL_ROWS)


def test_every_asset_is_watched_with_faults_that_it_has_not_learnt():
    for member in simulated_fleet(5, seed=1):
        assert member.normal.labels is None or not member.normal.labels.any()
        assert 0.1 < member.watched.labels.mean() < 0.3


def test_the_table_has_means_over_assets_and_the_spread_of_seeds():
    results = [
        replace(FIGURES, asset=asset, seed=seed, roc_auc=0.5 + 0.1 * seed + shift, method=method)
        for method in (ALONE, WARM)
        for seed in (0, 1)
        for asset, shift in (("asset0", -0.1), ("asset1", 0.1))
    ]
    rows = FleetComparison(tuple(results), (), ()).rows()
    assert rows[1][:4] == ("fleet", "all (2)", ALONE, "0.550 ± 0.071")


def test_commands_are_compared_with_a_command_for_each_asset():
    commands = (CommandCost("saelite train, saelite export", 4, 1, 9.0), CommandCost("saelite fleet train", 16, 2, 1.5))
    rows = Costs((), commands).command_rows()
    assert rows[1:] == [
        ("`saelite train, saelite export`", "4", "1", "9.00", "1.0"),
        ("`saelite fleet train`", "16", "2", "1.50", "6.0"),
    ]
