"""Models on our kernels by `fuse`, and back again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import kernels
from kernels import fuse, unfuse
from kernels.fusing import FusedELU, FusedSequential
from tests.kernels.values import BF16, DEVICE, normals, same_bits


@pytest.fixture(autouse=True)
def exact_convolutions() -> Iterator[None]:
    """On a GPU: the same bits in every run, and not rounded to TF32, which hides what is held against what."""
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def old_weight_norm(module: nn.Module) -> nn.Module:
    return nn.utils.weight_norm(module)


new_weight_norm = nn.utils.parametrizations.weight_norm


class Residual(nn.Module):
    """SEANet's: ELU, convolution, ELU, convolution, beside a shortcut."""

    def __init__(self, channels: int, norm: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        narrow = norm(nn.Conv1d(channels, channels // 2, 3, padding=1, padding_mode="reflect"))
        self.block = nn.Sequential(nn.ELU(), narrow, nn.ELU(), norm(nn.Conv1d(channels // 2, channels, 1)))
        self.shortcut = norm(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.block(x)


def encodec(norm: Callable[[nn.Module], nn.Module] = new_weight_norm) -> nn.Module:
    return nn.Sequential(
        norm(nn.Conv1d(1, 4, 7, padding=3)),
        *(Residual(4, norm), nn.ELU(), norm(nn.Conv1d(4, 8, 4, stride=2))),
        *(Residual(8, norm), nn.ELU(), norm(nn.ConvTranspose1d(8, 4, 4, stride=2, output_padding=1)), nn.ELU(0.5)),
        norm(nn.Conv1d(4, 1, 3)),
    )


class Attention(nn.Module):
    """A graph attention layer: a bias of its own, and the activation as an attribute or in its forward."""

    def __init__(self, features: int, activation: Callable[[Tensor], Tensor] | None) -> None:
        super().__init__()
        self.project = nn.Linear(6, features, bias=False)
        self.bias = nn.Parameter(torch.full((features,), 0.1))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x)
        out = (x @ x.mT).softmax(-1) @ x + self.bias
        return functional.elu(out) if self.activation is None else self.activation(out)


def gat() -> nn.Module:
    return nn.Sequential(Attention(6, functional.elu), Attention(6, nn.ELU()), Attention(3, None))


def ppo() -> nn.Module:
    activation = nn.ELU()  # one for all layers
    return nn.Sequential(nn.Linear(6, 32), activation, nn.Linear(32, 16), activation, nn.Linear(16, 2))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], bool, set[str]]] = {
    "EnCodec": (encodec, (2, 1, 64), False, {"1.block.1 + 1.block.2", "4.block.1 + 4.block.2", "6 + 7"}),
    "EnCodec, weight norm by hooks": (
        lambda: encodec(old_weight_norm), (1, 64), False, {"1.block.1 + 1.block.2", "4.block.1 + 4.block.2", "6 + 7"},
    ),
    "GAT": (gat, (9, 6), False, {"0.activation", "1.activation"}),
    "PPO": (ppo, (5, 6), False, {"1"}),
    "PPO, with its biases": (ppo, (5, 6), True, {"0 + 1", "1", "2 + 3"}),
}  # fmt: skip


def built(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    model = build().to(DEVICE)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):  # a bias that is left out or added twice shows
            nn.init.normal_(parameter)
    return model


def results(model: nn.Module, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    out = model(x)
    return [out, *torch.autograd.grad(out.square().sum(), [x, *model.parameters()])]


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("name", MODELS)
def test_results_and_gradients_stay_and_all_comes_back_bit_for_bit(name):
    build, shape, linear, pairs = MODELS[name]
    model, x = built(build), normals(*shape)
    state, before = {key: value.clone() for key, value in model.state_dict().items()}, results(model, x)
    kinds = [type(module) for module in model.modules()]
    fusion = fuse(model, linear=linear)
    assert pairs <= set(fusion.replaced)
    assert {pair for pair in fusion.replaced if " + " in pair} == {pair for pair in pairs if " + " in pair}
    torch.testing.assert_close(results(model, x), before, rtol=2e-5, atol=2e-5)
    assert list(model.state_dict()) == list(state)
    assert all(same_bits(value, state[key]) for key, value in model.state_dict().items())
    unfuse(model)
    assert [type(module) for module in model.modules()] == kinds
    assert all(same_bits(*pair) for pair in zip(results(model, x), before, strict=True))


def test_what_is_left_is_said_with_the_reason():
    wrapped = nn.Sequential(nn.Conv1d(2, 2, 1), nn.Identity())
    model = nn.Sequential(
        *(wrapped, nn.ELU(), nn.Conv1d(2, 2, 1), nn.ELU(inplace=True), nn.Conv1d(2, 2, 1, bias=False), nn.ELU()),
        *(nn.Linear(4, 4), nn.ELU(), Attention(3, None)),
    )
    model.to(DEVICE)
    hooked = nn.Sequential(nn.Conv1d(2, 2, 1), nn.ELU())
    hooked[0].register_forward_hook(lambda *_: None)
    fusion = fuse(nn.Sequential(model, hooked))
    assert fusion.replaced == dict.fromkeys(["0.1", "0.3", "0.5", "0.7", "1.1"], "elu")
    assert {where: why.split(" ")[0] for where, why in fusion.left.items()} == {
        "0.0 + 0.1": "whether", "0.2 + 0.3": "the", "0.6 + 0.7": "a", "0.8": "its", "1.0 + 1.1": "a",
    }  # fmt: skip
    assert "0.8 is left: its forward calls elu" in str(fusion)
    assert "0.1 -> elu" in str(fusion)


def test_a_model_without_elu_is_unchanged_and_that_is_said():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    fusion = fuse(model)
    assert not fusion.replaced and not fusion.left
    assert str(fusion) == "nothing was replaced"
    assert [type(each) for each in model.modules()] == [nn.Sequential, nn.Linear, nn.ReLU]


def test_an_elu_with_a_forward_of_its_own_stays():
    class Mine(nn.ELU):
        def forward(self, input: Tensor) -> Tensor:
            return input

    model = nn.ModuleDict({"mine": Mine(), "patched": nn.ELU()})
    model["patched"].forward = lambda x: x
    fusion = fuse(model)
    assert set(fusion.left) == {"mine", "patched"} and not fusion.replaced
    assert type(model["mine"]) is Mine


def test_hooks_and_shared_layers_keep_what_they_saw():
    """Whether a hook comes before or after: and a layer that is also used elsewhere adds its bias there."""
    layer = nn.Conv1d(3, 3, 1)
    model = built(lambda: nn.ModuleDict({"first": nn.Sequential(layer, nn.ELU()), "again": layer}))
    x = normals(2, 3, 5)
    plain, expected = layer(x), functional.elu(layer(x))
    fuse(model)
    assert type(model["first"]) is FusedSequential
    assert same_bits(model["again"](x), plain) and same_bits(model["first"][0](x), plain)
    torch.testing.assert_close(model["first"](x), expected)
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    assert same_bits(model["first"](x), kernels.elu(plain))
    assert len(seen) == 1 and same_bits(seen[0], plain)
    handle.remove()
    model["first"](x)
    assert len(seen) == 1
    handle = nn.modules.module.register_module_forward_hook(lambda *_: seen.append(x))
    model["first"](x)
    handle.remove()
    assert len(seen) == 4  # of the layer, the ELU and the whole
    model["first"][1] = nn.ReLU()  # a module that was exchanged
    assert same_bits(model["first"](x), plain.relu())


def test_alpha_and_inplace_are_those_of_the_module():
    model = nn.Sequential(nn.ELU(0.5, inplace=True)).to(DEVICE)
    fuse(model)
    x = normals(40)
    expected = functional.elu(x, 0.5)
    assert model(x) is x
    torch.testing.assert_close(x, expected)
    assert repr(model[0]) == "FusedELU(alpha=0.5, inplace=True)"
    assert isinstance(model[0], nn.ELU)


def test_fusing_twice_and_a_copy_that_is_unfused():
    model = built(lambda: encodec())
    first = fuse(model)
    again = fuse(model)
    assert not again.replaced
    assert set(again.left.values()) == {"it is fused already"}
    twin = copy.deepcopy(model)
    unfuse(twin)
    assert not any(isinstance(each, (FusedELU, FusedSequential)) for each in twin.modules())
    assert any(isinstance(each, FusedELU) for each in model.modules())
    assert first.replaced == fuse(twin).replaced


def test_a_module_that_was_given_another_class_since_is_named():
    model = nn.Sequential(nn.ELU(), nn.ELU())
    fuse(model)
    model[0].__class__ = type("Sharded", (FusedELU,), {})
    with pytest.raises(RuntimeError, match="become a Sharded"):
        unfuse(model)
    assert type(model[1]) is FusedELU


def test_autocast_gives_the_dtype_that_it_gave():
    model = nn.Sequential(nn.Conv1d(3, 4, 1), nn.ELU()).to(DEVICE)
    x = normals(2, 3, 8)
    with torch.autocast(DEVICE, BF16):
        expected = model(x)
        fuse(model)
        result = model(x)
    assert result.dtype == expected.dtype == BF16
    torch.testing.assert_close(result, expected, rtol=2e-2, atol=1e-2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_fused_models_are_compiled_and_exported(name):
    build, shape, linear, _ = MODELS[name]
    model, x = built(build), normals(*shape)
    expected = results(model, x)
    fuse(model, linear=linear)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(results(compiled, x), expected, rtol=2e-5, atol=2e-5)
    exported = torch.export.export(model, (x,))
    assert "elubench.elu" in str(exported.graph) or "elubench.bias_elu" in str(exported.graph)
    torch.testing.assert_close(exported.module()(x), expected[0], rtol=2e-5, atol=2e-5)


def test_an_empty_sequential_stands_between_as_it_does_without_fusing():
    model = built(lambda: nn.Sequential(nn.Conv1d(3, 3, 1), nn.Sequential(), nn.ELU(), nn.Conv1d(3, 3, 1), nn.ELU()))
    x = normals(2, 3, 5)
    expected = model(x)
    assert {pair for pair in fuse(model).replaced if " + " in pair} == {"3 + 4"}
    torch.testing.assert_close(model(x), expected)
    torch.testing.assert_close(model[2:](model[:2](x)), expected)  # slices of a fused one are fused
