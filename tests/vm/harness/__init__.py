# SPDX-License-Identifier: BSD-3-Clause
"""Boots real kernels under QEMU and runs the project's programs in them."""
