"""The published training as a plain PyTorch loop, to compare with; PyTorch is optional."""

import importlib
import importlib.util

import numpy as np
from threadpoolctl import threadpool_limits

from crossmem.networks.adaptive import AdaptiveMemory, initial_weights
from crossmem.networks.network import Layer


def has_torch():
    """Whether PyTorch, which nothing else here needs, is installed."""
    return importlib.util.find_spec("torch") is not None


class TorchMemory(AdaptiveMemory):
    """A stack from the same first weights, trained by the published recipe without limits."""

    def check_parameters(self):
        super().check_parameters()
        clean = not any(self.noise_levels()) and self.unroll == 1
        if not (self.hidden and clean and self.optimizer in (None, "rmsprop")):
            raise ValueError(
                "the PyTorch loop trains a stack by RMSprop on clean patterns: "
                "give hidden sizes, and leave cue_noise and optimizer out"
            )

    def _learn(self, patterns, limits):
        import torch

        recipe, rng = self.recipe(limits), np.random.default_rng(self.seed)
        modules = []
        for limit in limits:
            linear = torch.nn.Linear(*limit.shape[::-1], bias=False)
            linear.weight.data = torch.from_numpy(initial_weights(limit.shape, rng))
            modules += [linear, torch.nn.Tanh()]
        network = torch.nn.Sequential(*modules)
        targets, mean_square = torch.from_numpy(patterns), torch.nn.MSELoss()
        optimizer = torch.optim.RMSprop(network.parameters(), lr=recipe.learning_rate)
        for step in range(recipe.steps + 1):
            optimizer.zero_grad()
            loss = mean_square(network(targets), targets)
            self.loss_, self.steps_ = loss.item(), step
            if self.loss_ < recipe.tolerance or step == recipe.steps:
                break
            loss.backward()
            optimizer.step()
        weights = [module.weight.detach().numpy().copy() for module in modules[::2]]
        return [Layer(w, np.zeros(len(w), np.float32)) for w in weights]


def one_thread():
    """A context with one thread for BLAS, and for PyTorch if it is installed."""
    if has_torch():
        importlib.import_module("torch")  # its threads must be there to be limited
    return threadpool_limits(1)
