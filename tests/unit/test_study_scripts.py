"""The scripts behind a study's targets: files in, tables and figures and a page out."""

import polars as pl
import pytest
from test_report_scripts import PROVENANCE, SUMMARY, stage, write_study

import report_claims
import report_curves
import report_heads
import report_matrix
import report_subjects
import report_table
from memat import io
from memat.report.claims import compared_pairs
from memat.report.tables import PUBLISHED_SCHEMA
from memat.study.config import completed
from memat.study.plan import plan_study
from score_tables import LANGUAGES, experiment, random_scores

CONFIG = completed({"facts": {"path": "facts.json"}, "blocks": {"size": 12, "donor": 50}})
STUDY = plan_study(CONFIG)


def row(name):
    """The row of a model by its automatic name."""
    if name == "unedited":
        return experiment(name, name)
    method, edited, *heads = name.removesuffix("_recycled").split("_")
    if not heads:
        return experiment(name, "memit", edited, baselines=["unedited"])
    if heads[0] in ("sum", "joint"):
        return experiment(name, "memit", edited, combine=heads[0])
    return experiment(
        name,
        {"random": "memat"}.get(method, method),
        edited,
        heads[0],
        "random" if method == "random" else "located",
        16,
        recycled=name.endswith("_recycled"),
    )


def scored(folder, names, **places):
    """The row of every model with its score file, each a little surer than the one before."""
    rows = []
    for place, name in enumerate(names):
        tables = [
            random_scores(12, seed, language, "0", 0.3 * place)
            for seed, language in enumerate(LANGUAGES)
        ]
        path = str(folder / name / "block_0.parquet")
        io.write_table(path, pl.concat(tables), PROVENANCE)
        place = {key: values[place] for key, values in places.items()}
        rows.append({**row(name), **place, "scores": [path]})
    return rows


def test_a_table_shows_published_numbers_beside_ours(tmp_path):
    names = ["unedited", "memit_ca", "memat_ca_en"]
    published = pl.DataFrame(
        [("table1", "memit_ca", "MEMIT (CAT)", "ca", "ES", 97.4)],
        schema=PUBLISHED_SCHEMA,
        orient="row",
    )
    published.write_csv(tmp_path / "published.csv")
    outputs = {
        name: str(tmp_path / f"table1.{name}") for name in ("summary", "differences", "table")
    } | {kind: str(tmp_path / f"table1.{kind}") for kind in ("png", "svg")}
    study = write_study(tmp_path, scored(tmp_path, names), name="table1")
    inputs = {"study": study, "published": str(tmp_path / "published.csv")}
    report_table.main(stage(inputs, outputs, SUMMARY, seed=0))
    table = (tmp_path / "table1.table").read_text(encoding="utf-8")
    assert "paper: MEMIT (CAT)" in table
    assert "97.4" in table
    summary = pl.read_csv(outputs["summary"])
    assert set(summary["experiment"]) == {*names, "paper: MEMIT (CAT)"}
    assert "<!-- paper: MEMIT (CAT) -->" in (tmp_path / "table1.svg").read_text(encoding="utf-8")


@pytest.fixture
def transfer(tmp_path):
    """Figure 1 and its table of what is lost between languages."""
    names = ["unedited", "memit_en", "memit_ca", "memat_ca_en"]
    overlap = pl.DataFrame(
        {"case_id": range(12), "language": "ca", "subject": [1.0] * 6 + [0.75] * 2 + [0.0] * 4}
    )
    io.write_table(tmp_path / "overlap.parquet", overlap, PROVENANCE)
    outputs = {name: str(tmp_path / f"figure1.{name}") for name in ("table", "transfer", "scripts")}
    outputs |= {kind: str(tmp_path / f"figure1.{kind}") for kind in ("png", "svg")}
    drawing = {"title": "Edits by overlap", "metrics": ["ES", "PM"]}
    study = write_study(tmp_path, scored(tmp_path / "subjects", names), drawing=drawing)
    inputs = {"study": study, "overlap": str(tmp_path / "overlap.parquet")}
    bounds = {"same": 1.0, "different": 0.5}
    params = {"bounds": bounds, "language_keys": [{"script": "Latin"}], "seed": 0}
    report_subjects.main(stage(inputs, outputs, SUMMARY, **params))
    return outputs


def test_subjects_are_told_apart_by_their_overlap(transfer):
    frame = pl.read_csv(transfer["table"])
    sizes = frame.filter(metric="ES", eval_language="en", experiment="memit_ca")
    assert dict(sizes.select("subset", "n_facts").rows()) == {
        **{"all": 12, "J ≥ 1": 6, "0.5 < J < 1": 2, "J ≤ 0.5": 4}
    }
    scripts = pl.read_csv(transfer["scripts"])
    assert set(scripts.select("eval_language", "languages").rows()) == {("Latin", "ca")}
    lost = pl.read_csv(transfer["transfer"])
    assert set(lost["experiment"]) == {"memit_en", "memit_ca", "memat_ca_en"}
    assert set(lost["n_alike"]) == {6}
    assert set(lost["edit_language"]) == {"en", "ca"}
    assert set(lost["n_different"]) == {4}


