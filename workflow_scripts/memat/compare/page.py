"""The page itself, on gradio: it listens on this machine alone, and asks nothing of any other."""

import os
from collections.abc import Sequence

import polars as pl

from memat.compare.answers import Asking, facts_of_run, prompts_of_fact
from memat.compare.models import Comparison
from memat.errors import MematError, MissingPackage
from memat.html_page import escaped, table

HOST = "127.0.0.1"
MOST_CHARACTERS = 2000
QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
# the browser refuses whatever is not of this page
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:;"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'self'"
)
FONTS = ["system-ui", "sans-serif"]
CSS = """
.models { display: flex; flex-wrap: wrap; gap: .8rem; } .models > div { flex: 1 1 14rem; padding: .6rem .8rem;
  border: 1px solid #8884; border-radius: 4px; }
.models h3 { margin: 0 0 .3rem; } .models p, .note { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.tokens table { width: 100%; border-collapse: collapse; } .tokens td, .tokens th { text-align: left;
  padding: .15rem .6rem; border: solid #8884; border-width: 0 0 1px; } .tokens .number { text-align: right; }
"""


def answer(asking: Asking, prompt: str, names: Sequence[str], most_tokens: int) -> str:
    """HTML for one question: what each model says side by side, and below it the table of next
    tokens; a fault of the question is said in its place."""
    if not prompt.strip() or not names:
        return '<p class="note">Type a prompt and choose a model.</p>'
    try:
        asked = asking.ask(prompt, names, int(most_tokens))
    except MematError as error:
        return f'<p class="note">{escaped(error)}</p>'
    cards = "".join(
        f"<div><h3>{escaped(one.name)}</h3><p>{escaped(one.says)}</p></div>" for one in asked
    )
    rows = [
        [escaped(token), *(f"{100 * value:.2f}%" for value in values)]
        for token, values in asking.likeliest(asked)
    ]
    header = ["next token", *(one.name for one in asked)]
    tokens = table(header, rows, numbers=range(1, len(header)))
    return f'<div class="models">{cards}</div><div class="tokens">{tokens}</div>'


def build_page(
    asking: Asking, comparison: Comparison, bilingual: pl.DataFrame, blocks: pl.DataFrame
):
    """The page, a `gradio.Blocks`. Raises MissingPackage."""
    gradio = load_gradio()
    facts = facts_of_run(bilingual, blocks, comparison.block, comparison.languages)
    with gradio.Blocks(title="MEMAT: compare models", analytics_enabled=False) as page:
        gradio.Markdown("## Compare the models of a run")
        names = gradio.CheckboxGroup(
            list(asking.models), value=list(comparison.first), label="models"
        )
        with gradio.Row():
            fact = gradio.Dropdown(facts, value=None, label="fact of the run", elem_id="fact")
            known = gradio.Dropdown([], value=None, label="its prompts", elem_id="known")
        prompt = gradio.Textbox(
            label="prompt, in any language", max_length=MOST_CHARACTERS, elem_id="prompt"
        )
        most = gradio.Slider(1, 64, value=16, step=1, label="tokens at most")
        ask = gradio.Button("Ask", variant="primary", elem_id="ask")
        answers = gradio.HTML(elem_id="answers")

        def prompts_of(case_id: int | None):
            found = (
                [] if case_id is None else prompts_of_fact(bilingual, case_id, comparison.languages)
            )
            return gradio.update(choices=found, value=found[0][1] if found else None)

        def answer_to(text: str, chosen: Sequence[str], tokens: int) -> str:
            return answer(asking, text or "", chosen, tokens)

        one_at_a_time = {"concurrency_limit": 1, "concurrency_id": "model"}
        fact.change(prompts_of, fact, known)
        known.change(lambda text: text or "", known, prompt)
        for event in (ask.click, prompt.submit):
            event(answer_to, [prompt, names, most], answers, **one_at_a_time)
    return page


def serve(page, port: int, *, wait: bool = True) -> str:
    """Listen on this machine alone; returns the address, at once unless `wait`."""
    gradio = load_gradio()
    from starlette.middleware import Middleware

    _, address, _ = page.launch(
        server_name=HOST,
        server_port=port,
        share=False,
        ssr_mode=False,
        mcp_server=False,
        run_history=False,
        enable_monitoring=False,
        pwa=False,
        inbrowser=False,
        quiet=True,
        footer_links=[],
        css=CSS,
        theme=gradio.themes.Base(font=FONTS, font_mono=["monospace"]),
        app_kwargs={"middleware": [Middleware(OwnSourcesOnly)]},
        prevent_thread_lock=True,
    )
    if wait:
        print(f"{address} (Ctrl-C ends it)", flush=True)
        page.block_thread()
    return address


class OwnSourcesOnly:
    """ASGI middleware: every answer tells the browser to load nothing from elsewhere."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def with_policy(message):
            if message["type"] == "http.response.start":
                header = (b"content-security-policy", POLICY.encode())
                message = message | {"headers": [*message.get("headers", []), header]}
            await send(message)

        await self.app(scope, receive, with_policy)


def load_gradio():
    """The module gradio, which then sends nothing anywhere. Raises MissingPackage."""
    os.environ.update(QUIET)
    try:
        import gradio
    except ImportError as error:
        raise MissingPackage(
            "the page needs gradio: `make compare` installs it, or `pip install '.[compare]'`"
        ) from error
    return gradio
