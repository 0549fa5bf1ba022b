"""Files in the shapes of other people's benchmarks: what is read, what is lost and why."""

import dataclasses
import json
import re

import hypothesis
import polars as pl
import pytest
from hypothesis import strategies as st

from memat.check_files import check_facts
from memat.errors import FactError, LanguageError, NotEnoughFacts
from memat.study.config import completed
from memat.text.engine import Translation
from memat.text.facts import read_facts
from memat.text.gender import LeastPrompts
from memat.text.imported import import_bilingual
from memat.text.placed import place_subject
from memat.text.questions import QuestionEngine, as_question, asked, with_template
from memat.text.reader import (
    bilingual_formats,
    format_names,
    formats_like,
    load_reader,
    own_settings,
    read_format,
)
from text_samples import REPOSITORY, MadeUpEngine, language, replace_all
from workflow.project import merged_config

DATA = REPOSITORY / "tests" / "data"
FORMATS = ("counterfact_flat", "zsre", "zsre_multilingual")
LEAST = LeastPrompts(1, 0)


def sample(file_format):
    return DATA / f"{file_format}_shaped.json"


def settings(file_format, code="en", **question):
    facts = {"format": file_format, file_format: {"question": question}}
    return own_settings(facts, REPOSITORY / f"resources/languages/{code}.yaml")


def read(file_format, path=None):
    """Rows by case id, and the rejections."""
    rows, rejections = read_format(path or sample(file_format), file_format, settings(file_format))
    return {row["case_id"]: row for row in rows}, rejections


def reasons(rejections):
    return {(r.case_id, r.prompt_type): r.reason for r in rejections}


def change(file_format, tmp_path, position, **fields):
    """The sample with other fields in one record; None takes a field away."""
    records = json.loads(sample(file_format).read_text(encoding="utf-8"))
    for name, value in fields.items():
        *above, last = name.split("__")
        place = records[position]
        for key in above:
            place = place[key]
        place.pop(last, None)
        if value is not None:
            place[last] = value
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_sample_is_recognised_by_its_format_alone(file_format):
    assert file_format in format_names()
    assert formats_like(sample(file_format)) == [file_format]


def test_flat_records_keep_localities_and_portability_with_their_answers():
    rows, rejections = read("counterfact_flat")
    soler = rows[11]
    assert (soler["prompt"], soler["subject"]) == ("{} plays the", "Arcadi Soler")
    assert (soler["target_new"], soler["target_true"]) == ("piano", "flute")
    assert soler["paraphrase_prompts"] == ["On stage, Arcadi Soler is known for the"]
    assert soler["neighborhood_prompts"] == ["The town of Vilanova lies on the river"]
    assert soler["neighborhood_answers"] == ["Foix"]
    assert soler["portability_prompts"] == ["The instrument of Arcadi Soler belongs to the"]
    assert soler["portability_answers"] == ["keyboards"]
    hotel = rows[12]
    # a question is asked in the template, a statement as it stands
    assert hotel["prompt"] == "In which city is {}? Answer:"
    assert hotel["paraphrase_prompts"] == [
        "Where does one find Hotel Bellavista? Answer:",
        "The city of Hotel Bellavista is",
    ]
    assert hotel["target_true"] == "Vienna"  # the first of a list
    assert hotel["neighborhood_answers"] == ["Ada Roig"]  # of a list of lists
    assert hotel["portability_answers"] == ["Portugal", "Lisbon"]
    assert rows[14]["target_true"] is None
    assert rows[14]["neighborhood_answers"] == ["seven"]  # locality_prompt beside its answer
    assert rows[15]["neighborhood_answers"] == ["six", "rye"]  # two lists
    assert reasons(rejections) == {
        (12, "neighborhood"): "answer_unknown",
        (16, "record"): "subject_not_found",
    }