def test_maps_of_several_blocks_and_their_peaks(tmp_path):
    paths, panels = [], []
    for language in LANGUAGES:
        for block in ("0", "1"):
            table = pl.DataFrame(
                {
                    **{"layer": [0, 0], "head": [0, 1], "rank": [2, 1]},
                    **{"accuracy": [0.5, 0.8], "shuffled_accuracy": [0.6, 0.4]},
                    **{"test_accuracy": [0.5, 0.7], "n_validation": [40, 40]},
                }
            )
            paths.append(str(tmp_path / f"{language}_{block}.parquet"))
            io.write_table(paths[-1], table, PROVENANCE)
            panels.append({"edit": "memit-ca", "language": language, "block": block})
    names = ("table", "png", "svg", "by_index_png", "by_index_svg")
    outputs = {name: str(tmp_path / f"out.{name.replace('_', '.')}") for name in names}
    report_heads.main(stage({"accuracy": paths}, outputs, {}, panels=panels, k=1))
    peaks = pl.read_csv(outputs["table"])
    assert peaks.select("peak", "shuffled_peak", "test", "facts").unique().rows() == [
        (80.0, 60.0, 70.0, 20)
    ]
    assert "shuffled labels 60.0%" in (tmp_path / "out.svg").read_text(encoding="utf-8")


def test_curves_have_a_table_and_a_figure(tmp_path):
    names = ["memit_ca", "memat_ca_en"]
    rows = scored(tmp_path, names, series=["MEMIT", "MEMAT"], x=[1.0, 2.0])
    drawing = {
        "title": "T",
        "axis": "n",
        "logarithmic": True,
        "by_metric": False,
        "metrics": ["ES", "NM"],
    }
    outputs = {kind: str(tmp_path / f"curves.{kind}") for kind in ("table", "png", "svg")}
    study = write_study(tmp_path, rows, drawing=drawing)
    report_curves.main(stage({"study": study}, outputs, SUMMARY, seed=0))
    frame = pl.read_csv(outputs["table"])
    assert set(frame.select("series", "x").rows()) == {("MEMIT", 1.0), ("MEMAT", 2.0)}


def test_a_matrix_has_the_edits_and_no_corrected_heads(tmp_path):
    names = ["unedited", "memit_en", "memit_ca", "memit_en+ca_sum", "memat_ca_en"]
    outputs = {kind: str(tmp_path / f"matrix.{kind}") for kind in ("table", "png", "svg")}
    study = write_study(tmp_path, scored(tmp_path, names))
    report_matrix.main(stage({"study": study}, outputs, SUMMARY, seed=0))
    frame = pl.read_csv(outputs["table"])
    assert frame["edited_in"].unique(maintain_order=True).to_list() == [
        *("unedited", "en", "ca", "en+ca sum")
    ]
    assert set(frame["asked_in"]) == set(LANGUAGES)
    assert set(frame["n_facts"]) == {12}
    assert "<!-- edited in" not in (tmp_path / "matrix.svg").read_text(encoding="utf-8")


def test_the_page_of_claims_links_every_target(tmp_path, transfer):
    claims = [claim.described() for claim in STUDY.claims]
    pairs = compared_pairs(claims)
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    peaks = pl.DataFrame(
        {
            **{"edit": ["memit-ca"], "language": ["en"], "block": ["0"]},
            **{"peak": [80.0], "shuffled_peak": [60.0], "test": [70.0], "facts": [20]},
        }
    )
    io.write_csv(tmp_path / "figure2.csv", peaks)
    outputs = {"index": str(tmp_path / "index.md"), "differences": str(tmp_path / "claims.csv")}
    inputs = {
        "transfers": [transfer["transfer"]],
        "peaks": [str(tmp_path / "figure2.csv")] * 2,
    }
    params = {
        "rows": scored(tmp_path / "claimed", names),
        "claims": claims,
        "transfers": ["figure1"],
        "peaks": ["figure2", "figure8"],
        "targets": {"figure2": [str(tmp_path / "figure2.csv")]},
        "study": "paper",
        "model": "tiny",
        "languages": list(LANGUAGES),
        "seed": 0,
    }
    report_claims.main(stage(inputs, outputs, SUMMARY, **params))
    page = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert "- figure2: [figure2.csv](figure2.csv)" in page
    assert "(12 per table" in page
    verdicts = [line.split(" | ")[2] for line in page.splitlines() if "**" in line]
    assert len(verdicts) == 9
    assert set(verdicts) <= {"**reproduced**", "**not reproduced**", "**undecided**"}
    differences = pl.read_csv(outputs["differences"])
    assert set(zip(differences["experiment"], differences["baseline"], strict=True)) == set(pairs)
