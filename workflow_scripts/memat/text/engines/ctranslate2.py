"""CTranslate2: a converted model with a SentencePiece vocabulary (as mt-aina-en-ca)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from memat.errors import TranslationError
from memat.study.section import Count, OptionalText, Section, Text, hub_faults
from memat.text.engine import Translation, in_batches
from memat.text.hub import model_folder


class CTranslate2(Section):
    """A converted model with its SentencePiece file."""

    model: OptionalText = None
    """folder of a converted model, or hub id"""
    revision: OptionalText = None
    """commit id, of a hub id"""
    spm: Text = "spm.model"
    """SentencePiece model inside that folder"""
    beam_size: Count = 5
    """translations kept at each step of the search"""

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from hub_faults("ctranslate2", self.model, self.revision)


SETTINGS = {"translate": CTranslate2}
MEMORY_MB = 4000


def make(own: dict, batch_size: int, threads: int) -> "CTranslate2Engine":
    key = "translate.ctranslate2.model"
    folder = model_folder(own["model"], own["revision"], key, weights="model.bin")  # no pickle
    return CTranslate2Engine(
        folder, folder / own["spm"], own["beam_size"], batch_size, threads=threads
    )


class CTranslate2Engine:
    """SentencePiece pieces in, beam search, pieces out; no other tokenisation.

    source_end: a piece that the model was trained to see at the end of a source
    ("</s>" for Marian models; the published aina models have none).
    """

    name = "ctranslate2"
    whole_sources = False

    def __init__(
        self,
        model: str | Path,
        spm: str | Path,
        beam_size: int = 5,
        batch_size: int = 64,
        threads: int = 1,
        source_end: str | None = None,
    ) -> None:
        import ctranslate2
        import sentencepiece

        for path in (Path(model) / "model.bin", Path(spm)):
            if not path.is_file():
                raise TranslationError(f"translate.ctranslate2: {path} is missing")
        self.beam_size, self.batch_size = beam_size, batch_size
        self.source_end = [source_end] if source_end else []
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(spm))
        self.translator = ctranslate2.Translator(
            str(model), device="cpu", inter_threads=1, intra_threads=threads
        )

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        return in_batches(self.name, sentences, self.batch_size, self._translate_batch)

    def _translate_batch(self, texts: list[str]) -> list[Translation]:
        results = self.translator.translate_batch(
            [pieces + self.source_end for pieces in self.pieces.encode(texts, out_type=str)],
            beam_size=self.beam_size,
            return_scores=True,
        )
        return [
            Translation(self.pieces.decode(result.hypotheses[0]).strip(), float(result.scores[0]))
            for result in results
        ]
