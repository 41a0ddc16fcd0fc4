#!/usr/bin/env python3
"""Writes tests/golden/parity-*.safetensors: what PyTorch computes for small random models.

    python3 make_golden.py [../golden]

A second implementation of everything test_parity.c compares: the frozen Transformers as Hugging
Face publishes them, the ladder of lst.md and lst-clue.md, slicing, Fisher information and the
optimisers. Float64 throughout, gradients by autograd, one sequence at a time. Nothing but torch
(1.13) and numpy; it shares no code with ladder.h.

    parity-FAMILY    U8 "model.safetensors" (a real weights file), metadata "config" and "cases";
                     batch.ids/segments/offsets; hidden.0 .. hidden.L, lm (logits of the model's own
                     head); NAME.param, NAME.logits, NAME.loss, NAME.grad for every case, parameters laid
                     end to end in the order of the case's list "params"; NAME.slice for every slice
    parity-f16, -bf16   the same with weights in half precision
    parity-fisher    for some families: NAME.F [layers, all slots], NAME.embedding, head and labels
    parity-optim     five steps of every optimiser on fixed gradients
Parameters of ladders are stored as BF16, which they fit exactly. train.param: case 0 after five steps.
"""
import json
import math
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

# the values of the enumerations of ladder.h
DEFAULT, PAPER, CLUE, MLP, HEAD = range(5)
TAP_INPUT, TAP_OUTPUT = 1, 2
SCALAR, CHANNEL, NONE, FIXED = 1, 2, 3, 4
BEFORE, AFTER = 1, 2
MIXED, UP, SIDE = 1, 2, 3
WHOLE, WITHIN = 1, 2
ON, OFF = 1, 2
FIRST, LAST, MEAN, PAIR = 1, 2, 3, 4
CLASSIFY, REGRESS, TOKENS, CHOICE, WORDS, MULTI, SPANS, ANSWER, POINTER = range(9)
LADDER, JUST_HEAD, FULL, BITFIT, LORA, ADAPTER, PROMPT, PREFIX, THESEUS = range(9)
ADAMW, ADAM, SGD, ADAFACTOR = range(4)


# ---- files ------------------------------------------------------------------------------

