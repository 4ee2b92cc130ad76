"""What makes official.py's networks fast: the settings that did best, beside the authors' code as it is.

Everything here changes a model in place and keeps what it computes; `Deviation` measures by how much it fails to.
"""

import numpy as np
import torch
from torch import nn


def compile_networks(model, vae, head) -> None:
    """torch.compile for any number of tokens. `head` is the diffusion head's function that is called most."""
    if not torch.cuda.is_initialized():
        import torch._inductor.config as inductor

        inductor.freezing = True  # weights are constants, laid out for the products that are chosen
        inductor.max_autotune = True
    # Frozen weights make each block a compilation of its own. Beyond the limit, PyTorch would run the rest uncompiled.
    torch._dynamo.config.recompile_limit = 256
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    for part in (*model.encoder_blocks, *model.decoder_blocks, vae.decoder):
        part.forward = torch.compile(part.forward, dynamic=True)
    head.forward = torch.compile(head.forward, dynamic=True)


def quantize(model) -> None:
    """int8 by torchao: weights with a scale for each output channel, inputs with one for each row, found when it runs."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    # the head's first and last layers have 16 numbers to a token: too few to gain time, and their errors grow to any size
    for part in (model.encoder_blocks, model.decoder_blocks, model.diffloss.net.res_blocks):
        quantize_(part, Int8DynamicActivationInt8WeightConfig())


class SharedModulation(nn.Module):
    """The authors' diffusion head with its adaLN computed once an autoregressive step.

    A timestep's shifts, scales and gates depend on z and the timestep only. One product a block makes those of all timesteps;
    the authors' code reads its weights again at each.
    """

    def __init__(self, diffloss):
        super().__init__()
        self.net = diffloss.net
        self.index = {timestep: i for i, timestep in enumerate(diffloss.gen_diffusion.timestep_map)}
        self.timesteps = torch.tensor(list(self.index))
        sample = diffloss.sample

        def prepare_and_sample(z, temperature, guidance):
            self.prepare(z)
            return sample(z, temperature, guidance)

        diffloss.sample, diffloss.net.forward = prepare_and_sample, self.at_timestep

    def prepare(self, z) -> None:
        """z [rows, width]"""
        condition = self.net.time_embed(self.timesteps.to(z.device))[:, None] + self.net.cond_embed(z)
        self.modulations = [block.adaLN_modulation(condition) for block in self.net.res_blocks]  # [timesteps, rows, 3 * width]
        self.last = self.net.final_layer.adaLN_modulation(condition)

    def at_timestep(self, x, t, c):
        index = self.index[int(t[0])]
        return self.forward(x, torch.stack([modulation[index] for modulation in self.modulations]), self.last[index])

    def forward(self, x, modulations, last):
        """x [rows, channels], modulations [blocks, rows, 3 * width], last [rows, 2 * width]"""
        x = self.net.input_proj(x)
        for block, modulation in zip(self.net.res_blocks, modulations):
            shift, scale, gate = modulation.chunk(3, dim=-1)
            x = x + gate * block.mlp(block.in_ln(x) * (1 + scale) + shift)
        shift, scale = last.chunk(2, dim=-1)
        return self.net.final_layer.linear(self.net.final_layer.norm_final(x) * (1 + scale) + shift)


def use_openvino(model, vae, threads: int, run_examples=None) -> None:
    """Encoder, decoder, the diffusion head with its adaLN computed once a step, and the VAE's decoder, run by OpenVINO in bfloat16.

    With `run_examples`, a function that runs all of them, products are int8 where NNCF puts them, with fixed scales for the
    inputs that the function gave.
    """
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "bf16",
    }
    head = SharedModulation(model.diffloss)
    head.prepare = torch.autocast("cpu", torch.bfloat16)(head.prepare)
    networks = {"encoder": model.encoder_blocks[0], "decoder": model.decoder_blocks[0], "head": head, "vae": vae.decoder}
    examples = record_inputs(networks, run_examples) if run_examples else {}

    def compiled(name, module, shapes, *inputs):
        converted = openvino.convert_model(module, example_input=inputs, input=[openvino.PartialShape(shape) for shape in shapes])
        if name in examples:
            import nncf

            kind = None if name == "vae" else nncf.ModelType.TRANSFORMER
            ends = nncf.IgnoredScope(patterns=[".*input_proj.*", ".*final_layer.*"], validate=False)  # as `quantize` leaves them
            converted = nncf.quantize(converted, nncf.Dataset(examples[name]), model_type=kind, ignored_scope=ends)
        request = core.compile_model(converted, "CPU", settings).create_infer_request()

        def run(*values):
            request.infer([np.ascontiguousarray(value.float().numpy()) for value in values], share_inputs=True, share_outputs=True)
            return torch.from_numpy(np.array(request.get_output_tensor(0).data))

        return run

    for name in ("encoder", "decoder"):
        blocks, norm = f"{name}_blocks", f"{name}_norm"
        stack = nn.Sequential(*getattr(model, blocks), getattr(model, norm))
        width = getattr(model, norm).weight.shape[0]
        setattr(model, blocks, nn.ModuleList([Called(compiled(name, stack, [[-1, -1, width]], torch.randn(2, 96, width)))]))
        setattr(model, norm, nn.Identity())
    blocks, width = len(head.net.res_blocks), head.net.model_channels
    shapes = [[-1, head.net.in_channels], [blocks, -1, 3 * width], [-1, 2 * width]]
    head.forward = compiled("head", head, shapes, *(torch.randn([8 if size == -1 else size for size in shape]) for shape in shapes))
    side, channels = model.seq_h * model.patch_size, model.vae_embed_dim
    vae.decoder = Called(compiled("vae", vae.decoder, [[-1, channels, side, side]], torch.randn(1, channels, side, side)))


def record_inputs(networks: dict[str, nn.Module], run_examples, most: int = 60) -> dict[str, list]:
    """What `run_examples` gives to each network: `most` calls of each at most, spread evenly."""
    calls = {name: [] for name in networks}
    forwards = {name: network.forward for name, network in networks.items()}

    def recorder(name):
        def forward(*inputs):
            calls[name].append(tuple(value.float().numpy().copy() for value in inputs))
            return forwards[name](*inputs)

        return forward

    for name, network in networks.items():
        network.forward = recorder(name)
    run_examples()
    for network in networks.values():
        del network.forward  # the class's own is there again
    return {name: inputs[:: -(-len(inputs) // most)] for name, inputs in calls.items()}


class Called(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Deviation:
    """How far the networks are from what they computed when this was made, each on the same inputs.

    The inputs: known tokens of unit variance at several steps of an image, with and without its class; the z of each for the
    whole diffusion loop, with the same noise; and the tokens of the last for the decoder.
    """

    SHARES = (0, 0.2, 0.4, 0.6, 0.8, 0.98)  # of the tokens that are known
    ROWS = 16  # of z that are sampled at each step

    def __init__(self, model, vae, guidance: float):
        self.model, self.vae, self.guidance = model, vae, guidance
        draw = torch.Generator().manual_seed(0)
        self.tokens = torch.randn(2, model.seq_len, model.token_embed_dim, generator=draw).cuda()
        orders = [torch.randperm(model.seq_len, generator=draw) for _ in self.SHARES]
        self.masks = [(order >= share * model.seq_len).float().expand(2, -1).cuda() for order, share in zip(orders, self.SHARES)]
        self.classes = torch.stack([model.class_emb.weight[0], model.fake_latent[0]]).detach()
        self.z = None
        with torch.no_grad():
            self.z, self.sampled, _ = self.outputs()

    def outputs(self):
        z, sampled = [], []
        for step, mask in enumerate(self.masks):
            encoded = self.model.forward_mae_encoder(self.tokens, mask, self.classes)
            z.append(self.model.forward_mae_decoder(encoded, mask))
            rows = (z if self.z is None else self.z)[step][:, : self.ROWS // 2].reshape(self.ROWS, -1)
            torch.manual_seed(step)
            sampled.append(self.model.diffloss.sample(rows, 1.0, self.guidance))
        return z, sampled, [self.vae.decode(self.model.unpatchify(self.tokens[:1]) / 0.2325)]

    def measure(self) -> list[dict]:
        """The root mean square of the differences, relative to that of the outputs before. Random weights make grey images, whose
        differences say nothing."""
        parts = zip(("z", "sampled tokens"), self.outputs(), (self.z, self.sampled))
        return [{"of": of, "relativeRms": relative_rms(after, before)} for of, after, before in parts]


def relative_rms(actual, expected) -> float:
    flat = [torch.cat([part.float().flatten() for part in parts]) for parts in (actual, expected)]
    return float((flat[0] - flat[1]).norm() / flat[1].norm())

