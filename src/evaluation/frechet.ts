import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { EvaluationError } from "./error.js";
import type { Moments } from "./moments.js";

/**
 * The Fréchet distance (Dowson and Landau 1982; Heusel et al., arXiv 1706.08500) of sets of images from one
 * reference: |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)). With R the root of the reference's covariance, C1 C2 has the
 * eigenvalues of the symmetric R C2 R, so nothing but symmetric matrices is decomposed, and no imaginary part arises.
 */
export class FrechetDistance {
  readonly #mean: Float64Array;
  readonly #trace: number;
  readonly #root: Matrix;

  constructor(reference: Moments) {
    const { mean, covariance } = reference;
    this.#mean = mean;
    this.#trace = trace(covariance, mean.length);
    this.#root = symmetricRoot(asMatrix(covariance, mean.length));
  }

  get width(): number {
    return this.#mean.length;
  }

  from({ mean, covariance }: Moments): number {
    if (mean.length !== this.width)
      throw new EvaluationError(`The images have ${mean.length} features and the reference ${this.width}.`);
    let distance = this.#trace + trace(covariance, this.width);
    for (let i = 0; i < this.width; i++) distance += (mean[i]! - this.#mean[i]!) ** 2;
    const product = this.#root.mmul(asMatrix(covariance, this.width)).mmul(this.#root);
    for (const value of eigen(product).realEigenvalues) distance -= 2 * Math.sqrt(Math.max(value, 0));
    return distance;
  }
}

function symmetricRoot(matrix: Matrix): Matrix {
  const { realEigenvalues, eigenvectorMatrix: vectors } = eigen(matrix);
  const roots = realEigenvalues.map((value) => Math.sqrt(Math.max(value, 0)));
  return vectors.clone().mulRowVector(roots).mmul(vectors.transpose());
}

/** Rounding leaves the product not quite symmetric, so its symmetric part is decomposed. */
function eigen(matrix: Matrix): EigenvalueDecomposition {
  const symmetric = Matrix.add(matrix, matrix.transpose()).mul(0.5);
  return new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
}

function asMatrix(values: Float64Array, width: number): Matrix {
  return Matrix.from1DArray(width, width, values);
}

function trace(values: Float64Array, width: number): number {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += values[i * width + i]!;
  return sum;
}