def as_bf16(a):
    bits = np.asarray(a, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(b):
    return (b.astype(np.uint32) << 16).view(np.float32)


class Half(np.ndarray):
    """uint16 bits that are written as BF16."""


def half(a):
    return as_bf16(a).view(Half)


KINDS = {"float32": "F32", "float64": "F64", "float16": "F16", "int32": "I32", "uint8": "U8"}


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def pack(tensors, meta=None):
    head, body = {}, b""
    if meta:
        head["__metadata__"] = meta
    for name, a in tensors.items():
        if isinstance(a, torch.Tensor):
            a = a.detach().numpy().astype(np.float32)
        kind = "BF16" if isinstance(a, Half) else KINDS[a.dtype.name]
        data = np.ascontiguousarray(a).tobytes()
        head[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = compact(head).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def flat(values):
    return torch.cat([v.reshape(-1) for v in values])


# ---- random models ------------------------------------------------------------------------

class Maker:
    def __init__(self, seed, kind="f32"):
        self.g, self.kind, self.file, self.w = torch.Generator().manual_seed(seed), kind, {}, {}

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.g)

    def add(self, name, value):
        v = value.numpy().astype(np.float32)
        stored = v if self.kind == "f32" else v.astype(np.float16) if self.kind == "f16" else half(v)
        back = v if self.kind == "f32" else stored.astype(np.float32) if self.kind == "f16" else from_bf16(np.asarray(stored))
        self.file[name], self.w[name] = stored, torch.tensor(back.astype(np.float64))

    def table(self, name, rows, n, scale):
        self.add(name, self.normal(rows, n) * scale)

    def linear(self, stem, out, inn, bias=True, conv1d=False):
        self.add(stem + ".weight", self.normal(*((inn, out) if conv1d else (out, inn))) * (1.2 / math.sqrt(inn)))
        if bias:
            self.add(stem + ".bias", self.normal(out) * 0.2)

    def norm(self, stem, n, bias=True):
        self.add(stem + ".weight", 1 + 0.2 * self.normal(n))
        if bias:
            self.add(stem + ".bias", 0.2 * self.normal(n))


def make_model(family, kind="f32", d=24, heads=4, ffn=18, layers=3, vocab=32, positions=16, seed=1):
    m = Maker(seed, kind)
    c = {"model_type": family, "vocab_size": vocab}
    if family in ("bert", "roberta", "albert"):
        e, act = (12, "gelu_new") if family == "albert" else (d, "gelu")
        offset = 2 if family == "roberta" else 0
        types = 1 if family == "roberta" else 2
        c.update(hidden_size=d, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=ffn,
                 max_position_embeddings=positions + offset, type_vocab_size=types, hidden_act=act, layer_norm_eps=1e-12)
        if family == "albert":
            c["embedding_size"] = e
        if family == "roberta":
            c.update(layer_norm_eps=1e-5, pad_token_id=1)
        p = family + ".embeddings."
        m.table(p + "word_embeddings.weight", vocab, e, 0.7)
        m.table(p + "position_embeddings.weight", positions + offset, e, 0.4)
        m.table(p + "token_type_embeddings.weight", types, e, 0.4)
        m.norm(p + "LayerNorm", e)
        if family == "albert":
            m.linear("albert.encoder.embedding_hidden_mapping_in", d, e)
            p = "albert.encoder.albert_layer_groups.0.albert_layers.0."
            for n in ("query", "key", "value", "dense"):
                m.linear(p + "attention." + n, d, d)
            m.norm(p + "attention.LayerNorm", d)
            m.linear(p + "ffn", ffn, d)
            m.linear(p + "ffn_output", d, ffn)
            m.norm(p + "full_layer_layer_norm", d)
            m.linear("predictions.dense", e, d)
            m.norm("predictions.LayerNorm", e)
            m.add("predictions.bias", 0.2 * m.normal(vocab))
            return c, m
        for i in range(layers):
            p = "%s.encoder.layer.%d." % (family, i)
            for n in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
                m.linear(p + n, d, d)
            m.norm(p + "attention.output.LayerNorm", d)
            m.linear(p + "intermediate.dense", ffn, d)
            m.linear(p + "output.dense", d, ffn)
            m.norm(p + "output.LayerNorm", d)
        stem = "cls.predictions.transform." if family == "bert" else "lm_head."
        m.linear(stem + "dense", d, d)
        m.norm(stem + ("LayerNorm" if family == "bert" else "layer_norm"), d)
        m.add("cls.predictions.bias" if family == "bert" else "lm_head.bias", 0.2 * m.normal(vocab))
    elif family == "distilbert":
        c.update(dim=d, n_layers=layers, n_heads=heads, hidden_dim=ffn, max_position_embeddings=positions, activation="gelu")
        m.table("distilbert.embeddings.word_embeddings.weight", vocab, d, 0.7)
        m.table("distilbert.embeddings.position_embeddings.weight", positions, d, 0.4)
        m.norm("distilbert.embeddings.LayerNorm", d)
        for i in range(layers):
            p = "distilbert.transformer.layer.%d." % i
            for n in ("q_lin", "k_lin", "v_lin", "out_lin"):
                m.linear(p + "attention." + n, d, d)
            m.norm(p + "sa_layer_norm", d)
            m.linear(p + "ffn.lin1", ffn, d)
            m.linear(p + "ffn.lin2", d, ffn)
            m.norm(p + "output_layer_norm", d)
        m.linear("vocab_transform", d, d)
        m.norm("vocab_layer_norm", d)
        m.add("vocab_projector.bias", 0.2 * m.normal(vocab))
    elif family == "gpt2":
        c.update(n_embd=d, n_layer=layers, n_head=heads, n_inner=ffn, n_positions=positions, activation_function="gelu_new", layer_norm_epsilon=1e-5)
        m.table("transformer.wte.weight", vocab, d, 0.7)
        m.table("transformer.wpe.weight", positions, d, 0.4)
        for i in range(layers):
            p = "transformer.h.%d." % i
            m.norm(p + "ln_1", d)
            m.linear(p + "attn.c_attn", 3 * d, d, conv1d=True)
            m.linear(p + "attn.c_proj", d, d, conv1d=True)
            m.norm(p + "ln_2", d)
            m.linear(p + "mlp.c_fc", ffn, d, conv1d=True)
            m.linear(p + "mlp.c_proj", d, ffn, conv1d=True)
        m.norm("transformer.ln_f", d)
    else:
        kv = heads // 2
        c.update(hidden_size=d, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn,
                 max_position_embeddings=positions, hidden_act="silu", rms_norm_eps=1e-5, rope_theta=500.0, tie_word_embeddings=False)
        m.table("model.embed_tokens.weight", vocab, d, 0.7)
        for i in range(layers):
            p = "model.layers.%d." % i
            m.norm(p + "input_layernorm", d, bias=False)
            for n, rows in (("q", d), ("k", d // heads * kv), ("v", d // heads * kv), ("o", d)):
                m.linear(p + "self_attn.%s_proj" % n, rows, d, bias=False)
            m.norm(p + "post_attention_layernorm", d, bias=False)
            m.linear(p + "mlp.gate_proj", ffn, d, bias=False)
            m.linear(p + "mlp.up_proj", ffn, d, bias=False)
            m.linear(p + "mlp.down_proj", d, ffn, bias=False)
        m.norm("model.norm", d, bias=False)
        m.linear("lm_head", vocab, d, bias=False)
    return c, m


# ---- the published networks -----------------------------------------------------------------

def gelu_new(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


ACTIVATIONS = {"gelu": lambda x: F.gelu(x), "gelu_new": gelu_new, "silu": F.silu}


def layer_norm(x, g, b, eps):
    return F.layer_norm(x, (x.shape[-1],), g, b, eps)


def rms_norm(x, g, eps):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * g


def rotate(x, theta):
    """x [heads, T, hd]: rotary positions, halves rotated against each other."""
    n, hd = x.shape[1], x.shape[2]
    angle = torch.outer(torch.arange(n, dtype=torch.float64), theta ** (-torch.arange(0, hd, 2, dtype=torch.float64) / hd))
    angle = torch.cat([angle, angle], 1)
    turned = torch.cat([-x[..., hd // 2:], x[..., :hd // 2]], -1)
    return x * angle.cos() + turned * angle.sin()


def attend(q, k, v, heads, kv_heads, causal, theta=None):
    """q [T, heads*hd], k and v [T, kv_heads*hd] -> [T, heads*hd]"""
    n = q.shape[0]
    q, k, v = (t.view(n, h, -1).transpose(0, 1) for t, h in ((q, heads), (k, kv_heads), (v, kv_heads)))
    if theta:
        q, k = rotate(q, theta), rotate(k, theta)
    k, v = (t.repeat_interleave(heads // kv_heads, 0) for t in (k, v))
    score = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
    if causal:
        score = score.masked_fill(torch.ones(n, n).triu(1).bool(), float("-inf"))
    return (score.softmax(-1) @ v).transpose(0, 1).reshape(n, -1)


BERT = {"attention.query": "attention.self.query", "attention.key": "attention.self.key", "attention.value": "attention.self.value",
        "attention.output": "attention.output.dense", "ffn.up": "intermediate.dense", "ffn.down": "output.dense",
        "norm1": "attention.output.LayerNorm", "norm2": "output.LayerNorm"}
ALBERT = {"attention.query": "attention.query", "attention.key": "attention.key", "attention.value": "attention.value",
          "attention.output": "attention.dense", "ffn.up": "ffn", "ffn.down": "ffn_output", "norm1": "attention.LayerNorm", "norm2": "full_layer_layer_norm"}
DISTIL = {"attention.query": "attention.q_lin", "attention.key": "attention.k_lin", "attention.value": "attention.v_lin",
          "attention.output": "attention.out_lin", "ffn.up": "ffn.lin1", "ffn.down": "ffn.lin2", "norm1": "sa_layer_norm", "norm2": "output_layer_norm"}
LLAMA = {"attention.query": "self_attn.q_proj", "attention.key": "self_attn.k_proj", "attention.value": "self_attn.v_proj",
         "attention.output": "self_attn.o_proj", "ffn.gate": "mlp.gate_proj", "ffn.up": "mlp.up_proj", "ffn.down": "mlp.down_proj",
         "norm1": "input_layernorm", "norm2": "post_attention_layernorm"}


class Backbone:
    def __init__(self, config, w):
        self.c, self.w, self.family = config, w, config["model_type"]
        g = config.get
        self.d = g("hidden_size") or g("dim") or g("n_embd")
        self.layers = g("num_hidden_layers") or g("n_layers") or g("n_layer")
        self.heads = g("num_attention_heads") or g("n_heads") or g("n_head")
        self.kv = g("num_key_value_heads") or self.heads
        self.ffn = g("intermediate_size") or g("hidden_dim") or g("n_inner")
        self.act = ACTIVATIONS[g("hidden_act") or g("activation") or g("activation_function")]
        self.eps = g("layer_norm_eps") or g("layer_norm_epsilon") or g("rms_norm_eps") or 1e-12
        self.causal = self.family in ("gpt2", "llama")
        self.hd = self.d // self.heads

    def linear(self, x, stem):
        return F.linear(x, self.w[stem + ".weight"], self.w.get(stem + ".bias"))

    def norm(self, x, stem):
        return layer_norm(x, self.w[stem + ".weight"], self.w[stem + ".bias"], self.eps)

    def embed(self, ids, segments):
        w, n = self.w, torch.arange(len(ids))
        if self.family == "gpt2":
            return w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][n]
        if self.family == "llama":
            return w["model.embed_tokens.weight"][ids]
        p = self.family + ".embeddings."
        if self.family == "roberta":
            n = n + self.c["pad_token_id"] + 1
        x = w[p + "word_embeddings.weight"][ids] + w[p + "position_embeddings.weight"][n]
        if self.family != "distilbert":
            x = x + w[p + "token_type_embeddings.weight"][segments]
        x = self.norm(x, p + "LayerNorm")
        return self.linear(x, "albert.encoder.embedding_hidden_mapping_in") if self.family == "albert" else x

    def block(self, x, i):
        if self.family == "gpt2":
            p, w = "transformer.h.%d." % i, self.w
            conv = lambda t, stem: t @ w[p + stem + ".weight"] + w[p + stem + ".bias"]
            q, k, v = conv(self.norm(x, p + "ln_1"), "attn.c_attn").split(self.d, 1)
            x = x + conv(attend(q, k, v, self.heads, self.heads, True), "attn.c_proj")
            return x + conv(self.act(conv(self.norm(x, p + "ln_2"), "mlp.c_fc")), "mlp.c_proj")
        names, p = {"albert": (ALBERT, "albert.encoder.albert_layer_groups.0.albert_layers.0."), "distilbert": (DISTIL, "distilbert.transformer.layer.%d." % i),
                    "llama": (LLAMA, "model.layers.%d." % i)}.get(self.family, (BERT, "%s.encoder.layer.%d." % (self.family, i)))
        lin = lambda t, slot: self.linear(t, p + names[slot])
        if self.family == "llama":
            z = rms_norm(x, self.w[p + names["norm1"] + ".weight"], self.eps)
            a = attend(lin(z, "attention.query"), lin(z, "attention.key"), lin(z, "attention.value"), self.heads, self.kv, True, self.c["rope_theta"])
            x = x + lin(a, "attention.output")
            z = rms_norm(x, self.w[p + names["norm2"] + ".weight"], self.eps)
            return x + lin(self.act(lin(z, "ffn.gate")) * lin(z, "ffn.up"), "ffn.down")
        a = attend(lin(x, "attention.query"), lin(x, "attention.key"), lin(x, "attention.value"), self.heads, self.heads, False)
        x = self.norm(x + lin(a, "attention.output"), p + names["norm1"])
        return self.norm(x + lin(self.act(lin(x, "ffn.up")), "ffn.down"), p + names["norm2"])

    def final(self, x):
        if self.family == "gpt2":
            return self.norm(x, "transformer.ln_f")
        return rms_norm(x, self.w["model.norm.weight"], self.eps) if self.family == "llama" else x

    def states(self, ids, segments):
        """Embedding output and the state after every block, without the final norm."""
        out = [self.embed(ids, segments)]
        for i in range(self.layers):
            out.append(self.block(out[-1], i))
        return out

    def lm(self, x):
        w = self.w
        if self.family == "gpt2":
            return x @ w["transformer.wte.weight"].T
        if self.family == "llama":
            return x @ w["lm_head.weight"].T
        dense, norm, bias = {"bert": ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"),
                             "roberta": ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
                             "albert": ("predictions.dense", "predictions.LayerNorm", "predictions.bias"),
                             "distilbert": ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias")}[self.family]
        return self.norm(self.act(self.linear(x, dense)), norm) @ w[self.family + ".embeddings.word_embeddings.weight"].T + w[bias]

    # The weights of block i under the ladder's names, every linear [out, in].
    def slots(self, i):
        w, s = self.w, {}
        if self.family == "gpt2":
            p, d = "transformer.h.%d." % i, self.d
            for k, n in enumerate(("query", "key", "value")):
                s["attention.%s.weight" % n] = w[p + "attn.c_attn.weight"][:, k * d:(k + 1) * d].T
                s["attention.%s.bias" % n] = w[p + "attn.c_attn.bias"][k * d:(k + 1) * d]
            for slot, stem in (("attention.output", "attn.c_proj"), ("ffn.up", "mlp.c_fc"), ("ffn.down", "mlp.c_proj")):
                s[slot + ".weight"], s[slot + ".bias"] = w[p + stem + ".weight"].T, w[p + stem + ".bias"]
            for slot, stem in (("norm1", "ln_1"), ("norm2", "ln_2")):
                s[slot + ".weight"], s[slot + ".bias"] = w[p + stem + ".weight"], w[p + stem + ".bias"]
            return s
        names, p = {"albert": (ALBERT, "albert.encoder.albert_layer_groups.0.albert_layers.0."), "distilbert": (DISTIL, "distilbert.transformer.layer.%d." % i),
                    "llama": (LLAMA, "model.layers.%d." % i)}.get(self.family, (BERT, "%s.encoder.layer.%d." % (self.family, i)))
        for slot, stem in names.items():
            for end in (".weight", ".bias"):
                if p + stem + end in w:
                    s[slot + end] = w[p + stem + end]
        return s

    def word(self):
        return self.w[{"gpt2": "transformer.wte.weight", "llama": "model.embed_tokens.weight"}.get(self.family, self.family + ".embeddings.word_embeddings.weight")]


# ---- the ladder --------------------------------------------------------------------------------

PRESETS = {  # tap, gate, temperature, mix, output, heads, hidden head (1: as wide as the output)
    DEFAULT: (TAP_INPUT, CHANNEL, 1.0, BEFORE, MIXED, WHOLE, 0),
    PAPER: (TAP_OUTPUT, SCALAR, 0.1, BEFORE, UP, WITHIN, 1),
    CLUE: (TAP_OUTPUT, NONE, 1.0, AFTER, SIDE, WITHIN, 0),
    MLP: (TAP_OUTPUT, SCALAR, 0.1, BEFORE, UP, WHOLE, 0),
    HEAD: (TAP_INPUT, NONE, 1.0, BEFORE, SIDE, WHOLE, 0)}


def pooled(x, bb, case):
    """What a head with one label a sequence reads of the states x[T,n]: [1,n]"""
    pool = case.get("pool") or (LAST if bb.causal else FIRST)
    if pool == PAIR:
        return torch.cat([x[a:b].mean(0, keepdim=True) for a, b in case["parts"]])
    return x.mean(0, keepdim=True) if pool == MEAN else x[-1:] if pool == LAST else x[:1]


class Ladder:
    """case: a dictionary with the fields of ldr_ladder_desc that differ from 0."""

    def __init__(self, bb, case):
        self.bb, self.case = bb, case
        g = lambda k: case.get(k, 0)
        p, r = case["preset"], g("reduction") or 8
        tap, gate, temperature, mix, output, heads, hidden = PRESETS[p]
        self.preset, self.tap, self.gate, self.temperature = p, g("tap") or tap, g("gate") or gate, g("gate_temperature") or temperature
        self.mix, self.output, self.slice_heads = g("mix") or mix, g("output") or output, g("slice_heads") or heads
        self.rungs = [] if p == HEAD else case.get("rungs") or list(range(bb.layers))
        self.width, self.ffn = g("width") or bb.d // r, g("ffn") or bb.ffn // r
        group = bb.heads // bb.kv
        self.kv = max(1, (bb.kv + r // 2) // r) if self.slice_heads == WHOLE else bb.kv
        self.heads, self.hd = self.kv * group, bb.hd if self.slice_heads == WHOLE else bb.hd // r
        self.style, self.act, self.eps = {"gpt2": "pre", "llama": "llama"}.get(bb.family, "post"), bb.act, bb.eps
        if p == MLP:
            self.style, self.ffn = "mlp", g("ffn") or self.width
        if p == CLUE:                        # a small BERT whatever the backbone is
            self.style, self.act, self.eps = "post", ACTIVATIONS["gelu"], 1e-12
            self.heads = self.kv = g("heads")
            self.ffn, self.hd = g("ffn") or 4 * self.width, self.width // g("heads")
        self.bias = p != CLUE if not g("down_bias") else g("down_bias") == ON
        self.norm = bb.causal and p not in (MLP, CLUE)
        if g("final_norm") and p != CLUE:
            self.norm = g("final_norm") == ON
        self.has_first = bool(self.rungs) and (self.tap == TAP_OUTPUT or self.mix == AFTER)
        self.head, self.classes = g("head"), 1 if g("head") in (REGRESS, CHOICE) else case["classes"]
        self.hidden = max(0, g("head_hidden")) if g("head_hidden") else (bb.d if hidden else 0)

    def shapes(self):
        w, d, q, kv, f, s = self.width, self.bb.d, self.heads * self.hd, self.kv * self.hd, self.ffn, {}
        if self.has_first:
            s["first.down.weight"] = (w, d)
            if self.bias:
                s["first.down.bias"] = (w,)
        for i in range(len(self.rungs)):
            p = "rung.%d." % i
            s[p + "down.weight"] = (w, d)
            if self.bias:
                s[p + "down.bias"] = (w,)
            if (i or self.has_first) and self.gate in (SCALAR, CHANNEL):
                s[p + "gate"] = (1,) if self.gate == SCALAR else (w,)
            p += "block."
            linears = [] if self.style == "mlp" else [("attention.query", q, w), ("attention.key", kv, w), ("attention.value", kv, w), ("attention.output", w, q)]
            linears += [("ffn.gate", f, w)] if self.style == "llama" else []
            for name, out, inn in linears + [("ffn.up", f, w), ("ffn.down", w, f)]:
                s[p + name + ".weight"] = (out, inn)
                if self.style != "llama":
                    s[p + name + ".bias"] = (out,)
            for name in ("norm1", "norm2") if self.style != "mlp" else ():
                s[p + name + ".weight"] = (w,)
                if self.style != "llama":
                    s[p + name + ".bias"] = (w,)
        if self.rungs and self.norm:
            s["final_norm.weight"] = (w,)
            if self.style != "llama":
                s["final_norm.bias"] = (w,)
        if self.rungs and self.output != SIDE:
            s["up.weight"] = (d, w)
            if self.bias:
                s["up.bias"] = (d,)
            if self.output == MIXED:
                s["output.gate"] = (d,)
        n = w if self.rungs and self.output == SIDE else d
        if self.case.get("pool") == PAIR:
            n *= 3
        if self.hidden:
            s["head.dense.weight"], s["head.dense.bias"], n = (self.hidden, n), (self.hidden,), self.hidden
        outputs = (self.classes - 1) * self.case["span_size"] if self.head in (ANSWER, POINTER) else self.classes
        s["head.out.weight"], s["head.out.bias"] = (outputs, n), (outputs,)
        return s

    def random(self, seed):
        g, out = torch.Generator().manual_seed(seed), {}
        for name, shape in self.shapes().items():
            v = torch.randn(*shape, generator=g)
            if len(shape) == 2:
                v = v / math.sqrt(shape[1])
            elif name.endswith("gate"):
                v = v * (0.5 if name[0] == "o" else 0.5 * self.temperature)
            else:
                v = v * 0.2 + (1 if "norm" in name and name.endswith("weight") else 0)
            out[name] = torch.tensor(from_bf16(as_bf16(v.numpy())).astype(np.float64), requires_grad=True)
        return out

    def side_norm(self, x, P, stem):
        return rms_norm(x, P[stem + ".weight"], self.eps) if self.style == "llama" else layer_norm(x, P[stem + ".weight"], P[stem + ".bias"], self.eps)

    def block(self, x, P, p):
        lin = lambda t, n: F.linear(t, P[p + n + ".weight"], P.get(p + n + ".bias"))
        norm = lambda t, n: self.side_norm(t, P, p + n)
        attn = lambda z: lin(attend(lin(z, "attention.query"), lin(z, "attention.key"), lin(z, "attention.value"), self.heads, self.kv, self.bb.causal,
                                    self.bb.c["rope_theta"] if self.style == "llama" else None), "attention.output")
        if self.style == "mlp":
            return x + lin(self.act(lin(x, "ffn.up")), "ffn.down")
        if self.style == "post":
            x = norm(x + attn(x), "norm1")
            return norm(x + lin(self.act(lin(x, "ffn.up")), "ffn.down"), "norm2")
        x = x + attn(norm(x, "norm1"))
        z = norm(x, "norm2")
        u = lin(z, "ffn.up")
        return x + lin(self.act(lin(z, "ffn.gate")) * u if self.style == "llama" else self.act(u), "ffn.down")

    def rows(self, P, ids, segments):
        """The rows the head reads of one sequence, and their logits."""
        bb = self.bb
        with torch.no_grad():
            h = bb.states(ids, segments)
            final = bb.final(h[-1])
        down = lambda t, stem: F.linear(t, P[stem + ".weight"], P.get(stem + ".bias"))
        s = down(h[0], "first.down") if self.has_first else None
        for i, layer in enumerate(self.rungs):
            p = "rung.%d." % i
            m = down(h[layer + (self.tap == TAP_OUTPUT)], p + "down")
            a = {SCALAR: lambda: torch.sigmoid(P[p + "gate"] / self.temperature), CHANNEL: lambda: torch.sigmoid(P[p + "gate"] / self.temperature),
                 FIXED: lambda: self.case["gate_fixed"], NONE: lambda: None}
            def mix(state):
                if state is None:
                    return m
                gate = a[self.gate]()
                return state + m if gate is None else gate * state + (1 - gate) * m
            s = self.block(mix(s), P, p + "block.") if self.mix == BEFORE else mix(self.block(s, P, p + "block."))
        if self.case.get("pool") == PAIR:    # behind the first token that is the last one too
            n = len(ids)
            second = next((k + 1 for k in range(n - 1) if ids[k] == ids[-1]), 0)
            self.case["parts"] = [(0, second), (second, n)] if second else [(0, n), (0, n)]
        pick = (lambda x: x) if self.head in (TOKENS, ANSWER, POINTER) else lambda x: pooled(x, bb, self.case)
        out = pick(final)
        if self.rungs:
            s = pick(s)
            if self.norm:
                s = self.side_norm(s, P, "final_norm")
            if self.output == SIDE:
                out = s
            else:
                u = down(s, "up")
                v = torch.sigmoid(P["output.gate"]) if self.output == MIXED else None
                out = u if v is None else v * out + (1 - v) * u
        if self.case.pop("parts", None):
            out = torch.cat([out[:1], out[1:], (out[:1] - out[1:]).abs()], 1)
        if self.hidden:
            out = torch.tanh(down(out, "head.dense"))
        out = down(out, "head.out")
        if self.head in (ANSWER, POINTER):   # q and k of each type, turned by their places
            out = out.view(len(ids), -1, self.case["span_size"]).transpose(0, 1)
            out = rotate(out, 10000.0).transpose(0, 1).reshape(len(ids), -1)
        return out

    def span_loss(self, z, tags):
        """One sequence: z[n, types * 2 * size], BIO tags[n]; -100 is in no span."""
        one, size = self.head == ANSWER, self.case["span_size"]
        at = [i for i, t in enumerate(tags) if t != -100 or (one and i == 0)]
        tags = [0 if one and i == 0 else tags[i] for i in at]
        total, types = 0, z.shape[1] // (2 * size)
        for k in range(types):
            q, p = z[at, 2 * k * size:(2 * k + 1) * size], z[at, (2 * k + 1) * size:(2 * k + 2) * size]
            score, true, a = q @ p.T / math.sqrt(size), set(), 0
            while a < len(tags):
                b = a + 1
                if tags[a] in (1 + 2 * k, 2 + 2 * k):
                    while b < len(tags) and tags[b] == 2 + 2 * k:
                        b += 1
                    true.add((a, b - 1))
                a = b
            pairs = [(a, b) for a in range(len(at)) for b in range(a, len(at)) if not one or a or not b]
            if one:
                true = true or {(0, 0)}
                total = total + torch.stack([score[p] for p in pairs]).logsumexp(0) - torch.stack([score[p] for p in sorted(true)]).logsumexp(0)
            else:
                zero = torch.zeros((), dtype=z.dtype)
                total = total + torch.stack([zero] + [score[p] for p in pairs if p not in true]).logsumexp(0) + torch.stack([zero] + [-score[p] for p in sorted(true)]).logsumexp(0)
        return total / types

    def loss(self, logits, batch):
        c = self.case
        smoothing, weights = c.get("label_smoothing", 0.0), c.get("class_weights")
        if self.head == REGRESS:
            return F.mse_loss(logits[:, 0], torch.tensor(batch["values"]))
        if self.head == CHOICE:
            return F.cross_entropy(logits.view(-1, 2), torch.tensor(batch["choice"]), label_smoothing=smoothing)
        if self.head in (ANSWER, POINTER):
            ends = np.cumsum([0] + list(LENGTHS))
            return sum(self.span_loss(logits[a:b], batch["tags"][a:b]) for a, b in zip(ends, ends[1:])) / len(LENGTHS)
        labels = torch.tensor(batch["tags"] if self.head == TOKENS else batch["labels"])
        return F.cross_entropy(logits, labels, weight=torch.tensor(weights) if weights else None, label_smoothing=smoothing, ignore_index=-100)

    def run(self, P, batch):
        logits = torch.cat([self.rows(P, i, s) for i, s in batch["sequences"]])
        return logits, self.loss(logits, batch)


# ---- tuning inside the backbone ---------------------------------------------------------------

class Tuned:
    """case: as above, with a method. Parameters stand for tensors of the backbone or are added to it.
    THESEUS: "replaced" says which groups of layers give way to their successors; all of them without it."""

    def __init__(self, bb, case):
        self.bb, self.case, self.method = bb, case, case["method"]
        self.head, self.classes = case.get("head", 0), case["classes"]
        self.n = case.get("virtual_tokens", 0)
        p = bb.family + "." if bb.family not in ("gpt2", "llama") else ""
        self.ends = {"embeddings.word.weight": {"gpt2": "transformer.wte.weight", "llama": "model.embed_tokens.weight"}.get(bb.family, p + "embeddings.word_embeddings.weight")}
        if bb.family == "gpt2":
            self.ends.update({"embeddings.position.weight": "transformer.wpe.weight", "backbone.final_norm.weight": "transformer.ln_f.weight", "backbone.final_norm.bias": "transformer.ln_f.bias"})
        elif bb.family == "llama":
            self.ends["backbone.final_norm.weight"] = "model.norm.weight"
            if self.head == WORDS:
                self.ends["lm.out.weight"] = "lm_head.weight"
        else:
            self.ends["embeddings.position.weight"] = p + "embeddings.position_embeddings.weight"
            if bb.family != "distilbert":
                self.ends["embeddings.segment.weight"] = p + "embeddings.token_type_embeddings.weight"
            self.ends["embeddings.norm.weight"], self.ends["embeddings.norm.bias"] = p + "embeddings.LayerNorm.weight", p + "embeddings.LayerNorm.bias"
            if bb.family == "albert":
                for e in ("weight", "bias"):
                    self.ends["embeddings.project." + e] = "albert.encoder.embedding_hidden_mapping_in." + e
            if self.head == WORDS:
                t = "cls.predictions.transform."
                self.ends.update({"lm.dense.weight": t + "dense.weight", "lm.dense.bias": t + "dense.bias", "lm.norm.weight": t + "LayerNorm.weight", "lm.norm.bias": t + "LayerNorm.bias", "lm.bias": "cls.predictions.bias"})

    def shapes(self):
        """Name -> (shape, what it starts near)"""
        bb, c, s = self.bb, self.case, {}
        wanted = lambda name: self.method == FULL or (self.method == BITFIT and name.endswith("bias")) or (self.method == ADAPTER and "norm" in name)
        for name, tensor in self.ends.items():
            if wanted(name):
                s[name] = bb.w[tensor]
        if self.method == PROMPT:
            e, h = bb.word().shape[1], c.get("prompt_hidden", 0)
            s["embeddings.prompt"] = torch.zeros(self.n, e)
            if h:
                s["prompt.dense.weight"], s["prompt.dense.bias"], s["prompt.out.weight"], s["prompt.out.bias"] = torch.zeros(h, e), torch.zeros(h), torch.zeros(e, h), torch.zeros(e)
        for g in range(c.get("successors", 0)):
            s.update({"successor.%d.%s" % (g, name): v for name, v in bb.slots(g).items()})
        for i in range(1 if bb.family == "albert" else bb.layers):
            p, slots = "layer.%d." % i, bb.slots(i)
            for name, v in slots.items():
                if wanted(name):
                    s[p + name] = v
            if self.method == BITFIT:
                for name in list(slots):
                    bias = name.replace(".weight", ".bias")
                    if "norm" not in name and bias not in slots:
                        s[p + bias] = torch.zeros(slots[name].shape[0])
            for name in c.get("names", ()):
                out, inn = slots[name + ".weight"].shape
                s[p + name + ".low_a.weight"], s[p + name + ".low_b.weight"] = torch.zeros(c["rank"], inn), torch.zeros(out, c["rank"])
            for a in ("adapter1", "adapter2") if self.method == ADAPTER else ():
                b = c["bottleneck"]
                s[p + a + ".down.weight"], s[p + a + ".down.bias"], s[p + a + ".up.weight"], s[p + a + ".up.bias"] = torch.zeros(b, bb.d), torch.zeros(b), torch.zeros(bb.d, b), torch.zeros(bb.d)
            if self.method == PREFIX:
                s[p + "prefix.key"] = s[p + "prefix.value"] = torch.zeros(self.n, bb.kv * bb.hd)
        if self.head != WORDS:
            s["head.out.weight"], s["head.out.bias"] = torch.zeros(self.classes, bb.d), torch.zeros(self.classes)
        return s

    def random(self, seed):
        g, out = torch.Generator().manual_seed(seed), {}
        for name, near in self.shapes().items():
            v = near + torch.randn(*near.shape, generator=g) * (0.1 if bool((near != 0).any()) else 0.3)
            out[name] = torch.tensor(from_bf16(as_bf16(v.numpy())).astype(np.float64), requires_grad=True)
        return out

    def attention(self, z, lin, P, p):
        bb, n = self.bb, z.shape[0]
        q, k, v = (lin(z, "attention." + w).view(n, h, -1).transpose(0, 1) for w, h in (("query", bb.heads), ("key", bb.kv), ("value", bb.kv)))
        if bb.family == "llama":
            q, k = rotate(q, bb.c["rope_theta"]), rotate(k, bb.c["rope_theta"])
        before = self.n if self.method == PREFIX else 0
        if before:                               # keys and values every token sees, at no position
            k, v = (torch.cat([P[p + "prefix." + w].view(before, bb.kv, -1).transpose(0, 1), t], 1) for w, t in (("key", k), ("value", v)))
        k, v = (t.repeat_interleave(bb.heads // bb.kv, 0) for t in (k, v))
        score = q @ k.transpose(1, 2) / math.sqrt(bb.hd)
        if bb.causal:
            score = score.masked_fill(torch.ones(n, n + before).triu(1 + before).bool(), float("-inf"))
        return lin((score.softmax(-1) @ v).transpose(0, 1).reshape(n, -1), "attention.output")

    def route(self):
        """Names and numbers of the blocks that run."""
        n, layers = self.case.get("successors", 0), self.bb.layers
        for g in range(n or layers):
            if n and self.case.get("replaced", [1] * n)[g]:
                yield "successor.%d." % g, g
            else:
                for i in range(g * layers // (n or layers), (g + 1) * layers // (n or layers)):
                    yield "layer.%d." % (0 if self.bb.family == "albert" else i), i

    def block(self, x, p, i, P):
        bb, c = self.bb, self.case
        s = dict(bb.slots(i))
        s.update({k[len(p):]: v for k, v in P.items() if k.startswith(p)})
        def lin(t, n):
            y = F.linear(t, s[n + ".weight"], s.get(n + ".bias"))
            if n + ".low_a.weight" in s:
                y = y + c["alpha"] / c["rank"] * (t @ s[n + ".low_a.weight"].T) @ s[n + ".low_b.weight"].T
            return y
        def adapter(t, a):
            if a + ".up.weight" not in s:
                return t
            return t + F.linear(gelu_new(F.linear(t, s[a + ".down.weight"], s[a + ".down.bias"])), s[a + ".up.weight"], s[a + ".up.bias"])
        norm = lambda t, n: rms_norm(t, s[n + ".weight"], bb.eps) if bb.family == "llama" else layer_norm(t, s[n + ".weight"], s[n + ".bias"], bb.eps)
        ffn = lambda t: lin(bb.act(lin(t, "ffn.gate")) * lin(t, "ffn.up") if "ffn.gate.weight" in s else bb.act(lin(t, "ffn.up")), "ffn.down")
        if bb.causal:
            x = x + adapter(self.attention(norm(x, "norm1"), lin, P, p), "adapter1")
            return x + adapter(ffn(norm(x, "norm2")), "adapter2")
        x = norm(x + adapter(self.attention(x, lin, P, p), "adapter1"), "norm1")
        return norm(x + adapter(ffn(x), "adapter2"), "norm2")

    def states(self, P, ids, segments):
        bb = Backbone(self.bb.c, {**self.bb.w, **{tensor: P[name] for name, tensor in self.ends.items() if name in P}})
        if self.method == PROMPT:                # virtual words, then the text, under one numbering of positions
            word, prompt = next(iter(self.ends.values())), P["embeddings.prompt"]
            if "prompt.dense.weight" in P:
                prompt = prompt + F.linear(torch.tanh(F.linear(prompt, P["prompt.dense.weight"], P["prompt.dense.bias"])), P["prompt.out.weight"], P["prompt.out.bias"])
            bb.w[word] = torch.cat([bb.w[word], prompt])
            ids = torch.cat([torch.arange(self.n) + self.bb.c["vocab_size"], ids])
            segments = torch.cat([torch.zeros(self.n, dtype=segments.dtype), segments])
        x = bb.embed(ids, segments)
        for p, i in self.route():
            x = self.block(x, p, i, P)
        return bb, bb.final(x)[self.n if self.method == PROMPT else 0:]

    def run(self, P, batch):
        out, targets = [], []
        at = 0
        for ids, segments in batch["sequences"]:
            bb, x = self.states(P, ids, segments)
            if self.head == WORDS:
                tags = batch["tags"][at:at + len(ids)]
                at += len(ids)
                pick = [k for k, t in enumerate(tags) if t >= 0]
                out.append(bb.lm(x[pick]))
                targets += [tags[k] for k in pick]
            else:
                out.append(F.linear(pooled(x, bb, self.case), P["head.out.weight"], P["head.out.bias"]))
        logits = torch.cat(out)
        return logits, F.cross_entropy(logits, torch.tensor(targets if self.head == WORDS else batch["labels"]))


LENGTHS = (5, 9, 3, 7)


def make_batch(vocab, seed=11, two_segments=True, avoid=()):
    g = np.random.RandomState(seed)
    allowed = [i for i in range(vocab) if i not in avoid]
    seqs = []
    for n in LENGTHS:
        ids = g.choice(allowed, n)
        seqs.append((torch.tensor(ids), torch.tensor([int(two_segments and k > n // 2) for k in range(n)])))
    total = sum(LENGTHS)
    tags = g.randint(0, 3, total)
    tags[g.choice(total, 7, replace=False)] = -100
    return {"sequences": seqs, "labels": [2, 0, 1, 2], "values": [0.5, -1.25, 0.75, 2.0], "choice": [1, 0], "tags": [int(t) for t in tags]}


def batch_tensors(batch, out):
    out["batch.ids"] = np.concatenate([i.numpy() for i, _ in batch["sequences"]]).astype(np.int32)
    out["batch.segments"] = np.concatenate([s.numpy() for _, s in batch["sequences"]]).astype(np.int32)
    out["batch.offsets"] = np.cumsum([0] + list(LENGTHS)).astype(np.int32)
    out["batch.labels"] = np.array(batch["labels"], np.int32)
    out["batch.values"] = np.array(batch["values"], np.float32)
    out["batch.choice"] = np.array(batch["choice"], np.int32)
    out["batch.tags"] = np.array(batch["tags"], np.int32)


# ---- slicing -------------------------------------------------------------------------------------

def top(score, k):
    order = sorted(range(len(score)), key=lambda i: (-float(score[i]), i))
    return sorted(order[:k])


def cut_matrices(lad, s, columns, q, k, v, o, mid, ffn, out):
    """One block's slots with the chosen rows and columns."""
    pre = lad.style != "post"
    take = {"attention.query": (q, columns), "attention.key": (k, columns), "attention.value": (v, columns), "attention.output": (mid, o),
            "ffn.gate": (ffn, mid), "ffn.up": (ffn, mid), "ffn.down": (out, ffn), "norm1": (columns if pre else mid,), "norm2": (mid if pre else out,)}
    r = {}
    for name, value in s.items():
        index = take[name.rsplit(".", 1)[0]]
        r[name] = value[index[0]] if value.dim() == 1 else value[index[0]][:, index[1]]
    return r


def slice_paper(lad, E, embedding):
    """lst.md 2.4 and 2.7. E[i][slot]: importance of every element; embedding: of every dimension."""
    bb, out = lad.bb, {}
    group, q, kv = bb.heads // bb.kv, lad.heads * lad.hd, lad.kv * lad.hd
    index = top(embedding, lad.width)
    for i in range(bb.layers):
        e, columns = E[i], index
        fq, fk, fv = (e["attention.%s.weight" % n][:, columns] for n in ("query", "key", "value"))
        if group == 1:
            iq = ik = top((fq * fk * fv).sum(1), q)
        else:                                # grouped keys: a query row meets its group's key and value rows
            row = torch.arange(bb.d) // bb.hd // group * bb.hd + torch.arange(bb.d) % bb.hd
            iq = top((fq * fk[row] * fv[row]).sum(1), q)
            ik = top(fk.sum(1), kv)
        mid = top(e["attention.output.weight"][:, iq].sum(1), lad.width)
        ffn = top(e["ffn.up.weight"][:, mid].sum(1), lad.ffn)
        index = top(e["ffn.down.weight"][:, ffn].sum(1), lad.width)
        if i in lad.rungs:
            for name, v in cut_matrices(lad, bb.slots(i), columns, iq, ik, ik, iq, mid, ffn, index).items():
                out["rung.%d.block.%s" % (lad.rungs.index(i), name)] = v
    if lad.norm:
        slice_final(lad, out, index)
    return out


def slice_final(lad, out, index):
    w, stem = lad.bb.w, "model.norm" if lad.bb.family == "llama" else "transformer.ln_f"
    out["final_norm.weight"] = w[stem + ".weight"][index]
    if stem + ".bias" in w:
        out["final_norm.bias"] = w[stem + ".bias"][index]


def slice_default(lad, E):
    """One set of residual dimensions for the whole net; heads whole, or the best dimensions of each."""
    bb, out = lad.bb, {}
    group, hd, keep = bb.heads // bb.kv, bb.hd, lad.hd
    residual = sum(e["attention.%s.weight" % n].sum(0) for e in E for n in ("query", "key", "value"))
    residual = residual + sum(e["attention.output.weight"].sum(1) + e["ffn.down.weight"].sum(1) for e in E)
    residual = residual + sum(e[n].sum(0) for e in E for n in ("ffn.up.weight", "ffn.gate.weight") if n in e)
    index = top(residual, lad.width)
    for rung, i in enumerate(lad.rungs):
        e = E[i]
        to_kv = lambda v: v.view(bb.kv, group, hd).sum(1)
        qk = to_kv(e["attention.query.weight"].sum(1)) + e["attention.key.weight"].sum(1).view(bb.kv, hd)
        vo = to_kv(e["attention.output.weight"].sum(0)) + e["attention.value.weight"].sum(1).view(bb.kv, hd)
        units = e["ffn.up.weight"].sum(1) + e["ffn.down.weight"].sum(0) + (e["ffn.gate.weight"].sum(1) if "ffn.gate.weight" in e else 0)
        q, k, v, o = [], [], [], []
        for h in top(qk.sum(1) + vo.sum(1), lad.kv):
            if lad.style == "llama":         # rotary dimensions stay in pairs
                half_ = top(qk[h][:hd // 2] + qk[h][hd // 2:], keep // 2)
                dk = half_ + [j + hd // 2 for j in half_]
            else:
                dk = top(qk[h], keep)
            dv = top(vo[h], keep)
            k += [h * hd + j for j in dk]
            v += [h * hd + j for j in dv]
            for n in range(h * group, (h + 1) * group):
                q += [n * hd + j for j in dk]
                o += [n * hd + j for j in dv]
        for name, value in cut_matrices(lad, bb.slots(i), index, q, k, v, o, index, top(units, lad.ffn), index).items():
            out["rung.%d.block.%s" % (rung, name)] = value
        out["rung.%d.down.weight" % rung] = torch.eye(bb.d)[index]
    if lad.norm:
        slice_final(lad, out, index)
    if lad.has_first:
        out["first.down.weight"] = torch.eye(bb.d)[index]
    if lad.output != SIDE:
        out["up.weight"] = torch.eye(bb.d)[index].T
    return out


def sliced(lad, fisher=None):
    bb = lad.bb
    E = fisher[0] if fisher else [{k: v.abs() for k, v in bb.slots(i).items()} for i in range(bb.layers)]
    if lad.preset != PAPER:
        return slice_default(lad, E)
    return slice_paper(lad, E, fisher[1] if fisher else bb.word().abs().sum(0))


# ---- one family's file ------------------------------------------------------------------------------

def cases_of(family):
    r = 4 if family == "albert" else 3
    w3 = [0.5, 2.0, 1.25]
    c = [{"name": "default", "preset": DEFAULT, "reduction": r, "label_smoothing": 0.1},
         {"name": "paper", "preset": PAPER, "reduction": r},
         {"name": "clue", "preset": CLUE, "width": 12, "heads": 3, "ffn": 20, "class_weights": w3},
         {"name": "mlp", "preset": MLP, "reduction": r, "ffn": 11},
         {"name": "head", "preset": HEAD, "label_smoothing": 0.2, "class_weights": w3}]
    if family in ("bert", "gpt2"):
        c += [{"name": "regress", "preset": DEFAULT, "reduction": 4, "head": REGRESS, "rungs": [0, 2]},
              {"name": "tokens", "preset": DEFAULT, "reduction": 4, "head": TOKENS, "class_weights": w3, "label_smoothing": 0.15, "rungs": [1, 2]},
              {"name": "choice", "preset": DEFAULT, "reduction": 4, "head": CHOICE, "head_hidden": 9, "rungs": [0, 1]},
              {"name": "paper-tokens", "preset": PAPER, "reduction": 3, "head": TOKENS, "head_hidden": -1, "rungs": [2]},
              {"name": "head-tokens", "preset": HEAD, "head": TOKENS, "head_hidden": 5}]
    if family == "bert":
        c += [{"name": "clue-entities", "preset": CLUE, "width": 12, "heads": 3, "ffn": 20, "head": POINTER, "span_size": 4, "classes": 5},
              {"name": "clue-answer", "preset": CLUE, "width": 12, "heads": 3, "ffn": 20, "head": ANSWER, "span_size": 6},
              {"name": "pair", "preset": DEFAULT, "reduction": r, "pool": PAIR}]
    if family in ("bert", "llama"):
        c += [{"name": "after-scalar", "preset": DEFAULT, "reduction": 4, "gate": SCALAR, "gate_temperature": 0.5, "mix": AFTER, "output": SIDE, "final_norm": ON, "rungs": [0, 2]},
              {"name": "after-channel", "preset": DEFAULT, "reduction": 4, "gate": CHANNEL, "mix": AFTER, "tap": TAP_OUTPUT, "output": MIXED, "final_norm": OFF, "rungs": [0, 1]},
              {"name": "fixed", "preset": DEFAULT, "reduction": 4, "gate": FIXED, "gate_fixed": 0.25, "tap": TAP_OUTPUT, "output": UP, "down_bias": OFF, "rungs": [1]},
              {"name": "additive", "preset": DEFAULT, "reduction": 4, "gate": NONE, "output": UP, "rungs": [0, 1, 2]},
              {"name": "narrow-heads", "preset": DEFAULT, "reduction": 3, "slice_heads": WITHIN, "rungs": [0, 1]}]
    every = ["attention.query", "attention.key", "attention.value", "attention.output", "ffn.up", "ffn.down"] + (["ffn.gate"] if family == "llama" else [])
    if family != "roberta":
        c += [{"name": "bitfit", "method": BITFIT},
              {"name": "lora", "method": LORA, "rank": 2, "alpha": 3.0, "targets": 127 if family == "llama" else 111, "names": every},
              {"name": "adapter", "method": ADAPTER, "bottleneck": 3},
              {"name": "prompt", "method": PROMPT, "virtual_tokens": 3},
              {"name": "prefix", "method": PREFIX, "virtual_tokens": 2}]
    if family in ("bert", "llama", "gpt2"):
        c += [{"name": "full-words", "method": FULL, "head": WORDS}]
    if family == "albert":
        c += [{"name": "full", "method": FULL}]
    if family in ("bert", "llama"):
        c += [{"name": "mean", "preset": DEFAULT, "reduction": r, "pool": MEAN},
              {"name": "prompt-mean", "method": PROMPT, "virtual_tokens": 3, "pool": MEAN},
              {"name": "other-end", "preset": PAPER, "reduction": r, "pool": LAST if family == "bert" else FIRST, "rungs": [1]}]
        c += [{"name": "theseus", "method": THESEUS, "successors": 2, **({} if family == "bert" else {"replaced": [1, 0]})}]
    if family in ("bert", "albert"):
        c += [{"name": "prompt-network", "method": PROMPT, "virtual_tokens": 3, "prompt_hidden": 7}]
    for x in c:
        x.setdefault("classes", 3)
    return c


def slices_of(family):
    if family == "gpt2":
        return [{"name": "slice-default", "preset": DEFAULT, "reduction": 2, "rungs": [1]}, {"name": "slice-paper", "preset": PAPER, "reduction": 2, "rungs": [2]}]
    if family not in ("bert", "llama"):
        return []
    return [{"name": "slice-paper", "preset": PAPER, "reduction": 2 if family == "bert" else 3, "rungs": [0, 2]},
            {"name": "slice-default", "preset": DEFAULT, "reduction": 2, "rungs": [0, 2]},
            {"name": "slice-within", "preset": DEFAULT, "reduction": 3, "slice_heads": WITHIN, "rungs": [1, 2]}]


def family_file(family, kind="f32", cases=None, slices=(), train=False, **size):
    config, maker = make_model(family, kind, **size)
    bb, out = Backbone(config, maker.w), {}
    out["model.safetensors"] = np.frombuffer(pack(maker.file, {"format": "pt"}), np.uint8)
    batch = make_batch(config["vocab_size"], two_segments=family in ("bert", "albert"), avoid=(1,) if family == "roberta" else ())
    batch_tensors(batch, out)
    states = [bb.states(i, s) for i, s in batch["sequences"]]
    for layer in range(bb.layers + 1):
        x = torch.cat([h[layer] for h in states])
        out["hidden.%d" % layer] = bb.final(x) if layer == bb.layers else x
    out["lm"] = bb.lm(out["hidden.%d" % bb.layers])[:5]
    for n, case in enumerate(cases):
        lad, name = (Tuned if "method" in case else Ladder)(bb, case), case["name"]
        P = lad.random(100 + n)
        logits, loss = lad.run(P, batch)
        grads = [torch.zeros_like(v) if d is None else d for v, d in zip(P.values(), torch.autograd.grad(loss, list(P.values()), allow_unused=True))]
        out[name + ".logits"], out[name + ".loss"] = logits, loss.reshape(1)
        case["params"] = list(P)
        out[name + ".param"], out[name + ".grad"] = half(flat(P.values()).detach().numpy()), flat(grads)
    for case in slices:
        case["classes"] = 3
        found = sliced(Ladder(bb, case))
        case["params"] = list(found)
        out[case["name"] + ".slice"] = flat(found.values())
    if train:                                # the first case, five steps of AdamW as a trainer takes them
        lad = Ladder(bb, cases[0])
        P = lad.random(100)
        opt = torch.optim.AdamW([{"params": [v for v in P.values() if v.dim() == 2], "weight_decay": 0.02},
                                 {"params": [v for v in P.values() if v.dim() == 1], "weight_decay": 0.0}], lr=1.0)
        for factor in (0.5, 1.0, 1.0, 2 / 3, 1 / 3):         # two steps of warm-up, then linear to 0
            opt.zero_grad()
            lad.run(P, batch)[1].backward()
            torch.nn.utils.clip_grad_norm_(P.values(), 0.5)
            for group in opt.param_groups:
                group["lr"] = 0.01 * factor
            opt.step()
        out["train.param"] = flat(P.values())
    meta = {"config": compact(config), "cases": compact(cases), "slices": compact(list(slices))}
    return pack(out, meta)


# ---- Fisher -----------------------------------------------------------------------------------------------

SLOTS = ["attention.query.weight", "attention.key.weight", "attention.value.weight", "attention.output.weight", "ffn.gate.weight", "ffn.up.weight", "ffn.down.weight",
         "attention.query.bias", "attention.key.bias", "attention.value.bias", "attention.output.bias", "ffn.gate.bias", "ffn.up.bias", "ffn.down.bias",
         "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"]


def fisher_file(families):
    out, meta = {}, {}
    for family, head in families:
        config, maker = make_model(family, "bf16", d=16, heads=4, ffn=18, layers=2, vocab=20, seed=3)
        bb = Backbone(config, {k: v.clone().requires_grad_(True) for k, v in maker.w.items()})
        batch = make_batch(20, 5, family in ("bert", "albert"))
        lad = Ladder(bb, {"preset": HEAD, "head": head, "classes": 3})
        P = lad.random(9)
        blocks = 1 if family == "albert" else bb.layers
        total, embedding = [{} for _ in range(blocks)], torch.zeros(bb.d)
        at = 0
        for n, (ids, segments) in enumerate(batch["sequences"]):
            x = bb.final(bb.states(ids, segments)[-1])
            x = x if head == TOKENS else x[-1:] if bb.causal else x[:1]
            tags = batch["tags"][at:at + len(ids)]
            at += len(ids)
            loss = F.cross_entropy(F.linear(x, P["head.out.weight"], P["head.out.bias"]), torch.tensor(tags if head == TOKENS else batch["labels"][n:n + 1]), ignore_index=-100)
            names = [k for k in bb.w]
            grads = torch.autograd.grad(loss, [bb.w[k] for k in names], allow_unused=True)
            squared = Backbone(config, {k: (g if g is not None else torch.zeros_like(bb.w[k])) ** 2 for k, g in zip(names, grads)})
            for i in range(blocks):
                for slot, v in squared.slots(i).items():
                    total[i][slot] = total[i].get(slot, 0) + v
            if family != "albert":
                embedding = embedding + squared.word().sum(0)
        rows = [torch.cat([total[i][s].reshape(-1) for s in SLOTS if s in total[i]]) for i in range(blocks)]
        out[family + ".model"] = np.frombuffer(pack(maker.file, {"format": "pt"}), np.uint8)
        out[family + ".F"] = torch.stack(rows)
        if family != "albert":
            out[family + ".embedding"] = embedding
        for p, v in P.items():
            out["%s.param.%s" % (family, p)] = half(v.detach().numpy())
        batch_tensors(batch, t := {})
        out.update({"%s.%s" % (family, k): v for k, v in t.items()})
        meta[family + ".config"] = compact(config)
        meta[family + ".head"] = str(head)
        if family == "bert":
            plain = Backbone(config, maker.w)
            for case in FISHER_SLICES:
                found = sliced(Ladder(plain, case), (total, embedding))
                case["params"] = list(found)
                out[case["name"] + ".slice"] = flat(found.values())
    meta["slices"] = compact(FISHER_SLICES)
    return pack(out, meta)


FISHER_SLICES = [{"name": "fisher-paper", "preset": PAPER, "reduction": 2, "classes": 3}, {"name": "fisher-default", "preset": DEFAULT, "reduction": 2, "classes": 3}]


# ---- optimisers ---------------------------------------------------------------------------------------------

class Adafactor(torch.optim.Optimizer):
    """Un-factored, relative rate (Shazeer & Stern 2018; lst-clue.md)."""

    def __init__(self, params, lr, beta1):
        super().__init__(params, dict(lr=lr, weight_decay=0))
        self.beta1, self.t = beta1, 0

    @torch.no_grad()
    def step(self):
        self.t += 1
        b2 = 1 - self.t ** -0.8
        rms = lambda x: float((x * x).mean()) ** 0.5
        for group in self.param_groups:
            for p in group["params"]:
                s = self.state[p]
                if not s:
                    s["m"], s["v"] = torch.zeros_like(p), torch.zeros_like(p)
                s["v"] = b2 * s["v"] + (1 - b2) * (p.grad ** 2 + 1e-30)
                u = p.grad / s["v"].sqrt()
                u = u / max(1.0, rms(u))
                s["m"] = self.beta1 * s["m"] + (1 - self.beta1) * u
                p -= group["lr"] * max(1e-3, rms(p)) * s["m"]


def optim_file():
    g = torch.Generator().manual_seed(21)
    shapes = {"head.dense.weight": (7, 24), "head.dense.bias": (7,), "head.out.weight": (3, 7), "head.out.bias": (3,)}
    start = {k: torch.tensor(from_bf16(as_bf16(torch.randn(*s, generator=g).numpy())).astype(np.float64)) for k, s in shapes.items()}
    grads = [{k: torch.tensor(from_bf16(as_bf16(torch.randn(*s, generator=g).numpy())).astype(np.float64)) for k, s in shapes.items()} for _ in range(5)]
    runs = [{"name": "sgd", "optimizer": SGD}, {"name": "sgd-momentum", "optimizer": SGD, "momentum": 0.9},
            {"name": "sgd-nesterov-decay", "optimizer": SGD, "momentum": 0.8, "nesterov": 1, "weight_decay": 0.1},
            {"name": "adam", "optimizer": ADAM}, {"name": "adam-decay", "optimizer": ADAM, "weight_decay": 0.1},
            {"name": "adam-betas", "optimizer": ADAM, "beta1": 0.7, "beta2": 0.95, "epsilon": 1e-3},
            {"name": "adamw", "optimizer": ADAMW}, {"name": "adamw-decay", "optimizer": ADAMW, "weight_decay": 0.1},
            {"name": "adamw-clip", "optimizer": ADAMW, "weight_decay": 0.1, "clip": 1.5}, {"name": "sgd-clip", "optimizer": SGD, "clip": 0.5},
            {"name": "adafactor", "optimizer": ADAFACTOR}, {"name": "adafactor-plain", "optimizer": ADAFACTOR, "beta1": 0.5}]
    out = {"start." + k: half(v.numpy()) for k, v in start.items()}
    for i, step in enumerate(grads):
        out.update({"grad.%d.%s" % (i, k): half(v.numpy()) for k, v in step.items()})
    for run in runs:
        run["rate"] = 0.05
        P = {k: v.clone().requires_grad_(True) for k, v in start.items()}
        wd = run.get("weight_decay", 0)
        groups = [{"params": [v for v in P.values() if v.dim() == 2], "weight_decay": wd}, {"params": [v for v in P.values() if v.dim() == 1], "weight_decay": 0}]
        betas = (run.get("beta1", 0.9), run.get("beta2", 0.999))
        kind = run["optimizer"]
        if kind == SGD:
            opt = torch.optim.SGD(groups, lr=0.05, momentum=run.get("momentum", 0), nesterov=bool(run.get("nesterov", 0)))
        elif kind == ADAFACTOR:
            opt = Adafactor(groups, 0.05, betas[0])
        else:
            opt = (torch.optim.Adam if kind == ADAM else torch.optim.AdamW)(groups, lr=0.05, betas=betas, eps=run.get("epsilon", 1e-8))
        for step in grads:
            for k, v in P.items():
                v.grad = step[k].clone()
            if run.get("clip"):
                torch.nn.utils.clip_grad_norm_(P.values(), run["clip"])
            opt.step()
        out.update({"%s.%s" % (run["name"], k): v for k, v in P.items()})
    return pack(out, {"runs": compact(runs)})


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "../golden"
    files = {}
    for family in ("bert", "roberta", "albert", "distilbert", "gpt2", "llama"):
        size = {"d": 32, "ffn": 40} if family == "albert" else {}
        files[family] = family_file(family, "f32", cases_of(family), slices_of(family), train=family in ("bert", "llama"), **size)
    small = dict(d=16, heads=2, ffn=22, layers=2, vocab=20)
    one = [{"name": "default", "preset": DEFAULT, "reduction": 2, "classes": 3}]
    files["f16"] = family_file("bert", "f16", one, **small)
    files["bf16"] = family_file("gpt2", "bf16", one, **small)
    files["fisher"] = fisher_file([("bert", CLASSIFY), ("albert", CLASSIFY), ("gpt2", TOKENS), ("llama", CLASSIFY)])
    files["optim"] = optim_file()
    total = 0
    for name, data in files.items():
        with open("%s/parity-%s.safetensors" % (folder, name), "wb") as f:
            f.write(data)
        total += len(data)
        print("parity-%s.safetensors %d" % (name, len(data)))
    print("total", total)


if __name__ == "__main__":
    main()
