"""Every fault a user can meet, one type per kind; the message names the place.

All derive from `MematError`, which the scripts and the workflow print without a
traceback: they mean "your input or setting", never "our bug". A docstring says what the
error means and then what to do; `make docs` makes the page docs/errors.md of them.
"""


class MematError(Exception):
    """Base of all errors with a message meant for the user."""


class ConfigError(MematError):
    """A config key is unknown, mistyped, out of range or contradicts another.

    Correct the key that the message names; `docs/configuration.md` explains each one. Nothing
    has run yet.
    """


class FactError(MematError):
    """A facts file cannot be read, or a record of it breaks the schema.

    Look at the record or line that the message names, in your file: what was found and what
    is allowed stand beside it. `docs/facts.md` describes the formats.
    """


class LanguageError(MematError):
    """A language file is missing or incomplete.

    Correct the key in `resources/languages/<code>.yaml`, or copy another language's file, whose
    comments explain each key.
    """


class TranslationError(MematError):
    """A translation engine is missing, or did not answer sentence by sentence.

    Install the engine that the message names, or choose another (`translate.engine`). Given
    translations (`engine: table`) need none.
    """


class CorrectionsFileError(MematError):
    """The file of reviewed corrections names an unknown prompt or contradicts itself.

    Correct the row of the file that the message names. Prompts are named as in
    `dataset/<language>/review.csv`.
    """


class ModelError(MematError):
    """A model is missing, fails its checksum, or cannot be loaded.

    Check the folder or the name in `resources/models/`. A file that fails its checksum is
    fetched again once it is deleted; a hub model needs a network and perhaps an access token.
    """


class UnsupportedArchitecture(ModelError):
    """The model has no architecture map, or MEMIT's residual assumption is false for it.

    Choose a model of a listed type, or add a file for this one (`docs/adding.md`). A
    correction that has no place in an export: export without corrections, or keep the deltas
    apart.
    """


class NotEnoughFacts(MematError):
    """A block, split or batch asks for more facts than there are.

    Make the block smaller (`blocks.size`, `blocks.count`), or give more facts;
    `dataset/funnel.csv` says where they were lost.
    """


class NothingLeft(MematError):
    """A stage needs facts and all of them were lost before it; counts them by reason.

    The counts by reason say which step lost them; `dataset/lost.csv` has every fact with its
    sentence.
    """


class NonFiniteValue(MematError):
    """NaN or infinity appeared; names the stage and the fact or layer.

    Load the model in float32 (`compute.dtype`) and lower the learning rate. If one fact is
    named, look at its prompt; if a layer, the weights or the covariance are broken.
    """


class EmptySplit(MematError):
    """A side of a train/validation/test split has no fact.

    Give more facts, or change `probes.train` and `probes.validation`.
    """


class NotConverged(MematError):
    """An optimiser stopped before its tolerance; names layer and head.

    Standardise the features (`probes.standardise`) or strengthen the penalty (a smaller
    `probes.c`).
    """


class MissingPackage(MematError):
    """What was called for needs a package that only an extra of the installation brings.

    Install the extra that the message names.
    """


class ProcessEnded(MematError):
    """A process that a stage started was killed.

    The system ends what takes too much memory: lower `compute.memory_mb`, or the number of
    processes side by side. The same call goes on from there.
    """


class CannotWrite(MematError):
    """A result cannot be written: the disk is full or read-only, or belongs to another user.

    Free space, or put `results` (or the cache folder, `$MEMAT_CACHE`) where you may write. The
    same call goes on from there.
    """


class DamagedFile(MematError):
    """A result file is truncated or its content does not match its checksum.

    Delete the file and call again: it is made anew. If it is one of yours, get it again.
    """
