"""The boards: emulated today; physical ones stand beside it under the same protocol."""
