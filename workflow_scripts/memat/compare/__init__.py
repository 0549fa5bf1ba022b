"""A local page that asks several models of a run the same prompt, side by side.

`models` says which models a run has made, `answers` asks them with the functions of the stages,
`page` is the page (gradio, which only it imports).
"""
