"""Formats of facts files. Each is a leaf (`memat.leaves`). Its docstring begins
"NAME: what a file of it holds (source).", and it has these names:

SETTINGS  "facts" → the Section (`memat.study.section`) that stands in the config as
          `facts.<format>`; {} for a format without settings
recognises(path)
          whether a file looks like one of the format; a file that cannot be read does not
read(path, own)
          rows of `memat.text.facts.FACT_SCHEMA` in file order, without their split (the columns
          of answers and portability may be left out), and the `Rejection`s of records that are
          well formed and cannot be used. own: the section as plain values.
          Raises FactError(file, record, field)

and, where the format has it,

completed(own, language)
          its section with what follows from a language, whose file is given; a format of
          questions gives `question`, the template they are asked in (`memat.text.questions`)
notices(path, others_read)
          sentences on what a file holds and nothing reads, for the start of a run; others_read:
          whether other languages than the source's are read
read_language(path, own, language)
          what the records hold in another language (`facts.bilingual`), a `Language`:
          `memat.text.two_record.GIVEN_SCHEMA`
ALIGNS_SUBJECTS
          True where a rewrite prompt of another language may come without a template, as its
          subject is written otherwise; it is then looked for with `align`
ONE_OTHER_LANGUAGE
          True where a file holds one language besides the source, and does not name it
"""
