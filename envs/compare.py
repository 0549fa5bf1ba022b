"""Opens the page that compares the models of a run, for `make compare`.

python envs/compare.py configs/mine.yaml [port] [experiment …]
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow_scripts"))

from memat import io  # noqa: E402
from memat.compare.answers import Asking  # noqa: E402
from memat.compare.models import comparison_of  # noqa: E402
from memat.compare.page import build_page, load_gradio, serve  # noqa: E402
from memat.errors import MematError  # noqa: E402
from memat.model.for_stage import model_for  # noqa: E402


def main(path: str, port: str = "7860", *experiments: str) -> None:
    load_gradio()  # first, as a model takes a while
    found = comparison_of(path, experiments, REPOSITORY)
    asking = Asking(model_for(found.manifest, found.compute), found.models)
    page = build_page(asking, found, io.read_table(found.bilingual), io.read_table(found.blocks))
    serve(page, int(port))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except MematError as error:
        sys.exit(str(error))
