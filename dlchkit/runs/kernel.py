"""Kernels of the interpreter that runs the kit, whatever kernels Jupyter knows by name."""

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager


class OwnKernelManager(AsyncKernelManager):
    """Starts ``sys.executable``: a kernel named "python3" may belong to another environment, or to one that is gone."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """What starts this interpreter's kernel."""
        return KernelSpec(**get_kernel_dict())