def test_questions_are_asked_in_the_template_of_the_language():
    rows, rejections = read("zsre")
    soler = rows[1]
    assert soler["prompt"] == "Which instrument does {} play? Answer:"
    assert soler["relation_id"] == soler["prompt"]
    assert soler["paraphrase_prompts"] == ["What does Arcadi Soler play on stage? Answer:"]
    # the mark of its source is no part of a locality, and it gets a question mark
    assert soler["neighborhood_prompts"] == [
        "which river runs through the town of Vilanova? Answer:"
    ]
    assert soler["neighborhood_answers"] == ["Foix"]
    assert soler["portability_answers"] == ["keyboards"]
    assert rows[4]["target_true"] is None
    assert rows[8]["subject"] == "clara puig"  # as the question writes it
    assert reasons(rejections) == {
        (6, "record"): "subject_ambiguous",
        (7, "record"): "no_new_target",
    }
    other = read_format(sample("zsre"), "zsre", settings("zsre", en="Q: {} A:"))[0]
    assert other[0]["prompt"] == "Q: Which instrument does {} play? A:"


def test_the_first_stage_takes_every_sample():
    for file_format in FORMATS:
        facts, rejected = read_facts(sample(file_format), file_format, own=settings(file_format))
        assert facts.height >= 4
        assert (facts["prompt"].str.count_matches("{}", literal=True) == 1).all()
        assert rejected["reason"].null_count() == 0


def held(code, align=None):
    """What the multilingual sample holds in one language, as the dataset takes it."""
    path = sample("zsre_multilingual")
    facts, _ = read_facts(path, "zsre_multilingual", own=settings("zsre_multilingual"))
    own = settings("zsre_multilingual", code)
    given = load_reader("zsre_multilingual").read_language(path, own, language(code))
    return import_bilingual(facts, given, language(code), LEAST, align)


def rewrites(paired):
    rows = paired.filter(prompt_type="rewrite", role="target_new")
    return {row["case_id"]: row for row in rows.iter_rows(named=True)}


def test_halves_in_other_languages_are_the_translations():
    paired, rejected = held("es")
    soler = rewrites(paired)[1]
    assert soler["prompt"] == "¿Qué instrumento toca Arcadi Soler? Respuesta:"
    assert soler["template"] == "¿Qué instrumento toca {}? Respuesta:"
    assert (soler["subject"], soler["target"]) == ("Arcadi Soler", "piano")
    true = paired.filter(prompt_type="rewrite", role="target_true", case_id=1)
    assert true["target"].to_list() == ["flauta"]
    # written with another capital, with the form it has in its prompt
    assert rewrites(paired)[2]["subject"] == "hotel Bellavista"
    assert rewrites(paired)[2]["template"] == "¿En qué ciudad está el {}? Respuesta:"
    # a fact without a half is lost in that language, and named
    assert rejected.select("case_id", "reason", "language").rows() == [
        (4, "no_record_in_language", "es")
    ]
    assert set(paired["case_id"]) == {1, 2, 3, 5}


def test_a_subject_that_is_translated_is_aligned_where_it_can_be():
    asked_for = []

    def align(words):
        asked_for.extend(words)
        (source, other), *_ = words
        # The Silent Harbour ↔ El port silenciós
        first, start = source.index("Silent"), other.index("El")
        return [[(first - 1, start), (first + 1, start + 1), (first, start + 2)]]

    paired, rejected = held("ca", align)
    ((source, other),) = asked_for  # only where the subject is not found as it is written
    assert source[:3] == ["Who", "directed", "The"]
    assert other[:4] == ["Qui", "va", "dirigir", "El"]
    film = rewrites(paired)[3]
    assert film["template"] == "Qui va dirigir {}? Resposta:"
    assert film["subject"] == "El port silenciós"
    assert rejected.is_empty()


@pytest.mark.parametrize(
    "align",
    [
        None,
        lambda words: [[]],
        lambda words: [[(4, 6)]],  # one word of three, and a sign
        lambda words: [[(2, 3), (3, 6), (4, 5)]],  # a sign among them
        lambda words: [[(2, 2), (3, 4), (4, 5), (0, 3)]],  # a word of another in between
    ],
)
def test_a_subject_that_cannot_be_aligned_loses_its_fact_in_that_language(align):
    paired, rejected = held("ca", align)
    assert 3 not in set(paired["case_id"])
    (row,) = rejected.filter(case_id=3).iter_rows(named=True)
    assert (row["reason"], row["language"]) == ("subject_not_found", "ca")
    assert row["detail"] == "Qui va dirigir El port silenciós? Resposta:"


