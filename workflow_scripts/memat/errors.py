"""Every fault a user can meet, one type per kind; the message names the place.

All derive from `MematError`, which the scripts and the workflow print without a
traceback: they mean "your input or setting", never "our bug".
"""


class MematError(Exception):
    """Base of all errors with a message meant for the user."""


class ConfigError(MematError):
    """A config key is unknown, mistyped, out of range or contradicts another."""


class FactError(MematError):
    """A facts file cannot be read, or a record of it breaks the schema."""


class LanguageError(MematError):
    """A language file is missing or incomplete."""


class TranslationError(MematError):
    """A translation engine is missing, or did not answer sentence by sentence."""


class CorrectionsFileError(MematError):
    """The file of reviewed corrections names an unknown prompt or contradicts itself."""


class ModelError(MematError):
    """A model is missing, fails its checksum, or cannot be loaded."""


class UnsupportedArchitecture(ModelError):
    """The model has no architecture map, or MEMIT's residual assumption is false for it."""


class NotEnoughFacts(MematError):
    """A block, split or batch asks for more facts than there are."""


class NothingLeft(MematError):
    """A stage needs facts and all of them were lost before it; counts them by reason."""


class NonFiniteValue(MematError):
    """NaN or infinity appeared; names the stage and the fact or layer."""


class EmptySplit(MematError):
    """A side of a train/validation/test split has no fact."""


class NotConverged(MematError):
    """An optimiser stopped before its tolerance; names layer and head."""


class ProcessEnded(MematError):
    """A process that a stage started was killed."""


class CannotWrite(MematError):
    """A result cannot be written: the disk is full or read-only, or belongs to another user."""


class DamagedFile(MematError):
    """A result file is truncated or its content does not match its checksum."""
