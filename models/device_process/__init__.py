"""A generator in a separate process, so that each GPU has a CUDA context, an allocator and a Python lock of its own.

The child gets no secret and runs third-party weights, so the parent never unpickles what it sends: messages are JSON,
and frames are raw bytes in shared memory.
"""

from models.device_process.child_process import StartChild
from models.device_process.process_encoder import ProcessEncoder
from models.device_process.process_generator import ProcessGenerator

__all__ = ["ProcessEncoder", "ProcessGenerator", "StartChild"]
