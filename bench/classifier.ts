import { InferenceSession, Tensor } from "onnxruntime-node";

/** Decides what a picture shows: `image` [N, 3, H, W] in [-1, 1] -> `logits` [N, classes]. */
export interface Classifier {
  /** Index of the class that each picture of interleaved pixels [H, W, 3] shows. */
  classify(pictures: readonly Uint8Array[], width: number, height: number): Promise<number[]>;
  close(): Promise<void>;
}

/** Opens the classifier that was trained on drawn pictures, `classifier.onnx` in the demo's folder. */
export async function openClassifier(path: string): Promise<Classifier> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  return {
    async classify(pictures, width, height) {
      const image = new Tensor("float32", planes(pictures, width * height), [pictures.length, 3, height, width]);
      const { logits } = await session.run({ image }, ["logits"]);
      const scores = logits!.data as Float32Array; // [N, classes]
      const classes = scores.length / pictures.length;
      return pictures.map((_, i) => largest(scores.subarray(i * classes, (i + 1) * classes)));
    },
    close: () => session.release(),
  };
}

/** [H, W, 3] bytes -> [N, 3, H, W] in [-1, 1] */
function planes(pictures: readonly Uint8Array[], pixels: number): Float32Array {
  const image = new Float32Array(pictures.length * 3 * pixels);
  pictures.forEach((picture, i) => {
    for (let channel = 0; channel < 3; channel++)
      for (let p = 0; p < pixels; p++) image[(3 * i + channel) * pixels + p] = picture[3 * p + channel]! / 127.5 - 1;
  });
  return image;
}

function largest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
