"""The page that compares models in a real browser: asked, with facts picked, nothing loaded from
elsewhere, and listening on this machine alone."""

import socket
from pathlib import Path

import polars as pl
import pytest
import torch

from browser.fact_rows import EVIL
from memat.compare.answers import Asking
from memat.compare.models import CarriedFiles, Comparison
from memat.compare.page import HOST, build_page, serve
from memat.edit.storage import write_deltas
from memat.edit.update import Delta
from memat.provenance import Provenance
from memat.text.prompts import BILINGUAL_SCHEMA
from small_models import small_model

gradio = pytest.importorskip("gradio", reason="no gradio here: `make compare` installs it")

PROMPT = "The mother tongue of Miles Davis is"
TEXT = "document.querySelector('#answers').innerText"
PROMPT_BOX = "#prompt textarea, #prompt input"
ASK = "button#ask, #ask button"
# gradio mounts one component after another: the first that is there says nothing of the others
PARTS = (PROMPT_BOX, ASK, "#fact input", "#known input", "#answers")


def bilingual():
    rows = []
    for case_id, subject in ((1, "Miles Davis"), (2, EVIL + " ${1+1} {{value}}")):
        for kind in ("rewrite", "paraphrase"):
            row = {"case_id": case_id, "language": "en", "role": "target_new", "index": 0}
            row |= {"prompt_type": kind, "prompt": f"{subject} {kind} plays the", "target": "piano"}
            rows.append(dict.fromkeys(BILINGUAL_SCHEMA) | row)
    return pl.DataFrame(rows, schema=BILINGUAL_SCHEMA)


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    torch.manual_seed(1)
    model = small_model("llama")
    path = str(tmp_path_factory.mktemp("edit") / "deltas.safetensors")
    d_model, d_ff = model.mlp_matrix(1).shape
    delta = {1: Delta(torch.randn(3, d_model) * 3, torch.randn(3, d_ff))}
    write_deltas(path, delta, Provenance("test", {}, ""))
    return Asking(model, [CarriedFiles("unedited"), CarriedFiles("edited", (path,))])


@pytest.fixture(scope="module")
def address(asking):
    """Of the page, served by this process on a free port."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    comparison = Comparison("", {}, ("en",), (), ("unedited", "edited"), "0", "", "")
    blocks = pl.DataFrame({"case_id": [1, 2], "block": ["0", "0"]})
    page = build_page(asking, comparison, bilingual(), blocks)
    yield serve(page, port, wait=False)
    page.close(verbose=False)


@pytest.fixture
def opened(browser, address):
    browser.requests.clear()
    browser.open(address)
    browser.wait(f"{list(PARTS)}.every(part => document.querySelector(part))", 30)
    yield browser
    assert browser.evaluate("window.broken") is None
    own = (address, "data:", f"blob:{address}")
    assert [url for url in browser.requests if not url.startswith(own)] == []


def type_prompt(browser, text):
    """As a keyboard would, where the script of the page listens."""
    browser.evaluate(
        f"(() => {{ const box = document.querySelector({PROMPT_BOX!r});"
        f" box.value = {text!r}; box.dispatchEvent(new Event('input', {{bubbles: true}})); return 1 }})()"
    )


def click_ask(browser):
    browser.evaluate(f"document.querySelector({ASK!r}).click()")


def test_models_stand_side_by_side_with_their_answers_and_next_tokens(opened, asking):
    type_prompt(opened, PROMPT)
    click_ask(opened)
    text = opened.wait(f"{TEXT}.includes('next token') && {TEXT}")
    asked = asking.ask(PROMPT, ["unedited", "edited"], 16)
    cards = "[...document.querySelectorAll('.models > div')].map(d => d.innerText.split('\\n')[0])"
    assert opened.evaluate(cards) == ["unedited", "edited"]
    for one in asked:
        assert one.says.split()[0] in text
    cells = opened.evaluate("document.querySelector('.tokens tbody tr').innerText").split("\t")
    token, values = asking.likeliest(asked)[0]
    assert [cell.strip() for cell in cells] == [token, *(f"{100 * v:.2f}%" for v in values)]


def pick(browser, name, number):
    """The option of a drop-down, with the keys that a user would take."""
    box = f"document.querySelector('#{name} input')"
    browser.evaluate(f"{box}.focus(), {box}.click(), 1")
    options = "document.querySelectorAll('ul[role=listbox] li, ul.options li')"
    browser.wait(f"{options}.length > {number}")
    browser.evaluate(
        f"{options}[{number}].dispatchEvent(new MouseEvent('mousedown', {{bubbles: true}})), 1"
    )


def test_a_fact_brings_its_prompts_and_no_text_is_markup(opened):
    pick(opened, "fact", 1)
    box = f"document.querySelector({PROMPT_BOX!r}).value"
    opened.wait(f"{box}.includes('rewrite plays the')")
    assert opened.evaluate(box).startswith(EVIL)
    click_ask(opened)
    opened.wait(f"{TEXT}.includes('next token')")
    pick(opened, "known", 1)
    opened.wait(f"{box}.includes('paraphrase plays the')")


def test_the_page_is_for_this_machine_alone(opened, address):
    assert address.startswith(f"http://{HOST}:")
    port = int(address.rstrip("/").rpartition(":")[2])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    own = {
        line[1].split(":")[0]
        for line in listening
        if line[1].endswith(f":{port:04X}") and line[3] == "0A"
    }
    assert own == {"0100007F"}, "127.0.0.1, and no other address"
    policy = opened.evaluate("fetch('/').then(r => r.headers.get('content-security-policy'))")
    assert policy.startswith("default-src 'self'")
    assert opened.evaluate("fetch('https://example.org').then(() => 1, () => 0)") == 0
    assert opened.evaluate("gradio_config.analytics_enabled") is False
    assert not gradio.analytics.analytics_enabled()
    opened.requests.clear()
