"""Adam for facts that stop one by one."""

import torch


class FactwiseAdam:
    """Adam on the facts of one tensor, (n_facts, n_points, d_model); a finished fact keeps its δs.

    All facts start together, so one step count serves all. Written out because the
    library's Adam moves finished facts on by momentum. Same update as
    `torch.optim.Adam` with its default betas and eps.
    """

    def __init__(self, delta: torch.Tensor, learning_rate: float, betas=(0.9, 0.999), eps=1e-8):
        self.delta, self.learning_rate, self.betas, self.eps = delta, learning_rate, betas, eps
        self.mean = torch.zeros_like(delta)
        self.square = torch.zeros_like(delta)
        self.count = 0

    def step(self, gradient: torch.Tensor, active: torch.Tensor) -> None:
        self.count += 1
        first, second = self.betas
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        denominator = (self.square / (1 - second**self.count)).sqrt_() + self.eps
        update = self.mean / denominator * (self.learning_rate / (1 - first**self.count))
        self.delta -= update * active[:, None, None]
