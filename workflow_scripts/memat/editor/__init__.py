"""Editing from Python: a model, facts, and edits that stack and come off again.

Everything that is computed is computed by the functions of the workflow's stages
(`memat.edit`, `memat.evaluate`); here they are called in one process, without files between.
"""
