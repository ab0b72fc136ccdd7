// Calls a server from Node, with clients made from our .proto files: calls.cjs TARGET PROTOS
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [target, protos] = process.argv.slice(2);
const files = [
  "digitserve/v1/digit_service.proto",
  "digitserve/v1/model_service.proto",
  "inference/grpc_service.proto",
];
const definition = loader.loadSync(files, { includeDirs: [protos], keepCase: true, longs: Number });
const { digitserve, inference } = grpc.loadPackageDefinition(definition);
const credentials = grpc.credentials.createInsecure();
const clients = [
  new digitserve.v1.DigitService(target, credentials),
  new digitserve.v1.ModelService(target, credentials),
  new inference.GRPCInferenceService(target, credentials),
];
const [digits, models, oip] = clients;

// What the tiny model of the tests reads as these digits.
function pixels(...read) {
  const images = Buffer.alloc(784 * read.length);
  read.forEach((digit, row) => (images[784 * row + digit] = 255));
  return images;
}

function call(client, method, request) {
  const deadline = Date.now() + 20_000;
  return new Promise((resolve, reject) => {
    client[method](request, { deadline }, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

async function refusal(client, method, request) {
  try {
    await call(client, method, request);
  } catch (error) {
    return [error.code, error.details];
  }
  throw new Error(`${method} succeeded`);
}

function stream(client, method, requests) {
  return new Promise((resolve, reject) => {
    const answers = [];
    const open = client[method]({ deadline: Date.now() + 20_000 });
    open.on("data", (answer) => answers.push(answer)).on("error", reject).on("end", () => resolve(answers));
    requests.forEach((request) => open.write(request));
    open.end();
  });
}

function infer(id, ...read) {
  return {
    model_name: "digits",
    id,
    inputs: [{ name: "images", datatype: "UINT8", shape: [read.length, 28, 28] }],
    raw_input_contents: [pixels(...read)],
  };
}

function mostProbable({ outputs, raw_output_contents: [raw] }) {
  const [rows, classes] = outputs[0].shape;
  return Array.from({ length: rows }, (_, row) => {
    const probabilities = Array.from({ length: classes }, (_, n) => raw.readFloatLE(4 * (row * classes + n)));
    return probabilities.indexOf(Math.max(...probabilities));
  });
}

async function main() {
  const one = await call(digits, "ClassifyImage", { pixels: pixels(7) });
  const batch = await call(digits, "BatchClassifyImages", { pixels: pixels(3, 1, 4) });
  const streamed = await stream(digits, "StreamClassifyImages", [2, 7].map((n) => ({ pixels: pixels(n) })));
  const inferred = await call(oip, "ModelInfer", infer("node", 7, 1, 4));
  const inferences = await stream(oip, "ModelStreamInfer", [infer("a", 5), infer("b", 6, 0)]);
  return {
    digit: one.classification.digit,
    label: one.classification.label,
    model: one.model,
    batch: [...batch.classifications.digits],
    stream: streamed.map((answer) => [...answer.classifications.digits]),
    models: (await call(models, "ListModels", {})).models.map(({ name, version }) => [name, version]),
    "too short": await refusal(digits, "ClassifyImage", { pixels: Buffer.alloc(783) }),
    live: (await call(oip, "ServerLive", {})).live,
    ready: (await call(oip, "ServerReady", {})).ready,
    metadata: await call(oip, "ModelMetadata", { name: "digits" }),
    inferred: [inferred.id, mostProbable(inferred)],
    inferences: inferences.map(({ infer_response: answer }) => [answer.id, mostProbable(answer)]),
    malformed: await refusal(oip, "ModelInfer", { ...infer("", 1), raw_input_contents: [Buffer.alloc(783)] }),
    unknown: await refusal(oip, "ModelReady", { name: "nobody" }),
  };
}

main()
  .then((answers) => console.log(JSON.stringify(answers)))
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => clients.forEach((client) => client.close()));
