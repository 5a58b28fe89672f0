"""The plain examples of the operations (dtypes, errors, kinks, poles, ties, windows), run again on every
other backend."""

import backends.strict  # noqa: F401
import pytest
from ops.test_convolution import *  # noqa: F403
from ops.test_dtypes import *  # noqa: F403
from ops.test_errors import *  # noqa: F403
from ops.test_functions import CONSTANTS, test_constants_equal_numpys  # noqa: F401
from ops.test_kinks import *  # noqa: F403
from ops.test_pooling import *  # noqa: F403

import graphdiff as gd

# Of rules more than of kernels, and slow.
del test_three_derivatives_are_torchs, test_second_and_third_order_by_finite_differences  # noqa: F821
# Of NumPy's memory.
del test_every_layout_of_memory_gives_the_same_to_the_last_bit  # noqa: F821
del test_results_have_the_batch_innermost_and_operations_between_keep_it  # noqa: F821


@pytest.fixture(scope="module", autouse=True, params=["torch", "strict"])
def backend(request):
    with gd.backend(request.param) as backend:
        yield backend
