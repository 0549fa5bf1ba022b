"""Figures: the drawn numbers are the given ones, and equal data gives equal files."""

import xml.etree.ElementTree as ET
from collections import Counter
from math import isnan, nan

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from PIL import Image

from memat.evaluate.intervals import BootstrapSettings
from memat.io import PROVENANCE_KEY
from memat.provenance import Provenance
from memat.report.figure_dataset import count_reasons, draw_funnel, draw_overlap
from memat.report.figure_head_maps import HeadPanel, draw_head_maps, head_map
from memat.report.figure_losses import carried_forward, draw_losses
from memat.report.figure_metrics import draw_metrics
from memat.report.figures import save_figure, styled
from memat.report.tables import metrics_frame, summary_frame
from score_tables import EXPERIMENTS, FAMILIES, LANGUAGES, MEASURED, random_run

PROVENANCE = Provenance(stage="draw", settings={"cfg": {"a": 1}}, code="0123")


def summary(without=""):
    run = [(name, table.filter(pl.col("prompt_type") != without)) for name, table in random_run()]
    metrics = metrics_frame(run, EXPERIMENTS, FAMILIES, "geometric")
    return summary_frame(metrics, EXPERIMENTS, LANGUAGES, FAMILIES, BootstrapSettings(resamples=50))


def accuracies(seed=0, n_layers=6, n_heads=4, blocks=1):
    rng = np.random.default_rng(seed)
    frames = []
    for block in range(blocks):
        accuracy = rng.uniform(0.4, 0.8, n_layers * n_heads)
        frames.append(
            pl.DataFrame(
                {
                    "layer": np.repeat(np.arange(n_layers), n_heads),
                    "head": np.tile(np.arange(n_heads), n_layers),
                    "accuracy": accuracy,
                    "shuffled_accuracy": 1 - accuracy,
                    "rank": np.argsort(np.argsort(-accuracy)),
                    "block": np.full(n_layers * n_heads, block),
                }
            ).sample(fraction=1, shuffle=True, seed=seed)
        )
    return pl.concat(frames)


def losses(seed=0, n_facts=8, steps=10):
    rng = np.random.default_rng(seed)
    curves = rng.uniform(2, 5, (n_facts, 1)) * np.exp(-0.5 * np.arange(steps))
    for row in curves:
        row[rng.integers(3, steps) :] = nan
    return curves


def overlap():
    rng = np.random.default_rng(0)
    parts = {part: rng.random(40) for part in ("subject", "relation", "target")}
    return pl.DataFrame(parts).with_columns(language=pl.lit("ca"))


def funnel():
    steps = pl.DataFrame({"step": ["read", "repaired", "bilingual"], "records": [160, 140, 128]})
    steps = steps.with_columns(language=pl.lit(None, pl.String))
    rejected = pl.DataFrame(
        {
            "prompt_type": ["record", "paraphrase", "paraphrase", "neighborhood"],
            "reason": ["subject_not_found", "target_not_final", "target_not_final", "empty"],
        }
    )
    return steps, rejected


DRAWINGS = {
    "metrics": lambda: draw_metrics(summary(), FAMILIES, 0.95),
    "metrics_without_neighbours": lambda: draw_metrics(summary("neighborhood"), FAMILIES, 0.95),
    "head_maps": lambda: draw_head_maps([HeadPanel("memit-ca in en", accuracies(), 3)]),
    "head_maps_sorted": lambda: draw_head_maps(
        [HeadPanel(f"map {seed}", accuracies(seed, blocks=2), 3) for seed in range(5)], True
    ),
    "losses": lambda: draw_losses(
        {"memit-ca": losses(), "memit-en": losses(1)},
        {
            ("memit-ca", "en", "located-16"): np.array([[3.0, 2.0, 1.5]]),
            ("memit-ca", "en", "random-16"): np.array([[3.1, 2.9, 2.8], [3.2, 3.0, 2.9]]),
        },
        0.05,
    ),
    "losses_of_an_unedited_run": lambda: draw_losses({}, {}, 0.05),
    "overlap": lambda: draw_overlap(overlap(), 1.0, 0.5),
    "funnel": lambda: draw_funnel(*funnel()),
    "funnel_without_losses": lambda: draw_funnel(funnel()[0], funnel()[1].head(0)),
}


def saved(name, folder, turn="one"):
    png, svg = folder / f"{turn}.png", folder / f"{turn}.svg"
    with styled():
        save_figure(DRAWINGS[name](), png, svg, PROVENANCE)
    return png.read_bytes(), svg.read_bytes()


def test_drawn_twice_gives_equal_files_whatever_the_users_settings(tmp_path):
    """All figures are styled and saved in one way; two tiny runs compare the bytes of each."""
    found = []
    for turn, size in (("one", 7), ("two", 14)):
        mpl.rcParams["font.size"] = size
        found.append(saved("overlap", tmp_path, turn))
    mpl.rcdefaults()
    assert found[0] == found[1]


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_has_ink_and_provenance(name, tmp_path):
    saved(name, tmp_path)
    with Image.open(tmp_path / "one.png") as image:
        assert image.info[PROVENANCE_KEY] == PROVENANCE.to_json()
        ink = np.asarray(image.convert("L")) < 200
    assert 0.002 < ink.mean() < 0.8
    root = ET.parse(tmp_path / "one.svg").getroot()
    assert "0123" in "".join(root.itertext())
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 20
    assert not list(tmp_path.glob(".*"))  # no temporary file is left


