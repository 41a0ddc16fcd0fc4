"""Rotary frequencies by transformers, for tests/golden/rope.h: python make_rope.py > ../golden/rope.h (transformers 5.24)"""
import json
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

rows = [
    {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
    {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 16},
    {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 8192},
    {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16},
    {"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 8.0, "original_max_position_embeddings": 32768, "beta_fast": 16.0,
     "beta_slow": 2.0, "attention_factor": 1.5},
]
for rope in rows:
    config = LlamaConfig(hidden_size=32, num_attention_heads=2, max_position_embeddings=64, rope_parameters=dict(rope))
    f, score = ROPE_INIT_FUNCTIONS[rope["rope_type"]](config, "cpu")
    text = json.dumps(rope, separators=(",", ":")).replace('"', '\\"')
    print('    { "%s", %.9ef, { %s } },' % (text, score, ", ".join("%.9ef" % x for x in f.tolist())))
