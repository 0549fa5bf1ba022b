"""Plain loops of every stage, as today's tools do the work: the benchmark's other side.

One fact (or record, sentence, head, layer) at a time, full sequences, the output
head over every position, forwards repeated for every layer. Each function returns
what its fast counterpart returns, so that speed and agreement are one row.
"""

import torch
from sklearn.linear_model import LogisticRegression

from memat.model.hooks import hidden_of, inputs_seen
from memat.model.sentences import request_sentence, subject_prompt_sentence


def padded(rows):
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def values(model, requests, contexts, kl_prompt, layer, settings):
    """z, (n_facts, d_model): one fact at a time, output head over all positions twice."""
    return torch.stack([_value(model, r, contexts, kl_prompt, layer, settings) for r in requests])


def _value(model, request, contexts, kl_prompt, layer, settings):
    sentences = [request_sentence(model.tokenizer, request, c) for c in contexts]
    kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
    ids, mask = padded([s.ids[:-1] for s in sentences] + [kl.ids])
    lookup = [s.subject_last for s in sentences] + [kl.subject_last]
    wanted = torch.full(ids.shape, -100)
    for i, s in enumerate(sentences):
        wanted[i, s.target_start - 1 : len(s.ids) - 1] = torch.tensor(s.target_ids)
    delta = torch.zeros(model.d_model, dtype=model.dtype, requires_grad=True)
    seen = {}

    def add_delta(_module, _args, output):
        hidden = hidden_of(output).clone()
        seen.setdefault("initial", hidden[0, lookup[0]].detach().clone())
        hidden[torch.arange(len(lookup)), lookup] += delta
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    def last_hidden(_module, _args, output):
        seen["final"] = hidden_of(output)

    adam = torch.optim.Adam([delta], lr=settings.learning_rate)
    reference = None
    head = model.network.get_output_embeddings()
    handles = [
        model.blocks[layer].register_forward_hook(add_delta),
        model.network.base_model.register_forward_hook(
            lambda _m, _a, out: seen.update(final=out.last_hidden_state)
        ),
    ]
    try:
        for step in range(settings.steps):
            adam.zero_grad()
            logits = model.network(input_ids=ids, attention_mask=mask).logits
            now = logits[-1, lookup[-1]].log_softmax(-1)
            reference = now.detach().clone() if reference is None else reference
            log_probs = head(seen["final"][: len(sentences)]).log_softmax(-1)
            targets = wanted[: len(sentences)]
            picked = log_probs.gather(2, targets.clamp_min(0)[:, :, None])[:, :, 0]
            inside = targets >= 0
            nll = -(picked * inside).sum(1) / inside.sum(1)
            divergence = (now.exp() * (now - reference)).sum()
            decay = settings.weight_decay * delta.norm() / seen["initial"].norm() ** 2
            loss = nll.mean() + settings.kl_factor * divergence + decay
            if loss < settings.stop_loss or step == settings.steps - 1:
                break
            loss.backward()
            adam.step()
            with torch.no_grad():
                bound = settings.clamp * seen["initial"].norm()
                if delta.norm() > bound:
                    delta *= bound / delta.norm()
    finally:
        for handle in handles:
            handle.remove()
    return (seen["initial"] + delta).detach()


@torch.no_grad()
def spread(model, requests, z, contexts, weights, covariance, layers, weight):
    """Deltas, {layer: (d_model, d_ff)}: per layer and fact full forwards, one d_ff × d_ff solve.

    Leaves the weights as they came.
    """
    kept = {layer: model.mlp_matrix(layer).clone() for layer in layers}
    deltas = {}
    for number, layer in enumerate(layers):
        keys, outputs = [], []
        for request in requests:
            sentences = [request_sentence(model.tokenizer, request, c) for c in contexts]
            ids, mask = padded([s.ids for s in sentences])
            seen = []
            with inputs_seen(model.mlp_output(layer), seen.append):
                model.network(input_ids=ids, attention_mask=mask)
            at = [seen[0][i, s.subject_last].double() for i, s in enumerate(sentences)]
            keys.append(sum(w * k for w, k in zip(weights, at, strict=True)))
            found = []
            handle = model.blocks[layers[-1]].register_forward_hook(
                lambda _m, _a, out, f=found: f.append(hidden_of(out))
            )
            model.network(input_ids=torch.tensor([sentences[0].ids]))
            handle.remove()
            outputs.append(found[0][0, sentences[0].subject_last].double())
        matrix = torch.stack(keys, 1)
        residual = (z.double() - torch.stack(outputs)).T / (len(layers) - number)
        system = weight * covariance[layer].double() + matrix @ matrix.T
        deltas[layer] = residual @ torch.linalg.solve(system, matrix).T
        model.mlp_matrix(layer).add_(deltas[layer].to(model.dtype))
    for layer, old in kept.items():
        model.mlp_matrix(layer).copy_(old)
    return deltas


@torch.no_grad()
def covariance(model, texts, layers, tokens, max_length):
    """C per layer: one full forward of every text for each layer."""
    result = {}
    for layer in layers:
        total, left = 0.0, tokens
        for text in texts:
            ids = model.tokenizer(text)["input_ids"][:max_length][:left]
            left -= len(ids)
            if ids:
                seen = []
                with inputs_seen(model.mlp_output(layer), seen.append):
                    model.network(input_ids=torch.tensor([ids]))
                keys = seen[0][0]
                total = total + (keys.T @ keys).double()
        result[layer] = total / (tokens - left)
    return result


