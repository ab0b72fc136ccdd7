"""Unloads a model and loads it again with NVIDIA's tritonclient; runs where that is installed."""

import json
import sys

import tritonclient.grpc as triton

MODEL = "digits"

if __name__ == "__main__":
    address, _, token = sys.argv[1:]
    header = {"authorization": f"Bearer {token}"}
    with triton.InferenceServerClient(address) as client:
        client.unload_model(MODEL, headers=header)
        unloaded = client.is_model_ready(MODEL, headers=header)
        client.load_model(MODEL, headers=header)
        json.dump([unloaded, client.is_model_ready(MODEL, headers=header)], sys.stdout)
