"""Bootstrap intervals: against theory, by simulation, and paired differences."""

import numpy as np
import pytest
from scipy.stats import norm

from memat.errors import ConfigError
from memat.evaluate.intervals import (
    BootstrapSettings,
    bootstrap_means,
    column_means,
    percentile_interval,
)

ONE_BLOCK = np.zeros(400, dtype=int)


def interval(values, blocks, settings):
    draws = bootstrap_means(values, blocks, settings)
    return np.array(percentile_interval(draws, settings.confidence))


def test_agrees_with_the_normal_interval_on_many_facts():
    values = np.random.default_rng(1).normal(0.3, 2.0, size=(4000, 2))
    low, high = interval(values, np.zeros(4000), BootstrapSettings(resamples=4000, seed=2))
    half = norm.ppf(0.975) * values.std(axis=0, ddof=1) / np.sqrt(4000)
    assert (low + high) / 2 == pytest.approx(values.mean(axis=0), abs=0.05 * half.min())
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)


def test_confidence_sets_the_width():
    values = np.random.default_rng(1).normal(size=(400, 1))
    widths = [
        np.ptp(interval(values, ONE_BLOCK, BootstrapSettings(4000, level, 3)))
        for level in (0.68, 0.95)
    ]
    assert widths[1] / widths[0] == pytest.approx(norm.ppf(0.975) / norm.ppf(0.84), rel=0.08)


def coverage(sample, truth, trials=400, resamples=400):
    """Share of simulated runs whose 95% interval holds the truth."""
    rng = np.random.default_rng(11)
    held = 0
    for trial in range(trials):
        values, blocks = sample(rng)
        low, high = interval(values, blocks, BootstrapSettings(resamples, 0.95, trial))
        held += low[0] <= truth <= high[0]
    return held / trials


def test_coverage_of_a_success_rate_is_near_95_percent():
    def sample(rng):
        return (rng.random((120, 1)) < 0.7).astype(float), np.zeros(120)

    assert coverage(sample, 0.7) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("block_effect", [0.0, 1.0])
def test_coverage_with_blocks_is_near_95_percent_with_and_without_a_block_effect(block_effect):
    blocks = np.repeat(np.arange(20), 15)

    def sample(rng):
        return (block_effect * rng.normal(size=20)[blocks] + rng.normal(size=300))[:, None], blocks

    assert coverage(sample, 0.0) == pytest.approx(0.95, abs=0.035)


def test_blocks_without_a_common_effect_widen_the_interval_little_and_with_one_much():
    rng = np.random.default_rng(4)
    blocks = np.repeat(np.arange(10), 40)
    alike = rng.normal(size=(400, 1))
    apart = alike + 0.7 * rng.normal(size=10)[blocks][:, None]
    settings = BootstrapSettings(4000, 0.95, 5)
    plain = np.ptp(interval(alike, ONE_BLOCK, settings))
    assert np.ptp(interval(alike, blocks, settings)) == pytest.approx(plain, rel=0.35)
    assert np.ptp(interval(apart, blocks, settings)) > 2 * plain


def test_block_labels_and_order_of_columns_do_not_matter():
    rng = np.random.default_rng(6)
    values, blocks = rng.normal(size=(60, 3)), np.repeat([0, 1, 2], 20)
    settings = BootstrapSettings(200, 0.95, 7)
    draws = bootstrap_means(values, blocks, settings)
    assert np.allclose(bootstrap_means(values, blocks * 5 + 2, settings), draws)
    assert np.allclose(bootstrap_means(values[:, ::-1], blocks, settings), draws[:, ::-1])


def test_same_seed_same_draws_other_seed_others_and_chunks_change_nothing(monkeypatch):
    values = np.random.default_rng(8).normal(size=(50, 2))
    one = bootstrap_means(values, np.zeros(50), BootstrapSettings(100, 0.95, 1))
    other = bootstrap_means(values, np.zeros(50), BootstrapSettings(100, 0.95, 2))
    monkeypatch.setattr("memat.evaluate.intervals.CHUNK_ENTRIES", 50 * 7)
    chunked = bootstrap_means(values, np.zeros(50), BootstrapSettings(100, 0.95, 1))
    assert one.shape == (100, 2)
    assert not np.allclose(one, other)
    assert np.allclose(one, chunked)


def test_paired_differences_are_narrower_where_facts_are_alike_in_both():
    rng = np.random.default_rng(9)
    fact = rng.normal(size=400)
    ours, theirs = fact + 0.2 + 0.3 * rng.normal(size=400), fact + 0.3 * rng.normal(size=400)
    settings = BootstrapSettings(2000, 0.95, 10)
    paired = np.ptp(interval((ours - theirs)[:, None], ONE_BLOCK, settings))
    separate = [np.ptp(interval(side[:, None], ONE_BLOCK, settings)) for side in (ours, theirs)]
    assert paired < 0.5 * np.hypot(*separate)


def test_columns_share_their_draws():
    values = np.random.default_rng(12).normal(size=(80, 2))
    for blocks in (np.zeros(80), np.repeat(np.arange(4), 20)):
        table = np.column_stack([values, values[:, 0]])
        draws = bootstrap_means(table, blocks, BootstrapSettings(300, 0.95, 0))
        assert np.array_equal(draws[:, 0], draws[:, 2])


def test_facts_without_a_metric_are_left_out_of_that_column_only():
    rng = np.random.default_rng(13)
    full = rng.normal(size=(300, 1))
    holed = np.where(np.arange(300)[:, None] % 3 == 0, np.nan, full)
    settings = BootstrapSettings(3000, 0.95, 14)
    assert column_means(holed) == pytest.approx(np.nanmean(full[np.arange(300) % 3 != 0]))
    draws = bootstrap_means(np.hstack([full, holed]), np.zeros(300), settings)
    assert np.allclose(draws[:, 0], bootstrap_means(full, np.zeros(300), settings)[:, 0])
    kept = bootstrap_means(holed[np.arange(300) % 3 != 0], np.zeros(200), settings)
    assert draws[:, 1].std() == pytest.approx(kept.std(), rel=0.06)


@pytest.mark.parametrize("blocks", [np.zeros(60), np.repeat(np.arange(3), 20)])
def test_equal_values_have_no_width_and_an_absent_metric_has_no_interval(blocks):
    values = np.column_stack([np.ones(60), np.zeros(60), np.full(60, np.nan)])
    low, high = interval(values, blocks, BootstrapSettings(100, 0.95, 0))
    assert low[:2].tolist() == high[:2].tolist() == [1.0, 0.0]
    assert np.isnan([low[2], high[2]]).all()


@pytest.mark.parametrize("bad", [{"resamples": 1}, {"confidence": 95.0}, {"confidence": 0.0}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ConfigError, match="summary"):
        BootstrapSettings(**bad)