def test_where_no_subject_is_found_every_fact_is_lost_with_its_reason():
    path, code = sample("zsre_multilingual"), "ca"
    facts, _ = read_facts(path, "zsre_multilingual", own=settings("zsre_multilingual"))
    own = settings("zsre_multilingual", code)
    given = load_reader("zsre_multilingual").read_language(path, own, language(code))
    only = facts.filter(case_id=3)
    paired, rejected = import_bilingual(only, given, language(code), LEAST)
    assert paired.is_empty()
    assert rejected.select("case_id", "reason").rows() == [(3, "subject_not_found")]


def test_the_true_target_is_known_where_every_half_has_it(tmp_path):
    path = change("zsre_multilingual", tmp_path, 0, es__answers=[])
    rows, _ = read("zsre_multilingual", path)
    assert rows[1]["target_true"] is None
    assert rows[2]["target_true"] == "Vienna"


def test_a_file_without_the_language_is_refused():
    path, own = sample("zsre_multilingual"), settings("zsre_multilingual")
    facts, _ = read_facts(path, "zsre_multilingual", own=own)
    french = dataclasses.replace(language("ca"), code="fr", name="French")
    own |= {"language": "fr"}
    given = load_reader("zsre_multilingual").read_language(path, own, french)
    assert given.is_empty()
    with pytest.raises(FactError, match="no fact has a record in French"):
        import_bilingual(facts, given, french, LEAST)


BREAKS = [
    ("counterfact_flat", {"subject": None}, "subject: must be a text, found nothing"),
    ("counterfact_flat", {"prompt": "a {} b"}, "prompt: must not hold '{}'"),
    ("counterfact_flat", {"target_new": {"str": "x"}}, "target_new: must be a text, found an obj"),
    ("counterfact_flat", {"locality": ["x"]}, "locality: must be an object, found a list"),
    (
        "counterfact_flat",
        {"locality": {"n": {"prompt": ["a", "b"], "ground_truth": ["c"]}}},
        "locality.n.ground_truth: must be a list as long as prompt's 2, found 1",
    ),
    (
        "counterfact_flat",
        {"portability": {"n": [{"prompt": 3}]}},
        "portability.n[0].prompt: must be a text, found a number",
    ),
    ("zsre", {"src": ["a"]}, "src: must be a text, found a list"),
    ("zsre", {"rephrase": [1]}, "rephrase[0]: must be a text, found a number"),
    ("zsre", {"portability": {"New Answer": "x"}}, "portability.New Question: must be a text"),
    ("zsre_multilingual", {"en": None}, "en: missing; the record has ca, es"),
    ("zsre_multilingual", {"en__src": 5}, "en.src: must be a text, found a number"),
]


