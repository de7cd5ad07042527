"""Writes the checkpoints that `parity.test.ts` compares this project's encoders with.

Needs torch, transformers and safetensors, which the project itself does not:

    python3 -m venv .venv && .venv/bin/pip install torch transformers safetensors
    .venv/bin/python property-tests/parity/make_checkpoints.py

Every folder below `checkpoints` is a model with random weights, stored in Float32 as `transformers` stores it, and
`expected.safetensors`: inputs, and what transformers computes of them in Float64 from those very weights.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    AlbertConfig,
    AlbertForMultipleChoice,
    AlbertForPreTraining,
    AlbertModel,
    BertConfig,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForTokenClassification,
    BertModel,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    set_seed,
)

HERE = Path(__file__).parent / "checkpoints"

SIZES = dict(
    vocab_size=48,
    hidden_size=16,
    num_attention_heads=2,
    num_hidden_layers=2,
    intermediate_size=24,
    max_position_embeddings=12,
    attn_implementation="eager",
)
SMALL = dict(SIZES, vocab_size=20, hidden_size=8, intermediate_size=12, num_hidden_layers=1)


def redraw(model):
    """Weights large enough to matter: transformers' own start makes every state nearly equal."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm.weight" in name or "layer_norm.weight" in name:
                parameter.copy_(1 + 0.1 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn_like(parameter))
            elif "embeddings" in name:
                parameter.copy_(0.5 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.15 * torch.randn_like(parameter))
    return model.eval()


def batches(config):
    """Sentences and pairs with padding (behind, and once before), and one of the greatest length."""
    pad, types = config.pad_token_id, config.type_vocab_size
    real = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [0] * 2 + [1] * 5], dtype=torch.int64)
    tokens = torch.randint(5, config.vocab_size, real.shape) * real + pad * (1 - real)
    pairs = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0], [0] * 7]) % types
    yield "padded", tokens, pairs, real
    longest = config.max_position_embeddings - (pad + 1 if config.model_type == "roberta" else 0)
    tokens = torch.randint(5, config.vocab_size, (1, longest))
    yield "longest", tokens, torch.arange(longest)[None] // (longest // 2) % types, torch.ones_like(tokens)


def states_of(model, run):
    """The embeddings as the blocks get them, and the output of every block that is run."""
    base = model.base_model
    albert = base.config.model_type == "albert"
    first = base.encoder.embedding_hidden_mapping_in if albert else base.embeddings
    groups = [group.albert_layers for group in base.encoder.albert_layer_groups] if albert else [base.encoder.layer]
    seen = []
    keep = lambda _, __, out: seen.append((out[0] if isinstance(out, tuple) else out).detach().clone())
    hooks = [module.register_forward_hook(keep) for module in [first, *(layer for group in groups for layer in group)]]
    with torch.no_grad():
        outputs = run()
    for hook in hooks:
        hook.remove()
    return seen, outputs


def expect(model, folder):
    exact = model.double()
    tensors = {}
    for name, tokens, segments, mask in batches(model.config):
        inputs = dict(input_ids=tokens, token_type_ids=segments, attention_mask=mask)
        if "MultipleChoice" in type(model).__name__:
            inputs = {key: value[None] for key, value in inputs.items()}
        states, outputs = states_of(exact, lambda: exact(**inputs))
        for key, value in (("tokens", tokens), ("segments", segments), ("mask", mask)):
            tensors[f"{name}.{key}"] = value.to(torch.int32).contiguous()
        for i, state in enumerate(states):
            tensors[f"{name}.states.{i}"] = state.contiguous()
        for theirs, ours in (
            ("pooler_output", "pooled"),
            ("prediction_logits", "mlm"),
            ("logits", "mlm" if "Masked" in type(model).__name__ else "logits"),
        ):
            if getattr(outputs, theirs, None) is not None:
                tensors[f"{name}.{ours}"] = getattr(outputs, theirs).contiguous()
        if getattr(outputs, "start_logits", None) is not None:
            tensors[f"{name}.logits"] = torch.stack([outputs.start_logits, outputs.end_logits], 1).contiguous()
        if name == "longest" and f"{name}.mlm" in tensors:
            del tensors[f"{name}.mlm"]  # one batch says enough
    save_file(tensors, folder / "expected.safetensors", metadata={"class": type(model).__name__})


def write(name, model, **options):
    folder = HERE / name
    folder.mkdir(parents=True)
    redraw(model).save_pretrained(folder, **options)
    expect(model, folder)


def write_old(name, model):
    """As early versions stored it: gamma and beta, the buffer of positions, second copies of what is tied, no model_type."""
    folder = HERE / name
    folder.mkdir(parents=True)
    redraw(model)
    stored = {}
    for key, value in model.state_dict().items():
        key = key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        stored[key] = value.clone()
    stored["bert.embeddings.position_ids"] = torch.arange(model.config.max_position_embeddings)[None]
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict()
    fields = [key for key in SIZES if key in config] + ["hidden_act", "type_vocab_size", "hidden_dropout_prob"]
    old = {"architectures": [type(model).__name__], **{key: config[key] for key in fields}}
    (folder / "config.json").write_text(json.dumps(old, indent=2) + "\n")
    expect(model, folder)


def main():
    set_seed(7)
    shutil.rmtree(HERE, ignore_errors=True)
    roberta = dict(type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1)
    albert = dict(SIZES, embedding_size=8)
    write("bert", BertForPreTraining(BertConfig(**SIZES)))
    write("bert-bare-sharded", BertModel(BertConfig(**SIZES, hidden_act="gelu_pytorch_tanh")), max_shard_size="8KB")
    write_old("bert-old", BertForPreTraining(BertConfig(**dict(SIZES, num_hidden_layers=1), hidden_act="gelu_new")))
    # Its decoder keeps the exact GELU whatever the blocks use.
    write("roberta", RobertaForMaskedLM(RobertaConfig(**SIZES, **roberta, hidden_act="gelu_new")))
    write(
        "roberta-classify",
        RobertaForSequenceClassification(RobertaConfig(**SMALL, **roberta, hidden_act="relu", num_labels=3)),
    )
    write("albert", AlbertForPreTraining(AlbertConfig(**dict(albert, num_hidden_layers=3))))
    write(
        "albert-groups",
        AlbertModel(
            AlbertConfig(
                **dict(albert, num_hidden_layers=3), hidden_act="gelu", num_hidden_groups=2, inner_group_num=2
            )
        ),
    )
    write("bert-tag", BertForTokenClassification(BertConfig(**SMALL, num_labels=4)))
    write("bert-span", BertForQuestionAnswering(BertConfig(**SMALL)))
    write("albert-choose", AlbertForMultipleChoice(AlbertConfig(**dict(SMALL, embedding_size=4))))


if __name__ == "__main__":
    main()
