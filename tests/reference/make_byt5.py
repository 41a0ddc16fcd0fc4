#!/usr/bin/env python3
"""Writes tests/golden/byt5.jsonl and tests/golden/byt5/: what transformers' ByT5Tokenizer makes of texts, with each form of
tokenizer_config.json that it writes or wrote, and a tiny byt5 model with random weights.

    python3 make_byt5.py SCRATCH_FOLDER GOLDEN_FOLDER          (transformers 5.24)

A line: {"file": tokenizer_config.json, "size", "cases": [{"text", "ids", "plain" (without special tokens), "shown", "skipped" (decoded,
without special tokens)}], "pairs": [{"text", "pair", "most", "ids"}], "decodes": [{"ids", "text"}]}. The last: {"said": [{"text", "ids": what
the model generates, "answer"}]}.
"""
import json, os, sys, warnings
import torch
from safetensors.torch import save_file
from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration

warnings.simplefilter("ignore")
scratch, golden = sys.argv[1:3]
TEXTS = ["", " ", "hello", "Hello, world .", "a </s> b", "a</s>", "a </s> ", "</s></s>", "  <unk>  <pad>  z", "a\t</s>\nb", "a\u00a0</s>\u3000b",
         "a<extra_id_0>b <extra_id_1> c", "<extra_id_0><extra_id_124>", "<extra_id_2> <extra_id_12>", "<extra_id_999><extra_id_>", "<S></S><s>",
         "é ñ ß Ω ж 你好 한 हि", "\U0001F600\U0001F469\u200d\U0001F52C\U0001F3FD\u2620\ufe0f", "\ufffd\ufeff\u0000\u007f\u0080\u00ff", "\r\n\t\x0b\x0c",
         "e\u0301 \u1112\u1161\u11ab", "Ġ Ċ ▁ ## <0x41>", "x" * 60]
DECODES = [[200, 201, 100], [243, 162, 155, 100], [257, 258], [198, 172, 198], [3, 100, 3], [228, 100, 191, 131], [241, 147, 131, 131], [0, 100, 2, 101, 1, 102], []]
TOKEN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "__type": "AddedToken"}
made = []
for name, kind in [("three", {"extra_ids": 3}), ("named", {"extra_ids": 0, "additional_special_tokens": ["<sep>", "<é>"]})]:
    ByT5Tokenizer(**kind).save_pretrained(f"{scratch}/{name}")
    made.append(json.load(open(f"{scratch}/{name}/tokenizer_config.json")))
for more in [{}, {"extra_ids": 5}, {"extra_ids": 0}, {"extra_ids": 2, "additional_special_tokens": ["<extra_id_0>", "<extra_id_1>"], "eos_token": dict(TOKEN, content="</s>"),
                                                   "pad_token": dict(TOKEN, content="<pad>", rstrip=True), "unk_token": dict(TOKEN, content="<unk>", lstrip=True)}]:
    made.append({"tokenizer_class": "ByT5Tokenizer", **more})
lines = []
for k, config in enumerate(made):
    folder = f"{scratch}/c{k}"
    os.makedirs(folder, exist_ok=True)
    json.dump(config, open(folder + "/tokenizer_config.json", "w"))
    t = ByT5Tokenizer.from_pretrained(folder)
    config["model_max_length"] = 512                    # such a number as 1e30 says nothing
    cases = []
    for text in TEXTS:
        ids = t(text).input_ids
        cases.append({"text": text, "ids": ids, "plain": t(text, add_special_tokens=False).input_ids, "shown": t.decode(ids), "skipped": t.decode(ids, skip_special_tokens=True)})
    pairs = []
    for text, pair, most in [("ab", "c", 0), ("a</s>", "b </s>", 0), ("abcdef", None, 4), ("ab</s>cdef", None, 4), ("abc</s>", None, 4), ("abc</s>", None, 5), ("abcdef", "xyz", 8)]:
        cut = {"max_length": most, "truncation": "longest_first"} if most else {}
        pairs.append({"text": text, "pair": pair, "most": most, "ids": t(text, pair, **cut).input_ids})
    lines.append({"file": config, "size": len(t), "cases": cases, "pairs": pairs, "decodes": [{"ids": i, "text": t.decode(i)} for i in DECODES]})
torch.manual_seed(4)
c = T5Config(vocab_size=384, d_model=8, d_kv=4, d_ff=12, num_layers=2, num_decoder_layers=1, num_heads=2, relative_attention_num_buckets=8, relative_attention_max_distance=20,
             feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
model = T5ForConditionalGeneration(c).eval()
model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))       # 5.24 ties what the description says is not
model.config.tie_word_embeddings = False
with torch.no_grad():
    for name, p in model.named_parameters():
        if p.dim() > 1: p.copy_(torch.randn_like(p) * 0.7)
    model.lm_head.weight[:35] *= 0.3
    model.lm_head.weight[130:] *= 0.5
os.makedirs(golden + "/byt5", exist_ok=True)
config = {k: v for k, v in c.to_dict().items() if k in "vocab_size d_model d_kv d_ff num_layers num_decoder_layers num_heads relative_attention_num_buckets "
          "relative_attention_max_distance feed_forward_proj dropout_rate decoder_start_token_id pad_token_id eos_token_id layer_norm_epsilon model_type".split()}
with open(golden + "/byt5/config.json", "w") as f:
    json.dump({**config, "architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True, "tie_word_embeddings": False, "tokenizer_class": "ByT5Tokenizer"}, f, indent=1)
save_file({k: v.contiguous() for k, v in model.state_dict().items() if not k.endswith("embed_tokens.weight")}, golden + "/byt5/model.safetensors", {"format": "pt"})
with open(golden + "/byt5/tokenizer_config.json", "w") as f: json.dump({"tokenizer_class": "ByT5Tokenizer"}, f)
t = ByT5Tokenizer.from_pretrained(golden + "/byt5")
said = []
for text in ["hello", "你好 <extra_id_0>", "a </s> b"]:
    with torch.no_grad(): ids = model.generate(**t(text, return_tensors="pt"), max_new_tokens=12, do_sample=False)[0].tolist()[1:]
    said.append({"text": text, "ids": ids, "answer": t.decode(ids, skip_special_tokens=True)})
lines.append({"said": said})
with open(golden + "/byt5.jsonl", "w") as f:
    for line in lines: f.write(json.dumps(line, separators=(",", ":")) + "\n")
print(len(lines), said)
