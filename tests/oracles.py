"""Independent slow versions: one fact at a time, full sequences, plain loops.

Written from the equations (Meng et al. 2023b; Li et al. 2023; the paper's eq. 6, 10,
12 and appendix H), sharing nothing with the library but the tokenised sentences. They
are what the fast paths must agree with.
"""

import torch

from memat.model.hooks import hidden_of
from memat.model.sentences import request_sentence, subject_prompt_sentence


def oracle_value(model, requests, contexts, kl_prompts, modules, settings, layerwise=False):
    """z and h₀ of one fact, each (n_languages, d_model), and its losses.

    layerwise: z is what each module gives in a last pass with all δ in place; z and h₀ are
    (n_modules, n_languages, d_model), and weight decay is a mean.

    All rows of all languages in one padded batch, torch's own Adam; requests, contexts and
    kl_prompts: one per language; modules: each gets a δ on its output, z is of the last.
    """
    tokenizer, rows, wanted, lookup, plain, kl_rows = model.tokenizer, [], [], [], [], []
    for request, templates, kl_prompt in zip(requests, contexts, kl_prompts, strict=True):
        plain.append(len(rows))
        for template in templates:
            sentence = request_sentence(tokenizer, request, template)
            wanted.append((len(rows), sentence))
            lookup.append(sentence.subject_last)
            rows.append(sentence.ids[:-1])
        kl = subject_prompt_sentence(tokenizer, request, kl_prompt)
        kl_rows.append(len(rows))
        lookup.append(kl.subject_last)
        rows.append(kl.ids)
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)  # what follows a row is seen by nothing in it
    deltas = [torch.zeros(model.d_model, dtype=model.dtype, requires_grad=True) for _ in modules]
    initial = {}

    def add_delta(number):
        def hook(_module, _args, output):
            hidden = hidden_of(output).clone().reshape(len(rows), width, -1)
            at_first = [hidden[row, lookup[row]].detach().clone() for row in plain]
            initial.setdefault(number, torch.stack(at_first))
            for row, position in enumerate(lookup):
                hidden[row, position] += deltas[number]
            hidden = hidden.view_as(hidden_of(output))
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        return hook

    adam = torch.optim.Adam(deltas, lr=settings.learning_rate)
    reference, losses = None, []
    handles = [m.register_forward_hook(add_delta(number)) for number, m in enumerate(modules)]
    try:
        for step in range(settings.steps):
            adam.zero_grad()
            logits = model.network(input_ids=ids).logits
            log_probs = logits.log_softmax(-1)
            loss = 0
            for row, sentence in wanted:
                start, targets = sentence.target_start, sentence.target_ids
                nll_row = -sum(log_probs[row, start - 1 + j, t] for j, t in enumerate(targets))
                loss = loss + nll_row / len(targets) / len(wanted)
            now = [log_probs[row, lookup[row]] for row in kl_rows]
            if reference is None:
                reference = [each.detach().clone() for each in now]
            for each, before in zip(now, reference, strict=True):
                divergence = (each.exp() * (each - before)).sum()
                loss = loss + settings.kl_factor * divergence / len(kl_rows)
            norms = [sum(h.norm() for h in initial[n]) / len(plain) for n in range(len(modules))]
            decays = [d.norm() / norm**2 for d, norm in zip(deltas, norms, strict=True)]
            loss = loss + settings.weight_decay * sum(decays) / (len(modules) if layerwise else 1)
            losses.append(loss.item())
            if loss < settings.stop_loss or step == settings.steps - 1:
                break
            loss.backward()
            adam.step()
            with torch.no_grad():
                for delta, norm in zip(deltas, norms, strict=True):
                    if delta.norm() > settings.clamp * norm:
                        delta *= settings.clamp * norm / delta.norm()
        if layerwise:
            z, hooks = [], []

            def keep(_module, _args, output):
                # a parallel block adds attention to this tensor in place
                z.append(hidden_of(output).clone().view(len(rows), width, -1))

            for module in modules:  # after the hooks that add the δs
                hooks.append(module.register_forward_hook(keep))
            handles += hooks
            with torch.no_grad():
                model.network(input_ids=ids)
            at_subject = [torch.stack([h[row, lookup[row]] for row in plain]) for h in z]
            first = torch.stack([initial[number] for number in range(len(modules))])
            return torch.stack(at_subject), first, losses
    finally:
        for handle in handles:
            handle.remove()
    last = len(modules) - 1
    return initial[last] + deltas[last].detach(), initial[last], losses


