// ONNX Runtime for JavaScript: node javascript.mjs PACKAGE MODEL CASES LEVELS, run where the package is installed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const [name, model, folder, levels] = process.argv.slice(2);
const require = createRequire(join(process.cwd(), "package.json"));
const ort = require(name);
const TYPES = { float32: Float32Array, int64: BigInt64Array };
const [MOST_RUNS, MOST_SECONDS] = [20, 2];

function read({ file, type, shape }) {
  const bytes = readFileSync(join(folder, file));
  const data = new TYPES[type](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return new ort.Tensor(type, data, shape);
}

function relative(tensor, expected) {
  if (!tensor || String(tensor.dims) !== String(expected.dims)) return Infinity;
  if (expected.type === "int64") return String(tensor.data) === String(expected.data) ? 0 : Infinity;
  let [above, below] = [0, 0];
  for (let at = 0; at < expected.data.length; at++) {
    above += (Number(tensor.data[at]) - Number(expected.data[at])) ** 2;
    below += Number(expected.data[at]) ** 2;
  }
  return Math.sqrt(above / below);
}

const processorSeconds = () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;

async function seconds(run) {
  let least = Infinity;
  const end = processorSeconds() + MOST_SECONDS;
  for (let count = 0; count < MOST_RUNS && processorSeconds() < end; count++) {
    const start = processorSeconds();
    await run();
    least = Math.min(least, processorSeconds() - start);
  }
  return least;
}

const version = JSON.parse(readFileSync(join("node_modules", name, "package.json"), "utf8")).version;
const found = { version, levels: {} };
try {
  if (ort.env.wasm) ort.env.wasm.numThreads = 1;
  const options = { intraOpNumThreads: 1, logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(readFileSync(model), options);
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
  for (const level of levels.split(";")) {
    const feeds = {};
    for (const [input, entry] of Object.entries(index[level].feeds))
      if (session.inputNames.includes(input)) feeds[input] = read(entry);
    const outputs = await session.run(feeds);
    let error = 0;
    for (const [output, entry] of Object.entries(index[level].expected))
      error = Math.max(error, relative(outputs[output], read(entry)));
    found.levels[level] = { error: Number.isFinite(error) ? error : null, seconds: await seconds(() => session.run(feeds)) };
  }
} catch (error) {
  found.error = String(error);
}
process.stdout.write(`\n${JSON.stringify(found)}\n`);
