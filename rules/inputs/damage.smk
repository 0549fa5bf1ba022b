# What the rules of damage.smk need besides: settings, and functions that find inputs.


def held_out_texts():
    """Language → file of held-out text: the config's, else one that the project ships, if any."""
    shipped = {code: f"resources/texts/{code}.txt" for code in LANGUAGES}
    found = {code: path for code, path in shipped.items() if Path(path).exists()}
    return {**found, **config["damage"]["texts"]}


def damage_files(rows, pattern):
    """The files of the rows that change a weight, by name of the row."""
    changed = [row for row in rows if row.model.edits]
    return {
        row.name: [pattern.format(edited=row.model.id, block=block) for block in row.facts]
        for row in changed
    }


def answers_beside_edits(rows):
    """What the models of the rows that change a weight say by themselves, and the unedited one."""
    shown = [row for row in rows if row.model.edits or row.spec["method"] == "unedited"]
    return list(dict.fromkeys(path for row in shown for path in files_of_row(row, PATHS.answers)))


TEXTS = held_out_texts()
DAMAGED = damage_files(STUDY.main.rows, PATHS.damage) if TEXTS else {}
RESIZED = damage_files(STUDY.main.rows, PATHS.updates) if TEXTS else {}
