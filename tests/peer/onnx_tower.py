"""An image tower in ONNX Runtime, in float: what a program without PyTorch would run."""
import tempfile
import warnings

import torch

try:
    import onnxruntime
except ImportError:
    onnxruntime = None


class OnnxTower:
    def __init__(self, tower, images, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(tower, (images,), file.name, input_names=["images"], dynamo=False)
            self.session = onnxruntime.InferenceSession(file.name, options, providers=["CPUExecutionProvider"])
        self.inputs = {"images": images.numpy()}

    def __call__(self):
        return self.session.run(None, self.inputs)[0]
