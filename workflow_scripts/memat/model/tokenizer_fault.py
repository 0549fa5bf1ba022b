"""Whether a tokenizer can serve a model: offsets, words told apart, no id beyond the vocabulary."""


def tokenizer_fault(tokenizer, words: int | None) -> str | None:
    """Why a tokenizer does not serve a model of so many `words` (rows of its embedding; None:
    unknown); None if it does."""
    if not tokenizer.is_fast:
        return "gives no character offsets (a fast tokenizer is needed)"
    # without its files, transformers makes an empty one of the type that the config names
    word, other = (tokenizer.encode(text, add_special_tokens=False) for text in ("The", "of"))
    if word == other:
        return "does not tell words apart: are its files (tokenizer.json …) there?"
    # what is added to the vocabulary (an image's place) may lie beyond the model's words, unless
    # it begins every text
    size = tokenizer.backend_tokenizer.get_vocab_size(with_added_tokens=False)
    highest = max(size - 1, *tokenizer.encode("The"))
    if words is not None and highest >= words:
        return (
            f"gives token ids up to {highest}, but the model's vocabulary (vocab_size) has {words}"
            f" words, 0 to {words - 1}: it is another model's"
        )
    return None
