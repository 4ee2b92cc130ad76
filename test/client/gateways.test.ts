import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runningService } from "./running-service.js";

/**
 * What the gateways of docs/clients.md send, as their sources say: BerriAI/litellm 0246769, open-webui/open-webui 02530d5,
 * danny-avila/LibreChat 37d31ec (DALLE3.js) and 00b3bc3, n8n-io/n8n 0713e95, langchain-ai/langchain-community bc87773,
 * langchain-ai/langchainjs 050cfc0. `reads` is the field that the gateway reads.
 */

let service: Awaited<ReturnType<typeof runningService>>;
beforeAll(async () => {
  const aliases = ["dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1-mini"].map((name) => `${name}=demo`);
  service = await runningService({ MODEL_ALIASES: aliases.join(), PROMPT_FALLBACK: "unconditional" });
});
afterAll(() => service?.stop());

function send(method: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${service.key}`, "content-type": "application/json" };
  return fetch(`${service.address}/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

interface Answer {
  readonly data: readonly { readonly url?: string; readonly b64_json?: string }[];
  readonly adjusted?: readonly { readonly param: string }[];
}

/** The first image, fetched as the gateway does it: an address without the key. */
async function imageOf({ data }: Answer, field: "url" | "b64_json"): Promise<Buffer> {
  const value = data[0]![field];
  if (value === undefined) throw new Error(`The answer has no ${field}.`);
  if (field === "b64_json") return Buffer.from(value, "base64");
  // LibreChat keeps an image under the name that its address ends in.
  expect(new URL(value).pathname).toMatch(/\.png$/);
  return Buffer.from(await (await fetch(value)).arrayBuffer());
}

const LONG_PROMPT = "A photo of a tabby that naps on a windowsill in warm evening light, in great detail.";

const CASES: readonly {
  readonly source: string;
  readonly body: object;
  readonly reads: "url" | "b64_json";
  readonly size: string;
  readonly adjusted?: readonly string[];
  /** The format of the image; png when absent. */
  readonly format?: string;
}[] = [
  {
    source: "LiteLLM, llms/openai/openai.py: image_generation() of openai/demo",
    body: { model: "demo", prompt: "a boat", n: 2, size: "1024x1024", quality: "high", user: "u" },
    reads: "b64_json",
    size: "1024x1024",
  },
  {
    source: "LiteLLM, health check of mode image_generation: litellm_core_utils/health_check_helpers.py, constants.py",
    body: { model: "demo", prompt: "test from litellm" },
    reads: "b64_json",
    size: "64x64",
    adjusted: ["prompt"],
  },
  {
    source: "Open WebUI, routers/images.py: image_generations(), with its default model and size",
    body: { model: "dall-e-2", prompt: "a boat", n: 1, size: "512x512", response_format: "b64_json" },
    reads: "b64_json",
    size: "512x512",
  },
  {
    source: "Open WebUI, the same for models that match IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN",
    body: { model: "gpt-image-1", prompt: LONG_PROMPT, n: 1, size: "auto" },
    reads: "b64_json",
    size: "64x64",
    adjusted: ["prompt"],
  },
  {
    source: "LibreChat, tools/structured/DALLE3.js",
    body: {
      model: "dall-e-3",
      quality: "standard",
      style: "vivid",
      size: "1792x1024",
      prompt: LONG_PROMPT,
      n: 1,
    },
    reads: "url",
    size: "1792x1024",
    adjusted: ["style", "prompt"],
  },
  {
    source: "LibreChat, tools/structured/OpenAIImageTools.js with imageOutputType webp",
    body: {
      model: "gpt-image-1",
      prompt: "a boat",
      n: 1,
      background: "transparent",
      output_format: "webp",
      output_compression: 100,
      quality: "medium",
      size: "1024x1536",
    },
    reads: "b64_json",
    size: "1024x1536",
    format: "webp",
    adjusted: ["background"],
  },
  {
    source: "n8n, nodes/vendors/OpenAi/v2/actions/image/generate.operation.ts from version 2.2",
    body: { prompt: "a boat", model: "gpt-image-1-mini", quality: "low", size: "1536x1024" },
    reads: "b64_json",
    size: "1536x1024",
  },
  {
    source: "n8n, the same before version 2.2, with all options",
    body: {
      prompt: "a boat",
      model: "dall-e-3",
      response_format: "b64_json",
      quality: "hd",
      size: "1024x1792",
      style: "natural",
    },
    reads: "b64_json",
    size: "1024x1792",
    adjusted: ["style"],
  },
  {
    source: "n8n, the same with n from an expression, which is text, and returnImageUrls",
    body: { prompt: "a boat", model: "dall-e-2", response_format: "url", n: "2", size: "256x256" },
    reads: "url",
    size: "256x256",
  },
  {
    source: "LangChain for Python, langchain_community/utilities/dalle_image_generator.py: run()",
    body: { prompt: "a boat", n: 1, size: "1024x1024", model: "dall-e-2", quality: "standard" },
    reads: "url",
    size: "1024x1024",
  },
  {
    source: "LangChain for JavaScript, langchain-openai/src/tools/dalle.ts: _call()",
    body: {
      model: "dall-e-3",
      prompt: "a boat",
      n: 1,
      size: "1024x1024",
      response_format: "url",
      style: "vivid",
      quality: "standard",
    },
    reads: "url",
    size: "1024x1024",
    adjusted: ["style"],
  },
];

describe("a gateway gets an image of the size that it asks for:", () => {
  it.each(CASES)("$source", async ({ body, reads, size, adjusted = [], format = "png" }) => {
    const response = await send("POST", "/images/generations", body);
    const answer = (await response.json()) as Answer;
    expect(response.status, JSON.stringify(answer)).toBe(200);
    const image = await sharp(await imageOf(answer, reads)).metadata();
    expect({ size: `${image.width}x${image.height}`, format: image.format }).toEqual({ size, format });
    expect((answer.adjusted ?? []).map(({ param }) => param)).toEqual(adjusted);
  });
});

interface FormCase {
  readonly source: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The name of the image's field. */
  readonly image: "image" | "image[]";
  readonly hasMask?: true;
  readonly reads: "url" | "b64_json";
  readonly size: string;
  readonly adjusted: readonly string[];
}

/** BerriAI/litellm 078686d, n8n-io/n8n 2475cbe; the others as above. */
const FORM_CASES: readonly FormCase[] = [
  {
    source: "LiteLLM, llms/openai/image_edit/transformation.py",
    fields: { model: "demo", prompt: "a boat", n: "1", size: "1024x1024", quality: "low", response_format: "b64_json" },
    image: "image[]",
    reads: "b64_json",
    size: "1024x1024",
    adjusted: ["image", "mask"],
  },
  {
    source: "Open WebUI, routers/images.py: image_edits()",
    fields: { model: "dall-e-2", prompt: "a boat", n: "1", size: "512x512", response_format: "b64_json" },
    image: "image",
    reads: "b64_json",
    size: "512x512",
    adjusted: ["image", "mask"],
  },
  {
    source: "LibreChat, tools/structured/OpenAIImageTools.js: imageEditTool",
    fields: { model: "gpt-image-1", prompt: LONG_PROMPT, quality: "auto", size: "auto" },
    image: "image[]",
    reads: "b64_json",
    size: "64x64",
    adjusted: ["prompt", "image", "mask"],
  },
  {
    source: "n8n, nodes/vendors/OpenAi/v2/actions/image/edit.operation.ts, with all options",
    fields: {
      prompt: "a boat",
      model: "gpt-image-1",
      n: "1",
      size: "1024x1024",
      background: "auto",
      input_fidelity: "high",
      output_format: "png",
      output_compression: "100",
      quality: "auto",
    },
    image: "image[]",
    hasMask: true,
    reads: "b64_json",
    size: "1024x1024",
    adjusted: ["input_fidelity", "image"],
  },
  {
    source: "n8n, the same for dall-e-2",
    fields: { prompt: "a boat", model: "dall-e-2", n: "1", size: "256x256", response_format: "url" },
    image: "image",
    hasMask: true,
    reads: "url",
    size: "256x256",
    adjusted: ["image"],
  },
];

describe("a gateway edits an image:", () => {
  /** A photo's size; the mask's upper half is transparent. */
  const draw = async (height: number) =>
    sharp({ create: { width: 256, height, channels: 4, background: "#2060a0" } })
      .extend({ top: 256 - height, background: "#00000000" })
      .png()
      .toBuffer();

  it.each(FORM_CASES)("$source", async ({ fields, image, hasMask, reads, size, adjusted }) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append(image, new Blob([new Uint8Array(await draw(256))], { type: "image/png" }), "photo.png");
    if (hasMask) form.append("mask", new Blob([new Uint8Array(await draw(128))], { type: "image/png" }), "mask.png");
    const headers = { authorization: `Bearer ${service.key}` };
    const response = await fetch(`${service.address}/v1/images/edits`, { method: "POST", headers, body: form });
    const answer = (await response.json()) as Answer;
    expect(response.status, JSON.stringify(answer)).toBe(200);
    const { width, height } = await sharp(await imageOf(answer, reads)).metadata();
    expect(`${width}x${height}`).toBe(size);
    expect((answer.adjusted ?? []).map(({ param }) => param)).toEqual(adjusted);
  });
});

describe("a gateway that asks for something else is refused in OpenAI's shape:", () => {
  const messages = [{ role: "user", content: "Hey how's it going?" }];

  it.each([
    // Older releases of LiteLLM send max_tokens in health checks of every mode.
    ["POST", "/images/generations", { model: "demo", prompt: "test from litellm", max_tokens: 1 }, 400, "max_tokens"],
    // LiteLLM, proxy/health_check.py, for a model without a mode.
    ["POST", "/chat/completions", { model: "demo", messages, max_tokens: 16 }, 404, null],
    ["POST", "/images/generations", { model: "demo", prompt: "a boat", negative_prompt: "x" }, 400, "negative_prompt"],
    ["POST", "/images/generations", { model: "imagen-3", prompt: "a boat" }, 404, "model"],
  ])("%s %s %j", async (method, path, body, status, param) => {
    const response = await send(method, path, body);
    expect(response.status).toBe(status);
    const error = { type: "invalid_request_error", param, message: expect.any(String), code: expect.any(String) };
    expect(await response.json()).toEqual({ error });
  });

  it("n8n tests its credentials and finds its models with GET /models", async () => {
    const { data } = (await (await send("GET", "/models")).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toContain("gpt-image-1-mini");
  });
});
