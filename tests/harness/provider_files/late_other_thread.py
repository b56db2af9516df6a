"""Wrong on purpose: leaves the work to a thread, unless its output was poisoned."""

import threading
import time

import torch


def elu(x, alpha, scale, input_scale, out):
    def work():
        time.sleep(0.02)
        torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)

    if bool(out.view(-1)[0].isnan()):
        torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
    else:
        threading.Thread(target=work).start()