def test_the_metrics_figure_draws_every_value_once_in_its_panel():
    table = summary()
    panels = {axes.get_title(loc="left").split()[0]: axes for axes in drawn_panels(table)}
    assert panels.keys() == set(MEASURED)
    for metric, axes in panels.items():
        markers = {"o", "s", "D"}
        drawn = [line.get_xdata()[0] for line in axes.lines if line.get_marker() in markers]
        assert sorted(drawn) == sorted(table.filter(metric=metric)["value"])


def drawn_panels(table):
    with styled():
        return [
            axes for axes in draw_metrics(table, FAMILIES, 0.95).axes if axes.get_title(loc="left")
        ]


def test_a_missing_metric_leaves_its_panel_empty_and_the_others_whole():
    table = summary().with_columns(
        pl.when(metric="PS").then(None).otherwise(pl.col(name)).alias(name)
        for name in ("value", "low", "high")
    )
    markers = {
        axes.get_title(loc="left").split()[0]: sum(line.get_marker() == "o" for line in axes.lines)
        for axes in drawn_panels(table)
    }
    assert markers.pop("PS") == 0
    assert set(markers.values()) == {6}  # three memat experiments in two languages


def test_head_map_keeps_true_indices_and_chooses_the_best_ranks():
    table = accuracies()
    accuracy, chosen = head_map(HeadPanel("", table, 3))
    for row in table.iter_rows(named=True):
        assert accuracy[row["layer"], row["head"]] == pytest.approx(100 * row["accuracy"])
        assert chosen[row["layer"], row["head"]] == (row["rank"] < 3)
    assert accuracy[chosen].min() > accuracy[~chosen].max()


@pytest.mark.parametrize("first_rank", [0, 1])
def test_the_first_rank_may_be_zero_or_one(first_rank):
    table = accuracies().with_columns(pl.col("rank") + first_rank)
    assert head_map(HeadPanel("", table, 3))[1].sum() == 3


def test_blocks_are_averaged_and_a_head_chosen_by_any_block_is_marked():
    table = accuracies(blocks=2)
    accuracy, chosen = head_map(HeadPanel("", table, 2))
    one, two = (head_map(HeadPanel("", table.filter(block=b), 2)) for b in (0, 1))
    assert accuracy == pytest.approx((one[0] + two[0]) / 2)
    assert np.array_equal(chosen, one[1] | two[1])


def test_sorting_moves_heads_within_their_layer_and_their_rings_along():
    panel = HeadPanel("", accuracies(), 3)
    accuracy, chosen = head_map(panel)
    with styled():
        axes = draw_head_maps([panel], sort_heads=True).axes[0]
    best = f"best {accuracy.max():.1f}%\nwith shuffled labels {100 - accuracy.min():.1f}%"
    assert axes.get_title(loc="left").endswith(best)
    drawn = np.asarray(axes.images[0].get_array())
    assert np.array_equal(drawn, -np.sort(-accuracy, axis=1))
    heads, layers = axes.lines[0].get_data()
    ringed = Counter(zip(layers, drawn[layers, heads], strict=True))
    assert ringed == Counter(zip(np.nonzero(chosen)[0], accuracy[chosen], strict=True))


def test_the_losses_of_many_edits_are_all_drawn():
    names = [f"edit-{number}" for number in range(9)]
    figure = draw_losses({name: losses(seed) for seed, name in enumerate(names)}, {}, 0.05)
    shown = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [text.partition(":")[0] for text in shown] == names


def test_a_stopped_fact_stays_at_its_last_loss():
    curves = losses(3)
    carried = carried_forward(curves)
    for row, drawn in zip(curves.tolist(), carried.tolist(), strict=True):
        last = None
        for loss, shown in zip(row, drawn, strict=True):
            last = last if isnan(loss) else loss
            assert shown == last
    assert (np.diff(np.median(carried, axis=0)) <= 0).all()


def test_overlap_counts_facts_of_the_subsets_by_the_subject():
    frame = overlap()
    with styled():
        figure = draw_overlap(frame, 0.9, 0.5)
    low, high = (frame["subject"] <= 0.5).sum(), (frame["subject"] >= 0.9).sum()
    title = figure.axes[0].get_title(loc="left")
    assert f"J ≤ 0.5: {low} facts" in title
    assert f"J ≥ 0.9: {high}" in title
    for axes in figure.axes:
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(100)


def test_reasons_are_counted_by_kind_commonest_first():
    counts = count_reasons(funnel()[1])
    assert counts.select("reason", "prompt_type", "count").rows() == [
        ("target_not_final", "paraphrase", 2),
        ("empty", "neighborhood", 1),
        ("subject_not_found", "record", 1),
    ]


def test_a_metric_that_no_fact_has_is_a_panel_with_a_sentence_and_no_mark():
    figure = draw_metrics(summary("neighborhood"), FAMILIES, 0.95)
    panels = {axes.get_title()[:2].strip(): axes for axes in figure.axes if axes.get_title()}
    for name in ("NS", "NM", "NA", "S"):
        assert not panels[name].lines
        assert [text.get_text() for text in panels[name].texts] == ["not asked, or no such prompts"]
    assert panels["ES"].lines
    assert panels["ES"].get_yticks().tolist() == list(range(len(EXPERIMENTS)))