@pytest.mark.parametrize(("file_format", "fields", "problem"), BREAKS)
def test_a_broken_record_is_named_with_file_and_field(tmp_path, file_format, fields, problem):
    path = change(file_format, tmp_path, 1, **fields)
    with pytest.raises(FactError) as caught:
        read(file_format, path)
    assert str(caught.value).startswith(f"{path}: record 2 (case_id ")
    assert problem in str(caught.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = {
    "counterfact_flat": ("case_id", "subject", "prompt", "target_new", "ground_truth",
                         "rephrase_prompt", "locality", "portability", "locality__neighborhood",
                         "portability__one_hop"),
    "zsre": ("case_id", "subject", "src", "rephrase", "alt", "answers", "loc", "loc_ans",
             "portability", "portability__New Question"),
    "zsre_multilingual": ("en", "ca", "case_id", "en__src", "en__answers", "ca__subject",
                          "ca__loc_ans", "ca__portability", "en__portability"),
}  # fmt: skip
PLACES = [(name, field) for name, fields in FIELDS.items() for field in fields]


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(value=JSON_VALUES, place=st.sampled_from(PLACES))
def test_any_value_in_any_place_is_read_rejected_or_named(tmp_path_factory, value, place):
    """Every record is a row, or a rejection with its reason, or the file is refused with its name."""
    file_format, field = place
    path = change(file_format, tmp_path_factory.mktemp("fuzz"), 0, **{field: value})
    size = len(json.loads(path.read_text(encoding="utf-8")))
    try:
        facts, rejected = read_facts(
            path, file_format, own=settings(file_format), contradictions="drop"
        )
        if file_format == "zsre_multilingual":
            own = settings(file_format, "ca")
            load_reader(file_format).read_language(path, own, language("ca"))
    except FactError as error:
        assert str(error).startswith(str(path))  # noqa: PT017
    else:
        lost = rejected.filter(prompt_type="record")["case_id"].n_unique()
        assert facts.height + lost == size


def test_a_broken_half_is_named_with_file_and_field(tmp_path):
    path = change("zsre_multilingual", tmp_path, 2, ca__alt=7)
    own = settings("zsre_multilingual", "ca")
    with pytest.raises(FactError, match=r"record 3 \(case_id 3\): ca\.alt: must be a text"):
        load_reader("zsre_multilingual").read_language(path, own, language("ca"))


@pytest.mark.parametrize(
    ("prompt", "subject", "template", "form"),
    [
        ("Where is Ada Roig?", "Ada Roig", "Where is {}?", "Ada Roig"),
        ("Where is ada roig?", "Ada Roig", "Where is {}?", "ada roig"),
        ("On és l'Ateneu?", "Ateneu", "On és l'{}?", "Ateneu"),
        ("On viu en Roig-Serra?", "Roig–Serra", "On viu en {}?", "Roig-Serra"),
        ("Who is O’Hara?", "O'Hara", "Who is {}?", "O’Hara"),
        # blanks do not end a word there
        ("艾达毕业于哪所大学？", "艾达", "{}毕业于哪所大学？", "艾达"),
        ("ＡＢＣ社はどこですか？", "ABC", "{}社はどこですか？", "ＡＢＣ"),
        ("Who is Adarsh?", "Ada", None, "subject_not_found"),
        ("Is Nord in Nord?", "Nord", None, "subject_ambiguous"),
        ("Is nord in NORD?", "Nord", None, "subject_ambiguous"),
        ("Is nord in Nord?", "Nord", "Is nord in {}?", "Nord"),
    ],
)
def test_a_subject_is_found_as_it_is_written_or_in_its_normalised_form(
    prompt, subject, template, form
):
    placed = place_subject(prompt, subject)
    assert (placed.template, placed.subject or placed.reason) == (template, form)
    if template:
        assert template.replace("{}", form) == prompt


def test_what_is_a_question_and_what_is_not():
    assert asked("Who is Ada?", "{} Answer:") == "Who is Ada? Answer:"
    assert asked("谁是艾达？", "{} 答：") == "谁是艾达？ 答："
    assert asked("Ada is", "{} Answer:") == "Ada is"
    assert asked("NQ question: who is ada", "{} Answer:") == "who is ada? Answer:"
    assert as_question("who is ada", "Q: {} A:") == "Q: who is ada? A:"


def test_a_language_without_a_template_says_what_to_do(tmp_path):
    path = tmp_path / "xx.yaml"
    path.write_text("{code: xx, name: X, openers: [A], kl_prompt: '{} is'}", encoding="utf-8")
    with pytest.raises(LanguageError, match=r"xx\.yaml: the key 'question' is missing, .*{xx: …}"):
        with_template({"question": {}}, path)
    assert with_template({"question": {"xx": "{} X:"}}, path) == {"question": "{} X:"}
    path.write_text("{code: xx, name: X, openers: [A], kl_prompt: '{} is', question: 'A:'}")
    with pytest.raises(LanguageError, match="question must have exactly one"):
        with_template({"question": {}}, path)


def test_question_and_answer_are_translated_apart_into_the_other_template():
    words = {"Who is": "Qui és", "the baker": "el forner", "is": "és", "Answer": "Wrong"}
    inner = MadeUpEngine(replace_all(words))
    engine = QuestionEngine(inner, "{} Answer:", "{} Resposta:")
    sentences = ["Who is Ada? Answer: the baker.", "Ada is the baker.", "Answer: the baker."]
    answers = [answer.text for answer in engine.translate(sentences)]
    assert answers == [
        "Qui és Ada? Resposta: el forner.",
        "Ada és el forner.",
        "Wrong: el forner.",  # no question stands before it
    ]
    assert "Who is Ada?" in inner.asked
    empty = QuestionEngine(MadeUpEngine(lambda text: "" if "?" in text else text), "{} A:", "{} R:")
    assert empty.translate(["Who? A: Ada."]) == [Translation("")]
    assert engine.translate([]) == []


def test_unknown_words_and_scores_of_both_parts_count():
    class Unsure:
        name, whole_sources = "unsure", False

        def translate(self, sentences):
            return [Translation(text, -float(len(text)), (text[:2],)) for text in sentences]

    (answer,) = QuestionEngine(Unsure(), "{} A:", "{} R:").translate(["Who? A: Ada."])
    assert (answer.score, answer.unknown) == (-4.0, ("Wh", "Ad"))


def test_a_bilingual_table_of_the_sample_has_every_language(tmp_path):
    """Each prompt of each language ends before its target, with a template for the subject."""
    for code in ("ca", "es"):
        paired, _ = held(code)
        assert set(paired["language"]) == {code}
        for row in paired.filter(pl.col("template").is_not_null()).iter_rows(named=True):
            assert row["template"].replace("{}", row["subject"]) == row["prompt"]
            assert row["prompt"].endswith(settings("zsre", code)["question"].removeprefix("{}"))


@pytest.fixture
def documented(tmp_path):
    """The files that the page shows, in a folder."""
    page = (REPOSITORY / "docs" / "benchmarks_of_others.md").read_text(encoding="utf-8")
    for name, content in re.findall(r"^`([\w.]+)`:\n```json\n(.*?)^```", page, re.M | re.S):
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file_format", "prompts"),
    [
        ("flat", "counterfact_flat", ["{} plays the", "In which city is {}? Answer:"]),
        ("questions", "zsre", ["Which instrument does {} play? Answer:"]),
        ("halves", "zsre_multilingual", ["Who directed {}? Answer:"]),
    ],
)
def test_the_documented_files_are_read_as_the_page_says(documented, name, file_format, prompts):
    path = documented / f"{name}.json"
    assert formats_like(path) == [file_format]
    facts, _ = read_facts(path, file_format, own=settings(file_format))
    assert facts["prompt"].to_list() == prompts
    assert facts["case_id"].to_list() == list(range(1, len(prompts) + 1))


