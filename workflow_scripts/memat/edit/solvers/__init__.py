"""Solvers: how values become deltas. Each is a leaf (`memat.leaves`). Its docstring begins
"NAME: what it does (source).", and it has these names:

LABEL     its name in tables and figures
VALUES    the solver whose values it carries into the weights: its own name, or another's
SETTINGS  "deltas" or "values" → the Section (`memat.study.section`) that stands in the config
          as `deltas.<solver>` or `values.<solver>`
share(residual, layers_left)
          the part of the residual, (n_facts, d_model), that goes into a layer; layers_left
          counts this layer and the edit layers above it
solve(keys, moment, settings, layer)
          the right factor of the layer's delta, (n_facts, d_ff). keys: K with facts as rows,
          (n_facts, d_ff); moment: C, (d_ff, d_ff); both float64, on one device.
          settings: `memat.edit.update.DeltaSettings`, the solver's own under `settings.own`.
          Raises NonFiniteValue(layer)

A solver that may edit a model in steps (rows with `steps`) also has

solve_after(keys, earlier, moment, settings, layer)
          the same with a term for earlier: K_p, the keys of the facts of earlier edits as rows,
          (n_earlier, d_ff), float64, at least one, whose outputs are to stay as they are

A solver with values of its own also has

JOINT     whether one value may serve the prompts of several languages
value_hook_points(model, layer)
          the `memat.edit.hook_points.HookPoints` in the value layer
"""
