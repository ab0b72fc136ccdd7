"""The Digitserve server: batched onnxruntime predictions behind gRPC.

From the outside in: `grpcio_transport` and `native_transport` carry calls, `access` lets them in, `servicers`
and `oip` answer them, `models` knows what is loaded (`keeper` loads it, as `repository` and `rollout` say),
`batcher` gathers rows, `runtime` computes. From `models` down there are no gRPC types.
`server` is the life of one process, `supervisor` and `worker` of several on one port; `metrics` and `tracing`
tell what they do.
"""