@torch.no_grad()
def scores(model, records):
    """Summed target NLL of every row, record by record: all rows of a record in one padded batch.

    records: lists of (prompt, target).
    """
    found = []
    for rows in records:
        sentences = [model.tokenizer(f"{p} {t}")["input_ids"] for p, t in rows]
        n_target = [len(model.tokenizer(f" {t}")["input_ids"]) for _p, t in rows]
        ids, mask = padded(sentences)
        log_probs = model.network(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
        for i, (sentence, n) in enumerate(zip(sentences, n_target, strict=True)):
            start = len(sentence) - n
            nll = [-float(log_probs[i, j - 1, sentence[j]]) for j in range(start, len(sentence))]
            found.append(sum(nll))
    return torch.tensor(found, dtype=torch.float64)


@torch.no_grad()
def activations(model, requests):
    """Head activations, (n, n_layers, n_heads, head_dim): one sentence at a time, full logits."""
    found = []
    for request in requests:
        sentence = request_sentence(model.tokenizer, request)
        seen = {}
        handles = [
            model.attention_output(layer).register_forward_pre_hook(
                lambda _m, args, n=layer, s=seen: s.update({n: args[0]})
            )
            for layer in range(model.n_layers)
        ]
        model.network(input_ids=torch.tensor([sentence.ids]))
        for handle in handles:
            handle.remove()
        last = [seen[n][0, -1].view(model.n_heads, model.head_dim) for n in range(model.n_layers)]
        found.append(torch.stack(last))
    return torch.stack(found)


def probe_accuracies(features, labels, train, validation, c):
    """Validation accuracy, (n_layers, n_heads): scikit-learn, one head after the other."""
    n_layers, n_heads = features.shape[1:3]
    accuracy = torch.zeros(n_layers, n_heads, dtype=torch.float64)
    weights = torch.zeros(n_layers, n_heads, features.shape[3], dtype=torch.float64)
    for layer in range(n_layers):
        for head in range(n_heads):
            one = features[:, layer, head].double().numpy()
            probe = LogisticRegression(C=c, tol=1e-8, max_iter=5000)
            probe.fit(one[train], labels[train])
            accuracy[layer, head] = probe.score(one[validation], labels[validation])
            weights[layer, head] = torch.from_numpy(probe.coef_[0])
    return accuracy, weights


def corrections(model, requests, contexts, kl_prompt, heads, settings, order_seed):
    """ω, (K, head_dim): per fact full sequences and full logits, gradients summed over a batch."""
    omega = torch.zeros(len(heads), model.head_dim, dtype=torch.float32, requires_grad=True)
    adam = torch.optim.Adam([omega], lr=settings.learning_rate)
    size = settings.batch_size
    parts = [requests[i : i + size] for i in range(0, len(requests), size)]
    order = torch.Generator().manual_seed(order_seed)
    for _epoch in range(settings.epochs):
        for number in torch.randperm(len(parts), generator=order).tolist():
            adam.zero_grad()
            for request in parts[number]:
                loss = _correction_loss(model, request, contexts, kl_prompt, heads, omega, settings)
                (loss / len(parts[number])).backward()
            adam.step()
    return omega.detach()


def _correction_loss(model, request, contexts, kl_prompt, heads, omega, settings):
    sentences = [request_sentence(model.tokenizer, request, c) for c in contexts]
    kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
    ids, mask = padded([s.ids[:-1] for s in sentences] + [kl.ids])
    first = [s.target_start - 1 for s in sentences] + [len(kl.ids) - 1]
    acts = torch.arange(ids.shape[1])[None] >= torch.tensor(first)[:, None]
    seen = {}
    with torch.no_grad():
        handles = [
            model.attention_output(layer).register_forward_pre_hook(
                lambda _m, args, n=layer: seen.update({n: args[0]})
            )
            for layer in {layer for layer, _ in heads}
        ]
        before = (
            model.network(input_ids=ids, attention_mask=mask).logits[-1, first[-1]].log_softmax(-1)
        )
        for handle in handles:
            handle.remove()

    def adder(layer):
        def add(_module, args):
            changed = args[0].clone()
            for number, (at, head) in enumerate(heads):
                if at == layer:
                    where = slice(head * model.head_dim, (head + 1) * model.head_dim)
                    changed[:, :, where] += acts[:, :, None] * omega[number]
            return (changed, *args[1:])

        return add

    handles = [
        model.attention_output(layer).register_forward_pre_hook(adder(layer))
        for layer in {layer for layer, _ in heads}
    ]
    try:
        log_probs = model.network(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
    finally:
        for handle in handles:
            handle.remove()
    loss = 0.0
    for i, s in enumerate(sentences):
        picked = [log_probs[i, s.target_start - 1 + j, t] for j, t in enumerate(s.target_ids)]
        loss = loss - sum(picked) / len(contexts)
    now = log_probs[-1, first[-1]]
    loss = loss + settings.kl_weight * (now.exp() * (now - before)).sum()
    for number, (layer, head) in enumerate(heads):
        where = slice(head * model.head_dim, (head + 1) * model.head_dim)
        size = seen[layer][0, first[0], where].norm()
        loss = loss + settings.norm_weight / len(heads) * (omega[number].norm() / size) ** 2
    return loss
