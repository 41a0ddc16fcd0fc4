"""Writes tests/golden/beams.jsonl: what transformers' beam search answers on the tiny models of two stacks and on one decoder
of the data folder. Usage: make_beams.py DATA_FOLDER OUT"""
import json, sys
import torch, transformers
from safetensors.torch import load_file

data, out = sys.argv[1:3]
torch.manual_seed(0)
lines = []
for name in "t5 t5-v1_1 mt5 bart mbart marian pegasus m2m_100 gpt2".split():
    path = f"{data}/models/hf/{name}"
    kind = transformers.AutoModelForCausalLM if name == "gpt2" else transformers.AutoModelForSeq2SeqLM
    model = kind.from_pretrained(path, dtype=torch.float32).eval()
    golden = load_file(path + "/golden.safetensors")
    inputs = [golden["gen.input_ids"][0], golden["case2.input_ids"][0]]
    for penalty, stop, beams in [(1.0, False, 4), (2.0, True, 4), (0.5, "never", 3), (0.0, True, 5)]:
        for ids in inputs:
            with torch.no_grad():
                got = model.generate(ids[None], attention_mask=torch.ones_like(ids[None]), num_beams=beams, do_sample=False, max_new_tokens=12,
                                     length_penalty=penalty, early_stopping=stop)[0].tolist()
            got = got[len(ids):] if name == "gpt2" else got[1:]
            lines.append(json.dumps({"model": name, "beams": beams, "penalty": penalty, "stop": {False: "no", True: "yes"}.get(stop, stop),
                                     "ids": ids.tolist(), "out": got}, separators=(",", ":")))
# No run of tokens twice, no end before so many, what stands there less likely: by one beam (the likeliest token) and by more.
for name in "t5 bart marian m2m_100 gpt2".split():
    path = f"{data}/models/hf/{name}"
    kind = transformers.AutoModelForCausalLM if name == "gpt2" else transformers.AutoModelForSeq2SeqLM
    model = kind.from_pretrained(path, dtype=torch.float32).eval()
    golden = load_file(path + "/golden.safetensors")
    for ids in [golden["gen.input_ids"][0], golden["case2.input_ids"][0]]:
        for beams, again, least, times in [(1, 2, 0, 0), (1, 0, 9, 0), (3, 1, 0, 0), (3, 3, 10, 0), (1, 2, 0, 1.5), (3, 0, 0, 1.5), (4, 0, 9, 0.8)]:
            more = {"no_repeat_ngram_size": again} if again else {}
            if least: more["min_new_tokens"] = least
            if times: more["repetition_penalty"] = times
            with torch.no_grad():
                got = model.generate(ids[None], attention_mask=torch.ones_like(ids[None]), num_beams=beams, do_sample=False, max_new_tokens=12, length_penalty=0.0,
                                     early_stopping=True, **more)[0].tolist()
            got = got[len(ids):] if name == "gpt2" else got[1:]
            lines.append(json.dumps({"model": name, "beams": beams, "penalty": 0.0, "stop": "yes", "again": again, "least": least, "times": times, "ids": ids.tolist(), "out": got}, separators=(",", ":")))
with open(out, "w") as f:
    f.write("\n".join(lines) + "\n")
print(transformers.__version__, len(lines))
