"""make_embedded.py FROM TO: a copy of a model directory without the word pieces that are not ASCII."""
import json, pathlib, shutil, struct, sys

source, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(exist_ok=True)
pieces = (source / "vocab.txt").read_text(encoding="utf-8").splitlines()
kept = [i for i, piece in enumerate(pieces) if piece.isascii()]
data = (source / "model.safetensors").read_bytes()
size = struct.unpack("<Q", data[:8])[0]
header, base, parts, at = json.loads(data[8:8 + size]), 8 + size, [], 0
for name, tensor in sorted(((n, t) for n, t in header.items() if n != "__metadata__"), key=lambda x: x[1]["data_offsets"]):
    begin, end = tensor["data_offsets"]
    body = data[base + begin:base + end]
    if tensor["shape"] and tensor["shape"][0] == len(pieces):
        row = len(body) // len(pieces)
        body = b"".join(body[i * row:(i + 1) * row] for i in kept)
        tensor["shape"][0] = len(kept)
    tensor["data_offsets"] = [at, at + len(body)]
    parts.append(body)
    at += len(body)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(target / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
(target / "vocab.txt").write_text("".join(pieces[i] + "\n" for i in kept), encoding="utf-8")
config = json.loads((source / "config.json").read_text())
config["vocab_size"] = len(kept)
(target / "config.json").write_text(json.dumps(config, indent=2) + "\n")
shutil.copy(source / "tokenizer_config.json", target)
