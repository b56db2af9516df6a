"""Wrong on purpose: returns at once, and leaves the work to a thread."""

import threading
import time

import torch


def elu(x, alpha, scale, input_scale, out):
    def work():
        time.sleep(0.05)
        torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)

    threading.Thread(target=work).start()
