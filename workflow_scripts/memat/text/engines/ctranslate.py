"""CTranslate2 models with a SentencePiece vocabulary (as mt-aina-en-ca is published)."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from memat.errors import TranslationError
from memat.text.engines.interface import Translation, checked


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
        device: str = "cpu",
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
            str(model), device=device, inter_threads=1, intra_threads=threads
        )

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        # similar lengths together: less padding, same answers
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        translations: dict[int, Translation] = {}
        with tqdm(total=len(sentences), desc=self.name, unit="sentence") as progress:
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                texts = [" ".join(sentences[i].split()) for i in batch]
                results = self.translator.translate_batch(
                    [
                        pieces + self.source_end
                        for pieces in self.pieces.encode(texts, out_type=str)
                    ],
                    beam_size=self.beam_size,
                    return_scores=True,
                )
                for i, result in zip(batch, results, strict=True):
                    text = self.pieces.decode(result.hypotheses[0])
                    translations[i] = Translation(text.strip(), float(result.scores[0]))
                progress.update(len(batch))
        return checked(self.name, sentences, [translations[i] for i in sorted(translations)])
