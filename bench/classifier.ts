import { InferenceSession, Tensor } from "onnxruntime-node";

/** An image classifier: `image` [N, 3, H, W] in [-1, 1] -> `logits` [N, classes]. */
export interface Classifier {
  /** Index of the class that each image of interleaved pixels [H, W, 3] shows. */
  classify(images: readonly Uint8Array[], width: number, height: number): Promise<number[]>;
  close(): Promise<void>;
}

/** Opens the classifier trained on drawn images, `classifier.onnx` in the demo's folder. */
export async function openClassifier(path: string): Promise<Classifier> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  return {
    async classify(images, width, height) {
      const image = new Tensor("float32", planes(images, width * height), [images.length, 3, height, width]);
      const { logits } = await session.run({ image }, ["logits"]);
      const scores = logits!.data as Float32Array; // [N, classes]
      const classes = scores.length / images.length;
      return images.map((_, i) => largest(scores.subarray(i * classes, (i + 1) * classes)));
    },
    close: () => session.release(),
  };
}

/** [H, W, 3] bytes -> [N, 3, H, W] in [-1, 1] */
function planes(images: readonly Uint8Array[], pixels: number): Float32Array {
  const values = new Float32Array(images.length * 3 * pixels);
  images.forEach((image, i) => {
    for (let channel = 0; channel < 3; channel++)
      for (let p = 0; p < pixels; p++) values[(3 * i + channel) * pixels + p] = image[3 * p + channel]! / 127.5 - 1;
  });
  return values;
}

/** The index of the largest value, the first of several. */
export function largest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
