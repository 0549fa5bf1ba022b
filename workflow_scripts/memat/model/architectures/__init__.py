"""Model types, each a leaf (`memat.leaves`) called as `model_type` in a Hugging Face config.

ARCHITECTURE     the `memat.model.architecture.Architecture`; a type that is refused has none
refusal(config)  why a model with this config cannot be edited, or None. config: a mapping.
                 A leaf without it refuses none
"""
