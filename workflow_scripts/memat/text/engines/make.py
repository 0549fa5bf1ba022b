"""The engine a config asks for."""

from memat.errors import TranslationError
from memat.text.engines.interface import Engine
from memat.text.hub import model_folder

ENGINES = ("apertium", "ctranslate2", "transformers", "table")


def make_engine(settings: dict, threads: int = 1) -> Engine:
    """The engine of a `translate` section; only its own libraries are loaded.

    Raises TranslationError for an unknown engine, or one that is not there.
    """
    name, batch_size = settings["engine"], settings["batch_size"]
    own = settings.get(name) or {}
    if name == "apertium":
        from memat.text.engines.apertium import ApertiumEngine

        return ApertiumEngine(own["pair"])
    if name == "ctranslate2":
        from memat.text.engines.ctranslate import CTranslate2Engine

        folder = model_folder(own["model"], own.get("revision"), "translate.ctranslate2.model")
        return CTranslate2Engine(
            folder,
            folder / own["spm"],
            beam_size=own["beam_size"],
            batch_size=batch_size,
            threads=threads,
        )
    if name == "transformers":
        import torch

        from memat.text.engines.seq2seq import TransformersEngine

        torch.set_num_threads(threads)
        folder = model_folder(own["model"], own.get("revision"), "translate.transformers.model")
        return TransformersEngine(str(folder), beam_size=own["beam_size"], batch_size=batch_size)
    if name == "table":
        from memat.text.engines.table import TableEngine

        return TableEngine(own["path"])
    raise TranslationError(f"translate.engine {name!r} is unknown; allowed: {', '.join(ENGINES)}")
