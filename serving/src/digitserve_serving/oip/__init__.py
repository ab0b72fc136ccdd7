"""The Open Inference Protocol, version 2: the only place that knows its messages."""
