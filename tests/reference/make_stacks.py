#!/usr/bin/env python3
"""Writes ../golden/t5/{config.json,model.safetensors} and ../golden/stacks.safetensors: a tiny T5 with random weights and, beside it, the
ladder of Sung, Cho, Bansal 2022 (a side encoder and a side decoder), written from its description alone:

    s = D_first(E[ids]);  for each kept layer i:  a = sigmoid(g_i / 0.1);  s = Block_i(a s + (1 - a) D_i(h_i))
    out = norm(s);  the side decoder's cross-attention reads the side encoder's out;  logits = d^-0.5 (U out) E^T

    ladder.NAME       the ladder's parameters, random
    side.encoder, side.decoder, loss        what it makes of the two pairs of texts in the metadata
    grad.NAME         gradients of the mean loss
    slice.HOW.NAME    parameters cut out of the backbone by the reference's chain (its section 2.4), HOW: magnitude, fisher
    fisher.words      sums over the table of words, shared by both stacks and the output, of squared gradients

pip install torch transformers safetensors; run it in this folder."""
import json
import torch
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
R, D, KV, HEADS, FF, VOCABULARY, LAYERS, BUCKETS, FAR = 2, 16, 4, 4, 24, 40, 3, 8, 20
KEPT = {"encoder": [1, 2], "decoder": [0, 2]}
PAIRS = [([5, 9, 12, 7, 30, 1], [0, 8, 21, 3], [8, 21, 3, 1]), ([17, 4, 1], [0, 11, 6, 35, 2, 9, 14], [11, 6, 35, 2, 9, 14, 1])]
CONFIG = dict(d_model=D, d_kv=KV, num_heads=HEADS, d_ff=FF, vocab_size=VOCABULARY, num_layers=LAYERS, num_decoder_layers=LAYERS, dropout_rate=0.0,
              relative_attention_num_buckets=BUCKETS, relative_attention_max_distance=FAR, feed_forward_proj="relu", tie_word_embeddings=True,
              decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, initializer_factor=1.0)
model = T5ForConditionalGeneration(T5Config(**CONFIG))
for p in model.parameters():
    p.data = (torch.randn(p.shape) * (0.3 if p.dim() > 1 else 0.2) + (1.0 if p.dim() == 1 else 0.0)).to(torch.float32).double()
model.tie_weights()
model.eval()
W = {k: v for k, v in model.named_parameters()}
PARTS = {"attention.query": "layer.0.SelfAttention.q", "attention.key": "layer.0.SelfAttention.k", "attention.value": "layer.0.SelfAttention.v",
         "attention.output": "layer.0.SelfAttention.o", "norm1": "layer.0.layer_norm"}
CROSS = {"cross.query": "layer.1.EncDecAttention.q", "cross.key": "layer.1.EncDecAttention.k", "cross.value": "layer.1.EncDecAttention.v",
         "cross.output": "layer.1.EncDecAttention.o", "cross.norm": "layer.1.layer_norm"}


def parts(stack):
    last = "layer.%d." % (2 if stack == "decoder" else 1)
    out = dict(PARTS, **{"ffn.up": last + "DenseReluDense.wi", "ffn.down": last + "DenseReluDense.wo", "norm2": last + "layer_norm"})
    return dict(out, **CROSS) if stack == "decoder" else out


def ladder(kept):
    """Random parameters by name; matrices small, norms around 1."""
    p, w, kv, ff = {}, D // R, KV // R, FF // R

    def matrix(name, *shape):
        p[name] = torch.randn(shape) * 0.3

    for stack in ("encoder", "decoder"):
        of = "encoder." if stack == "encoder" else ""
        matrix(of + "first.down.weight", w, D)
        matrix(of + "first.down.bias", w)
        matrix(of + "distances.weight", BUCKETS, HEADS)
        for n, _ in enumerate(kept[stack]):
            rung = "%srung.%d." % (of, n)
            matrix(rung + "down.weight", w, D)
            matrix(rung + "down.bias", w)
            p[rung + "gate"] = torch.randn(1) * 0.1
            for part in parts(stack):
                name = rung + "block." + part + ".weight"
                if "norm" in part:
                    p[name] = 1 + 0.2 * torch.randn(w)
                elif part.startswith("ffn"):
                    matrix(name, *((ff, w) if part == "ffn.up" else (w, ff)))
                else:
                    matrix(name, *((w, HEADS * kv) if "output" in part else (HEADS * kv, w)))
        p[of + "final_norm.weight"] = 1 + 0.2 * torch.randn(w)
    matrix("up.weight", D, w)
    matrix("up.bias", D)
    return {k: v.to(torch.float32).double().requires_grad_() for k, v in p.items()}


def norm(x, w):
    return w * x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)


def bucket(distance, causal):
    """Of key minus query (Raffel et al. 2020)."""
    n, start = BUCKETS, 0
    if causal:
        far = max(-distance, 0)
    else:
        n //= 2
        start = n if distance > 0 else 0
        far = abs(distance)
    exact = n // 2
    if far < exact:
        return start + far
    return start + min(n - 1, exact + int(torch.log(torch.tensor(far / exact)) / torch.log(torch.tensor(FAR / exact)) * (n - exact)))


def attention(p, of, x, y, bias, causal):
    q, k, v = (t.view(t.shape[0], HEADS, -1).transpose(0, 1) for t in (x @ p[of + "query.weight"].T, y @ p[of + "key.weight"].T, y @ p[of + "value.weight"].T))
    s = q @ k.transpose(1, 2)
    if bias is not None:
        s = s + torch.stack([torch.stack([bias[bucket(j - i, causal)] for j in range(len(y))]) for i in range(len(x))]).permute(2, 0, 1)
    if causal:
        s = s + torch.triu(torch.full((len(x), len(y)), -1e30), 1)
    return (torch.softmax(s, -1) @ v).transpose(0, 1).reshape(len(x), -1) @ p[of + "output.weight"].T


