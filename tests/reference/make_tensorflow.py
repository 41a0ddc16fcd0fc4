# Writes tests/golden/tf/: a tiny BERT as TensorFlow 1 checkpoints are (bert_model.ckpt.index, .data-00000-of-00001, bert_config.json),
# and the same weights as model.safetensors under the names of transformers. Needs tensorflow (2.21.0) and safetensors.
import json, os, sys
import numpy as np
import tensorflow.compat.v1 as tf
from safetensors.numpy import save_file

tf.disable_eager_execution()
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "tf")
os.makedirs(here, exist_ok=True)
random = np.random.RandomState(3)
width, ffn, vocabulary, positions = 16, 24, 20, 12
weights, variables = {}, {}


def add(name, value):
    """One variable of the checkpoint, and the tensor of the same numbers."""
    value = value.astype(np.float32)
    variables[name] = value
    parts = name.replace("layer_", "layer.").replace("/", ".")
    if name.endswith("kernel"):
        weights[parts[: -len("kernel")] + "weight"] = np.ascontiguousarray(value.T)
    elif name.endswith("gamma"):
        weights[parts[: -len("gamma")] + "weight"] = value
    elif name.endswith("beta"):
        weights[parts[: -len("beta")] + "bias"] = value
    elif name.endswith("_embeddings"):
        weights[parts + ".weight"] = value
    elif name.endswith("output_bias"):
        weights["cls.predictions.bias"] = value
    else:
        weights[parts] = value


def norm(name, n):
    add(name + "/gamma", 1 + 0.2 * random.randn(n))
    add(name + "/beta", 0.1 * random.randn(n))


def dense(name, rows, columns):
    add(name + "/kernel", random.randn(rows, columns) / np.sqrt(rows))
    add(name + "/bias", 0.1 * random.randn(columns))


e = "bert/embeddings/"
add(e + "word_embeddings", 0.5 * random.randn(vocabulary, width))
add(e + "position_embeddings", 0.2 * random.randn(positions, width))
add(e + "token_type_embeddings", 0.2 * random.randn(2, width))
norm(e + "LayerNorm", width)
for i in range(2):
    p = "bert/encoder/layer_%d/" % i
    for name in ("attention/self/query", "attention/self/key", "attention/self/value", "attention/output/dense"):
        dense(p + name, width, width)
    norm(p + "attention/output/LayerNorm", width)
    dense(p + "intermediate/dense", width, ffn)
    dense(p + "output/dense", ffn, width)
    norm(p + "output/LayerNorm", width)
dense("cls/predictions/transform/dense", width, width)
norm("cls/predictions/transform/LayerNorm", width)
add("cls/predictions/output_bias", 0.1 * random.randn(vocabulary))
save_file(weights, os.path.join(here, "plain.safetensors"))
variables["bert/embeddings/word_embeddings/adam_m"] = np.zeros((vocabulary, width), np.float32)
variables["global_step"] = np.int64(7)
for name, value in variables.items():
    tf.get_variable(name, initializer=tf.constant(value))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, os.path.join(here, "bert_model.ckpt"), write_meta_graph=False, write_state=False)
config = {"attention_probs_dropout_prob": 0.1, "directionality": "bidi", "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": width,
          "initializer_range": 0.02, "intermediate_size": ffn, "max_position_embeddings": positions, "num_attention_heads": 4,
          "num_hidden_layers": 2, "type_vocab_size": 2, "vocab_size": vocabulary}
with open(os.path.join(here, "bert_config.json"), "w") as f:
    json.dump(config, f, indent=1)
print(sorted(os.listdir(here)), tf.__version__)
