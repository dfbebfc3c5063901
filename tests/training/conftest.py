"""Tests teach tiny students; one thread each, so that tests run side by side do not wait for one another."""

import torch

torch.set_num_threads(1)
