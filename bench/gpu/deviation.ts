// How far a float16 model deviates from the same model in float32, both on the same processor. Prints JSON.

import { basename, dirname } from "node:path";
import { compareWithFloat32 } from "../../src/families/mar/importing/verify.js";
import { Progress } from "../../src/importer/progress.js";
import { marArchitecture } from "../../src/model/manifest.js";
import { readManifest } from "../../src/model/registry.js";
import { asProcessor } from "../reference/options.js";

const [provider, half, float32] = process.argv.slice(2) as [string, string, string];
const manifest = await readManifest(dirname(half), basename(half));
const model = { folder: half, manifest: { ...manifest, architecture: marArchitecture(manifest.architecture) } };
const deviation = await compareWithFloat32(model, float32, new Progress({}, 0), { provider: asProcessor(provider) });
process.stdout.write(JSON.stringify(deviation));
