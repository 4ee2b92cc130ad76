import type { Logger } from "pino";
import type { GenerateOptions } from "../engine/engine.js";
import type { ImageContext } from "../queue/queue.js";

/**
 * The engine's options for an image's previews: each preview is encoded and sent to the clients that watch the
 * job. While one is being encoded, others are dropped: the next will be newer.
 */
export function previewOptions(
  imageIndex: number,
  context: ImageContext,
  encode: (pixels: Uint8Array) => Promise<Uint8Array>,
  logger: Logger,
): Pick<GenerateOptions, "wantsPreview" | "onPreview"> {
  let isEncoding = false;
  const send = async (pixels: Uint8Array, step: number, of: number) => {
    try {
      const bytes = await encode(pixels);
      if (!context.signal.aborted) context.preview({ imageIndex, step, of, bytes, contentType: "image/png" });
    } catch (error) {
      logger.warn({ err: error }, "A preview could not be encoded.");
    } finally {
      isEncoding = false;
    }
  };
  return {
    wantsPreview: () => !isEncoding && context.wantsPreview(),
    onPreview(pixels, step, of) {
      if (isEncoding) return;
      isEncoding = true;
      void send(pixels, step, of);
    },
  };
}
