"""Translation engines. Each is a leaf (`memat.leaves`). Its docstring begins
"NAME: what it is (what it needs).", and it has these names:

SETTINGS  "translate" → the Section (`memat.study.section`) that stands in the config as
          `translate.<engine>`; {} for an engine without settings. Its `faults` count where
          the engine is chosen
make(own, batch_size, threads)
          the `memat.text.engine.Engine`. own: its section as plain values; batch_size:
          sentences at a time. Raises TranslationError for what is not there

and, where it needs them,

FILES     keys of its section that name a file it reads: an input of the jobs that translate
missing(own)
          why it cannot translate on this machine, or None: told at the start of a run
completed(own, source, target)
          its section with what follows from the two languages, whose files are given
MEMORY_MB what a job that translates asks for, where 2500 is not enough: a network is loaded
OF_ONE_LANGUAGE
          a key of its section whose value fits one target language only
"""
