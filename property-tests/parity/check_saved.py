"""Loads what save_checkpoints.ts wrote with `transformers`, and compares it with the stored expectations.

    npx tsx property-tests/parity/save_checkpoints.ts FOLDER
    python property-tests/parity/check_saved.py FOLDER

Each model is loaded by the class that its config.json names. Tensors that this class misses or does not know are printed and
fail the check, but for the pooler that some classes leave out. Activations have to be the expected ones bit by bit, as the
weights are the same Float32 numbers and the computation is the very one that make_checkpoints.py did.
"""

import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

HERE = Path(__file__).parent / "checkpoints"


def check(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    (architecture,) = config.architectures
    model, info = getattr(transformers, architecture).from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager", dtype=torch.float32
    )
    odd = [f"{kind} {key}" for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in info[kind]]
    faults = [line for line in odd if ".pooler." not in line]
    model = model.double().eval()
    expected = load_file(HERE / folder.name / "expected.safetensors")
    worst = 0.0
    compared = 0
    for batch in ("padded", "longest"):
        inputs = dict(
            input_ids=expected[f"{batch}.tokens"].long(),
            token_type_ids=expected[f"{batch}.segments"].long(),
            attention_mask=expected[f"{batch}.mask"].long(),
        )
        if architecture.endswith("MultipleChoice"):
            inputs = {key: value[None] for key, value in inputs.items()}
        with torch.no_grad():
            outputs = model(**inputs, output_hidden_states=True)
        last = max(
            (key for key in expected if key.startswith(f"{batch}.states.")), key=lambda key: int(key.split(".")[2])
        )
        pairs = [(outputs.hidden_states[-1], last)]
        if getattr(outputs, "pooler_output", None) is not None:
            pairs.append((outputs.pooler_output, f"{batch}.pooled"))
        if getattr(outputs, "logits", None) is not None:
            name = "mlm" if architecture.endswith("MaskedLM") else "logits"
            pairs.append((outputs.logits, f"{batch}.{name}"))
        if getattr(outputs, "start_logits", None) is not None:
            pairs.append((torch.stack([outputs.start_logits, outputs.end_logits], 1), f"{batch}.logits"))
        for ours, key in pairs:
            if key in expected:
                compared += 1
                worst = max(worst, (ours - expected[key]).abs().max().item())
    if compared == 0 or worst > 0:
        faults.append(f"largest difference {worst} in {compared} outputs")
    print(f"{folder.name}: {architecture}, {compared} outputs, largest difference {worst}", *faults, sep="\n  ")
    return not faults


if __name__ == "__main__":
    folders = sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir())
    good = [check(folder) for folder in folders]
    print(f"{sum(good)} of {len(good)} models agree")
    sys.exit(not good or not all(good))
