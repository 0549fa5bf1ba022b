"""The scripts behind the paper's targets: files in, tables and figures and a page out."""

import polars as pl
import pytest
from test_report_scripts import PROVENANCE, SUMMARY, stage

import paper_heads
import paper_index
import paper_subjects
import paper_table
from memat import io
from memat.report.claims import compared_pairs
from memat.report.published import PUBLISHED_SCHEMA
from score_tables import LANGUAGES, experiment, random_scores


def row(name):
    """The row of an experiment by the name it has in the paper's targets."""
    if name == "unedited":
        return experiment(name, name, files=1)
    method, train, *heads = name.removesuffix("_recycled").split("_")
    if not heads:
        return experiment(name, "memit", train, files=1)
    return experiment(
        name,
        {"random": "memat"}.get(method, method),
        train,
        heads[0],
        "random" if method == "random" else "located",
        16,
        recycled=name.endswith("_recycled"),
        files=1,
    )


def scored(folder, names):
    """A score file of every experiment, each a little surer than the one before."""
    paths = []
    for place, name in enumerate(names):
        tables = [
            random_scores(12, seed, language, "0", 0.3 * place)
            for seed, language in enumerate(LANGUAGES)
        ]
        paths.append(str(folder / name / "block_0.parquet"))
        io.write_table(paths[-1], pl.concat(tables), PROVENANCE)
    return paths


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
    paper_table.main(
        stage(
            {"scores": scored(tmp_path, names), "published": str(tmp_path / "published.csv")},
            outputs,
            SUMMARY,
            rows=[row(name) for name in names],
            target="table1",
            languages=list(LANGUAGES),
            seed=0,
        )
    )
    table = (tmp_path / "table1.table").read_text(encoding="utf-8")
    assert "paper: MEMIT (CAT)" in table
    assert "97.4" in table
    summary = pl.read_csv(outputs["summary"])
    assert set(summary["experiment"]) == {*names, "paper: MEMIT (CAT)"}
    assert "<!-- paper: MEMIT (CAT) -->" in (tmp_path / "table1.svg").read_text(encoding="utf-8")


@pytest.fixture
def transfer(tmp_path):
    """Figure 1 and its table of what is lost between languages."""
    names = ["unedited", "memit_en", "memit_ca"]
    overlap = pl.DataFrame(
        {"case_id": range(12), "language": "ca", "subject": [1.0] * 8 + [0.0] * 4}
    )
    io.write_table(tmp_path / "overlap.parquet", overlap, PROVENANCE)
    outputs = {name: str(tmp_path / f"figure1.{name}") for name in ("table", "transfer")}
    outputs |= {kind: str(tmp_path / f"figure1.{kind}") for kind in ("png", "svg")}
    paper_subjects.main(
        stage(
            {
                "scores": scored(tmp_path / "subjects", names),
                "overlap": str(tmp_path / "overlap.parquet"),
            },
            outputs,
            SUMMARY,
            rows=[row(name) for name in names],
            bounds={"same": 1.0, "different": 0.5},
            languages=list(LANGUAGES),
            seed=0,
        )
    )
    return outputs


def test_subjects_are_told_apart_by_their_overlap(transfer):
    frame = pl.read_csv(transfer["table"])
    sizes = frame.filter(metric="ES", eval_language="en", experiment="memit_ca")
    assert dict(sizes.select("subset", "n_facts").rows()) == {"all": 12, "J ≥ 1": 8, "J ≤ 0.5": 4}
    lost = pl.read_csv(transfer["transfer"])
    assert set(lost["train_language"]) == {"en", "ca"}
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
    paper_heads.main(stage({"accuracy": paths}, outputs, {}, panels=panels, k=1))
    peaks = pl.read_csv(outputs["table"])
    assert peaks.select("peak", "shuffled_peak", "test", "facts").unique().rows() == [
        (80.0, 60.0, 70.0, 20)
    ]
    assert "shuffled labels 60.0%" in (tmp_path / "out.svg").read_text(encoding="utf-8")


def test_the_page_of_claims_links_every_target(tmp_path, transfer):
    names = list(dict.fromkeys(name for pair in compared_pairs(LANGUAGES) for name in pair))
    peaks = pl.DataFrame(
        {
            **{"edit": ["memit-ca"], "language": ["en"], "block": ["0"]},
            **{"peak": [80.0], "shuffled_peak": [60.0], "test": [70.0], "facts": [20]},
        }
    )
    io.write_csv(tmp_path / "figure2.csv", peaks)
    outputs = {"index": str(tmp_path / "index.md"), "differences": str(tmp_path / "claims.csv")}
    paper_index.main(
        stage(
            {
                "scores": scored(tmp_path / "claimed", names),
                "transfer": transfer["transfer"],
                "peaks": [str(tmp_path / "figure2.csv")],
            },
            outputs,
            SUMMARY,
            rows=[row(name) for name in names],
            targets={"figure2": [str(tmp_path / "figure2.csv")]},
            model="tiny",
            languages=list(LANGUAGES),
            seed=0,
        )
    )
    page = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert "- figure2: [figure2.csv](figure2.csv)" in page
    assert "(12 per table" in page
    verdicts = [line.split(" | ")[2] for line in page.splitlines() if "**" in line]
    assert len(verdicts) == 9
    assert set(verdicts) <= {"**reproduced**", "**not reproduced**", "**undecided**"}
    differences = pl.read_csv(outputs["differences"])
    assert set(zip(differences["experiment"], differences["baseline"], strict=True)) == set(
        compared_pairs(LANGUAGES)
    )
