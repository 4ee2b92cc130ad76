import sharp from "sharp";
import { pairedRatio } from "../../../bench/statistics.js";
import { markdownTable } from "../../../src/markdown-table.js";
import { startDistributed } from "../../topology/topology.js";
import { SUMMARY_HEAD, type Summary, summarise, summaryRow } from "../answers.js";
import { defaultBody, mixedSteps } from "../bodies.js";
import { runClosedLoop } from "../closed-loop.js";
import { baseEnvironment, MAX_BATCH, type Scenario } from "../scenario.js";

const CLIENTS = 32;
/** One request in so many is an edit. */
const EDIT_EVERY = 4;

/** 8 to 36 steps, so that images leave the batch one by one, whether edits are among them or not. */
const body = (index: number) => ({ ...mixedSteps(index), steps: 4 + Math.ceil(mixedSteps(index).steps / 2) });
const isEdit = (index: number) => index % EDIT_EVERY === 0;

/** Images only, and the same with a quarter of edits that draw half of their image again, in turn. */
export const edits: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const rounds = quick ? 1 : 5;
  const requests = quick ? 8 : 128;
  const service = await startDistributed(1, 1, baseEnvironment(setting));
  try {
    const address = service.addresses[0]!;
    const files = await uploads(address);
    const edited = (index: number) => ({
      ...body(index),
      ...files[Math.floor(index / EDIT_EVERY) % files.length],
    });
    const ways = {
      images: { body },
      "25 % edits": {
        body: (index: number) => (isEdit(index) ? edited(index) : body(index)),
        path: (index: number) => (isEdit(index) ? "/edits" : "/generate"),
      },
    };
    const summaries: Record<keyof typeof ways, Summary[]> = { images: [], "25 % edits": [] };
    const names = Object.keys(ways) as (keyof typeof ways)[];
    for (let round = 0; round < rounds; round++) {
      progress(`edits: round ${round + 1} of ${rounds} ...`);
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const startMs = performance.now();
        const answers = await runClosedLoop({ address, connections: CLIENTS, requests, ...ways[name] });
        const endMs = Math.max(...answers.map(({ cameMs }) => cameMs!));
        summaries[name].push(summarise(answers, (endMs - startMs) / 1000));
      }
    }
    const rows = names.flatMap((name) =>
      summaries[name].map((summary, round) => summaryRow(`${name} ${round + 1}`, summary, MAX_BATCH)),
    );
    print("", `### Edits: ${CLIENTS} clients, 1 API, 1 worker`, "", markdownTable(SUMMARY_HEAD, rows), "");
    const [plain, mixed] = names.map((name) => summaries[name].map(({ perSecond }) => perSecond));
    const ratio = (100 * pairedRatio(mixed!, plain!)).toFixed(1);
    print(`- With 25 % edits, ${ratio} % of the images per second without (median of the paired ratios).`);
  } finally {
    await service.stop();
  }
};

/** Four generated images, each with a mask over one of its halves. */
function uploads(address: string): Promise<{ image: string; mask: string }[]> {
  return Promise.all(
    [0, 1, 2, 3].map(async (half) => {
      const headers = { "content-type": "application/json", accept: "image/png" };
      const body = JSON.stringify(defaultBody(half));
      const response = await fetch(`${address}/generate`, { method: "POST", headers, body });
      const image = Buffer.from(await response.arrayBuffer());
      const { width, height } = await sharp(image).metadata();
      const black = sharp({ create: { width, height, channels: 3, background: "black" } });
      const [w, h] = half < 2 ? [width / 2, height] : [width, height / 2];
      const white = { create: { width: w, height: h, channels: 3, background: "white" } } as const;
      const mask = black.composite([{ input: white, left: half === 1 ? w : 0, top: half === 3 ? h : 0 }]);
      return { image: image.toString("base64"), mask: (await mask.png().toBuffer()).toString("base64") };
    }),
  );
}