def side(p, stack, kept, words, states, source):
    of = "encoder." if stack == "encoder" else ""
    s = words @ p[of + "first.down.weight"].T + p[of + "first.down.bias"]
    for n, layer in enumerate(kept):
        rung = "%srung.%d." % (of, n)
        block = rung + "block."
        a = torch.sigmoid(p[rung + "gate"] / 0.1)
        s = a * s + (1 - a) * (states[layer] @ p[rung + "down.weight"].T + p[rung + "down.bias"])
        x = norm(s, p[block + "norm1.weight"])
        s = s + attention(p, block + "attention.", x, x, p[of + "distances.weight"], stack == "decoder")
        if source is not None:
            s = s + attention(p, block + "cross.", norm(s, p[block + "cross.norm.weight"]), source, None, False)
        x = norm(s, p[block + "norm2.weight"])
        s = s + torch.relu(x @ p[block + "ffn.up.weight"].T) @ p[block + "ffn.down.weight"].T
    return norm(s, p[of + "final_norm.weight"])


def run(p, kept, source, target, labels):
    """Side states of both stacks and the sum of the losses."""
    taps = {"encoder": [], "decoder": []}
    hooks = [b.register_forward_hook(lambda m, i, o, s=s: taps[s].append(o[0][0].detach() if isinstance(o, tuple) else o[0].detach()))
             for s in taps for b in getattr(model, s).block]
    with torch.no_grad():
        model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([target]), use_cache=False)
    for h in hooks:
        h.remove()
    words = W["shared.weight"].detach()
    e = side(p, "encoder", kept["encoder"], words[source], taps["encoder"], None)
    d = side(p, "decoder", kept["decoder"], words[target], taps["decoder"], e)
    logits = D ** -0.5 * (d @ p["up.weight"].T + p["up.bias"]) @ words.T
    return e, d, torch.nn.functional.cross_entropy(logits, torch.tensor(labels), reduction="sum")


def select(m, keep):
    """The `keep` rows with the largest sums, ascending."""
    return torch.sort(torch.topk(m.sum(1), keep).indices).values


def chain(F):
    """The reference's walk: {name: slice} of every layer of both stacks. F: importance by the backbone's names."""
    out, w = {}, D // R
    index = select(F["shared.weight"].T, w)
    for stack in ("encoder", "decoder"):
        of = "encoder." if stack == "encoder" else ""
        for layer in range(LAYERS):
            here = "%s.block.%d." % (stack, layer)
            name = "%srung.%d.block." % (of, layer)

            def keep(part, rows, columns=None):
                m = W[here + parts(stack)[part] + ".weight"].detach()
                out[name + part + ".weight"] = m[rows] if columns is None else m[rows][:, columns]

            for of_kind in (["attention."] if stack == "encoder" else ["attention.", "cross."]):
                keep("norm1" if of_kind == "attention." else "cross.norm", index)
                f = [F[here + parts(stack)[of_kind + x] + ".weight"] for x in ("query", "key", "value", "output")]
                inner = select(f[0][:, index] * f[1][:, index] * f[2][:, index], HEADS * (KV // R))
                for x in ("query", "key", "value"):
                    keep(of_kind + x, inner, index)
                index = select(f[3][:, inner], w)
                keep(of_kind + "output", index, inner)
            keep("norm2", index)
            f = [F[here + parts(stack)[x] + ".weight"] for x in ("ffn.up", "ffn.down")]
            units = select(f[0][:, index], FF // R)
            keep("ffn.up", units, index)
            index = select(f[1][:, units], w)
            keep("ffn.down", index, units)
        out[of + "final_norm.weight"] = W[stack + ".final_layer_norm.weight"].detach()[index]
        out[of + "distances.weight"] = W[stack + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight"].detach()
    return out


def fisher():
    F = {k: torch.zeros_like(v) for k, v in W.items()}
    for source, target, labels in PAIRS:
        model.zero_grad()
        model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([target]), labels=torch.tensor([labels])).loss.backward()
        for k, v in W.items():
            F[k] += v.grad ** 2
    return F


p = ladder(KEPT)
total, count, files = 0, 0, {}
for source, target, labels in PAIRS:
    e, d, loss = run(p, KEPT, source, target, labels)
    files.setdefault("side.encoder", []).append(e.detach())
    files.setdefault("side.decoder", []).append(d.detach())
    total, count = total + loss, count + len(labels)
(total / count).backward()
out = {k: torch.cat(v) for k, v in files.items()}
out["loss"] = (total / count).detach().reshape(1)
for k, v in p.items():
    out["ladder." + k] = v.detach()
    out["grad." + k] = v.grad
F = fisher()
out["fisher.words"] = F["shared.weight"].sum(0)
for how, importance in (("magnitude", {k: v.detach().abs() for k, v in W.items()}), ("fisher", F)):
    for k, v in chain(importance).items():
        out["slice.%s.%s" % (how, k)] = v
save_file({k: v.to(torch.float32).contiguous() for k, v in out.items()}, "../golden/stacks.safetensors",
          {"pairs": json.dumps(PAIRS), "encoder": json.dumps(KEPT["encoder"]), "decoder": json.dumps(KEPT["decoder"])})
save_file({k: v.detach().to(torch.float32).contiguous() for k, v in W.items()}, "../golden/t5/model.safetensors", {"format": "pt"})
with open("../golden/t5/config.json", "w") as f:
    json.dump(dict(CONFIG, architectures=["T5ForConditionalGeneration"], model_type="t5", is_encoder_decoder=True, layer_norm_epsilon=1e-6), f, indent=1)
    f.write("\n")