def test_the_page_states_the_templates_of_the_languages():
    page = (REPOSITORY / "docs" / "benchmarks_of_others.md").read_text(encoding="utf-8")
    for code in ("en", "ca", "es"):
        known = language(code)
        assert f"| {known.name} | `{known.question}` |" in page


def test_the_config_of_the_page_is_accepted_as_it_stands(monkeypatch, tmp_path):
    """Its file is read in every language that it names."""
    monkeypatch.chdir(REPOSITORY)
    config = completed(merged_config("configs/benchmark.yaml"))
    assert check_facts(config) == []
    (notice,) = check_facts(config | {"facts": config["facts"] | {"bilingual": False}})
    assert "its records are in en, ca, es; only facts.bilingual: true reads others" in notice
    assert config["facts"]["format"] in bilingual_formats()
    broken = json.loads(sample("zsre_multilingual").read_text(encoding="utf-8"))
    del broken[4]["es"]["alt"]
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken), encoding="utf-8")
    config["facts"]["path"] = str(path)
    check_facts(config)  # an answer that is not given is lost in that language
    path.write_text(json.dumps([entry | {"en": entry["en"] | {"alt": ""}} for entry in broken]))
    with pytest.raises(NotEnoughFacts, match=r"records that are not used: 5 no_new_target$"):
        check_facts(config)
    broken[4]["es"]["alt"] = 3
    path.write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(FactError, match=r"broken\.json: record 5 .*: es\.alt: must be a text"):
        check_facts(config)