def oracle_taught_value(
    model, fact, question, contexts, kl_prompt, modules, settings, tokens, examples, layerwise=False
):
    """z and h₀ of one fact, taught in the language of the question, and its losses.

    Shapes as of `oracle_value` in one language. The teacher reads "fact target. question", after
    each of the examples as "fact target. fact target." in both languages, and says
    `tokens` tokens, one whole pass each; the loss is the mean of KL(now ‖ teacher) over templates
    and tokens, every row in a pass of its own, with the terms on the KL prompt and on ‖δ‖.
    """
    tokenizer, text = model.tokenizer, ""
    for one in [*sum(examples, ()), fact]:
        text += one.prompt + ("" if one.joined else " ") + one.target + ". "
    read = tokenizer(text + question.prompt)["input_ids"]
    said, teacher = [], []
    for _ in range(tokens):
        with torch.no_grad():
            logits = model.network(torch.tensor([read + said])).logits[0, -1]
        teacher.append(logits.log_softmax(-1))
        said.append(int(logits.argmax()))
    untargeted = type(question)(question.case_id, question.template, question.subject, "")
    rows = []  # ids, the subject's last token, what is followed, weight
    for context in contexts:
        sentence = request_sentence(tokenizer, untargeted, context)
        for n in range(tokens):
            ids = [*sentence.ids, *said[:n]]
            rows.append((ids, sentence.subject_last, teacher[n], 1 / tokens / len(contexts)))
    kl = subject_prompt_sentence(tokenizer, untargeted, kl_prompt)
    with torch.no_grad():
        unedited = model.network(torch.tensor([kl.ids])).logits[0, kl.subject_last].log_softmax(-1)
    rows.append(
        (list(kl.ids)[: kl.subject_last + 1], kl.subject_last, unedited, settings.kl_factor)
    )
    deltas = [torch.zeros(model.d_model, dtype=model.dtype, requires_grad=True) for _ in modules]
    seen = {}

    def run(ids, position):
        def add_delta(number):
            def hook(_module, _args, output):
                hidden = hidden_of(output).clone().reshape(1, len(ids), -1)
                seen[number, "before"] = hidden[0, position].detach().clone()
                hidden[0, position] += deltas[number]
                seen[number, "after"] = hidden[0, position].detach().clone()
                hidden = hidden.view_as(hidden_of(output))
                return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

            return hook

        handles = [m.register_forward_hook(add_delta(n)) for n, m in enumerate(modules)]
        try:
            return model.network(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        finally:
            for handle in handles:
                handle.remove()

    adam = torch.optim.Adam(deltas, lr=settings.learning_rate)
    run(*rows[0][:2])
    initial = [seen[n, "before"] for n in range(len(modules))]
    losses = []
    for step in range(settings.steps):
        adam.zero_grad()
        loss = 0
        for ids, position, followed, weight in rows:
            now = run(ids, position)
            loss = loss + weight * (now.exp() * (now - followed)).sum()
        decays = [d.norm() / h.norm() ** 2 for d, h in zip(deltas, initial, strict=True)]
        loss = loss + settings.weight_decay * sum(decays) / (len(modules) if layerwise else 1)
        losses.append(loss.item())
        if loss < settings.stop_loss or step == settings.steps - 1:
            break
        loss.backward()
        adam.step()
        with torch.no_grad():
            for delta, h in zip(deltas, initial, strict=True):
                if delta.norm() > settings.clamp * h.norm():
                    delta *= settings.clamp * h.norm() / delta.norm()
    if layerwise:
        run(*rows[0][:2])
        z = [seen[n, "after"] for n in range(len(modules))]
        return torch.stack(z)[:, None], torch.stack(initial)[:, None], losses
    return (initial[-1] + deltas[-1].detach())[None], initial[-1][None], losses


def oracle_key(model, request, contexts, weights, layer):
    """Key of one fact: full sentences one by one, input of the projection at the subject."""
    total = 0
    for context, weight in zip(contexts, weights, strict=True):
        sentence = request_sentence(model.tokenizer, request, context)
        seen = []
        handle = model.mlp_output(layer).register_forward_pre_hook(
            lambda _m, args, s=seen: s.append(args[0])
        )
        with torch.no_grad():
            model.network(torch.tensor([sentence.ids]))
        handle.remove()
        total = (
            total + weight * seen[0].reshape(len(sentence.ids), -1)[sentence.subject_last].double()
        )
    return total


def oracle_output(model, request, module):
    """A module's output at the subject's last token under the plain template."""
    sentence = request_sentence(model.tokenizer, request)
    seen = []
    handle = module.register_forward_hook(
        # a parallel block adds attention to this tensor in place
        lambda _m, _a, out: seen.append(hidden_of(out).clone())
    )
    with torch.no_grad():
        model.network(torch.tensor([sentence.ids]))
    handle.remove()
    return seen[0].reshape(len(sentence.ids), -1)[sentence.subject_last].double()


def oracle_spread(
    model,
    pairs,
    values,
    weights,
    covariance,
    layers,
    weight,
    module=None,
    power=1.0,
    layerwise=False,
    right=None,
):
    """Full deltas by the literal formula Δ = R/(L−i)^power Kᵀ(λC + KKᵀ)⁻¹, model re-measured
    every layer; R = z − output of `module`, by default the value layer's block.

    pairs: (request, its templates), one for every row of values. layerwise: values are
    (n_layers, n_pairs, d_model), R is of the layer's own MLP projection and not shared.
    right: what R is multiplied by, from (keys as columns, C), if it is not the formula's. Changes
    the model; returns {layer: (d_model, d_ff)}.
    """
    module = model.blocks[layers[-1]] if module is None else module
    deltas = {}
    for i, layer in enumerate(layers):
        keys = torch.stack([oracle_key(model, r, c, weights, layer) for r, c in pairs], 1)
        if layerwise:
            own = model.mlp_output(layer)
            outputs = torch.stack([oracle_output(model, r, own) for r, _ in pairs], 1)
            residual = values[i].double().T - outputs
        else:
            outputs = torch.stack([oracle_output(model, r, module) for r, _ in pairs], 1)
            residual = (values.double().T - outputs) / (len(layers) - i) ** power
        moment = covariance[layer].double()
        factor = keys.T @ torch.linalg.inv(weight * moment + keys @ keys.T)
        deltas[layer] = residual @ (right(keys, moment) if right else factor)
        with torch.no_grad():
            model.mlp_matrix(layer).add_(deltas[layer].to(model.dtype))
    return deltas


def oracle_nll(model, prompt, target, joined=False):
    """NLL of every target token and whether each is the argmax; one row, all positions."""
    text = prompt + target if joined else f"{prompt} {target}"
    ids = model.tokenizer(text)["input_ids"]
    offsets = model.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    n_prompt = next(i for i, (a, b) in enumerate(offsets) if b > len(text) - len(target) and b > a)
    with torch.no_grad():
        log_probs = model.network(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    nll = [-float(log_probs[i - 1, ids[i]]) for i in range(n_prompt, len(ids))]
    is_greedy = all(int(log_probs[i - 1].argmax()) == ids[i] for i in range(n_prompt, len(ids)))
    return sum(nll), len(nll), is_greedy


def oracle_reference(model, request, kl_prompt):
    """Next-token log-probabilities after a fact's KL prompt, without ω."""
    kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
    with torch.no_grad():
        return model.network(torch.tensor([kl.ids])).logits[0, -1].log_softmax(-1)


def oracle_head_norm(model, request, layer, head):
    """‖head₋₁‖: one head at the last token of a fact's plain prompt."""
    plain, seen = request_sentence(model.tokenizer, request), []
    handle = model.attention_output(layer).register_forward_pre_hook(
        lambda _module, args: seen.append(args[0])
    )
    with torch.no_grad():
        model.network(torch.tensor([plain.ids]))
    handle.remove()
    where = slice(head * model.head_dim, (head + 1) * model.head_dim)
    return seen[0][0, plain.target_start - 1, where].norm()


def oracle_correction_loss(
    model, request, contexts, kl_prompt, heads, omega, settings, reference=None, norm=None
):
    """Eq. (12) for one fact, row by row over full sequences; ω only where `position` says.

    reference, norm: of another fact or head, where a test asks for it.
    """

    def log_probs(ids, first):
        def add(layer):
            def hook(_module, args):
                changed = args[0].clone()
                for number, (at, head) in enumerate(heads):
                    if at == layer:
                        where = slice(head * model.head_dim, (head + 1) * model.head_dim)
                        changed[:, first:, where] += omega[number]
                return (changed, *args[1:])

            return hook

        handles = [
            model.attention_output(layer).register_forward_pre_hook(add(layer))
            for layer in {layer for layer, _ in heads}
        ]
        try:
            return model.network(torch.tensor([ids])).logits[0].log_softmax(-1)
        finally:
            for handle in handles:
                handle.remove()

    loss = 0
    for context in contexts:
        sentence = request_sentence(model.tokenizer, request, context)
        start = sentence.target_start
        found = log_probs(list(sentence.ids[:-1]), start - 1 if settings.position == "last" else 0)
        loss = loss - sum(found[start - 1 + i, t] for i, t in enumerate(sentence.target_ids)) / len(
            contexts
        )
    kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
    now = log_probs(list(kl.ids), len(kl.ids) - 1 if settings.position == "last" else 0)[-1]
    before = oracle_reference(model, request, kl_prompt) if reference is None else reference
    loss = loss + settings.kl_weight * (now.exp() * (now - before)).sum()
    for number, (layer, head) in enumerate(heads):
        size = oracle_head_norm(model, request, layer, head) if norm is None else norm
        loss = loss + settings.norm_weight / len(heads) * (omega[number].norm() / size) ** 2
    return loss
