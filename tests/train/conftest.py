import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Tensors this small are computed faster by one thread, the more so beside other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
