import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { type Features, firstRows, selectRows } from "../../src/evaluation/features.js";
import { FrechetDistance } from "../../src/evaluation/frechet.js";
import { compare, measure } from "../../src/evaluation/measure.js";
import { momentsOf } from "../../src/evaluation/moments.js";
import { NpzFile } from "../../src/evaluation/npz.js";

/** Made by training/demo/reference_measures.py with torch-fidelity. */
const file = (name: string) => new URL(name, import.meta.url).pathname;
const recorded = JSON.parse(await readFile(file("recorded.json"), "utf8"));

let images: Features;
let reference: Features;
beforeAll(async () => {
  const npz = await NpzFile.open(file("recorded.npz"));
  const [features, logits, of] = await Promise.all(["features", "logits", "reference"].map((name) => npz.array(name)));
  npz.close();
  const table = ({ shape, data }: NonNullable<typeof features>) => ({
    count: shape[0]!,
    width: shape[1]!,
    values: data as Float32Array,
  });
  images = { ...table(features!), logits: table(logits!) };
  reference = table(of!);
});

const OPTIONS = { resamples: 0, classes: 1, neighbours: recorded.neighbours, manifoldImages: 10_000 };
const against = () => ({ moments: momentsOf(reference), features: reference });

describe("measures", () => {
  it("are torch-fidelity's on the same features", () => {
    const measures = measure(images, against(), OPTIONS);
    expect(measures.frechet_distance).toBeCloseTo(recorded.frechet_distance, 6);
    expect(measures.inception_score).toBeCloseTo(recorded.inception_score_mean, 6);
    expect(measures.inception_score_deviation).toBeCloseTo(recorded.inception_score_std, 6);
    expect(measures.precision).toBeCloseTo(recorded.precision, 6);
    expect(measures.recall).toBeCloseTo(recorded.recall, 6);
  });

  it("have an interval that holds the estimate, narrower with more images", () => {
    const width = (features: Features) => {
      const { frechet_interval, frechet_distance } = measure(features, against(), { ...OPTIONS, resamples: 50 });
      expect(frechet_interval![0]).toBeLessThan(frechet_distance);
      expect(frechet_interval![1]).toBeGreaterThan(frechet_distance);
      return frechet_interval![1] - frechet_interval![0];
    };
    expect(width(images)).toBeLessThan(0.8 * width(firstRows(images, 120)));
  });

  it("refuse what can't be measured, with a sentence", () => {
    const broken = { ...images, values: images.values.with(24, Number.NaN) };
    expect(() => measure(broken, against(), OPTIONS)).toThrow("The features of image 1 are not finite numbers.");
    expect(() => measure(firstRows(images, 1), against(), OPTIONS)).toThrow("at least 2 images, not 1");
    const narrow = { count: 180, width: 12, values: images.values.subarray(0, 180 * 12) };
    expect(() => measure(narrow, against(), OPTIONS)).toThrow("have 12 features and the reference 24");
  });
});

describe("compare", () => {
  it("finds no difference between a set and itself, and a clear one to a worse set", () => {
    const options = { resamples: 50, classes: 12 };
    const same = compare(images, images, against(), options).difference;
    expect([same.value, same.low, same.high]).toEqual([0, 0, 0]);
    const worse = { ...images, values: images.values.map((value) => 1.5 * value) };
    expect(compare(worse, images, against(), options).difference.low).toBeGreaterThan(0);
    expect(compare(images, worse, against(), options).difference.high).toBeLessThan(0);
  });

  it("pairs images: shared chance does not widen the interval", () => {
    const options = { resamples: 50, classes: 1 };
    const nearly = { ...images, values: images.values.map((value) => 1.02 * value) };
    const shuffled = selectRows(
      nearly,
      Array.from({ length: 360 }, (_, i) => (i * 7 + 100) % 360),
    );
    const width = (features: Features) => {
      const { low, high } = compare(features, images, against(), options).difference;
      return high - low;
    };
    expect(width(nearly)).toBeLessThan(0.5 * width(shuffled));
  });
});

describe("the Fréchet distance", () => {
  it("of Gaussians whose covariances commute is the closed form", () => {
    const diagonal = (variances: number[], mean: number[]) => {
      const covariance = new Float64Array(variances.length ** 2);
      variances.forEach((variance, i) => {
        covariance[i * variances.length + i] = variance;
      });
      return { mean: Float64Array.from(mean), covariance };
    };
    const distance = new FrechetDistance(diagonal([4, 9, 0], [0, 0, 1]));
    // |m|^2 = 1 + 4; (2 - 1)^2 + (3 - 5)^2 + (0 - 2)^2
    expect(distance.from(diagonal([1, 25, 4], [1, 0, 3]))).toBeCloseTo(5 + 1 + 4 + 4, 12);
  });
});
