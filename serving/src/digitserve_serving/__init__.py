"""The Digitserve server: batched onnxruntime predictions behind gRPC.

From the outside in: `servicers` answer calls, `models` knows what is loaded, `batcher` gathers rows,
`runtime` computes. gRPC types stop in `servicers`, `codec` and `status`.
"""
