const MAX_PERIOD = 10_000;

/**
 * Sinusoids of original timesteps: cosines, then sines, then a zero where `channels` is odd. Rounded to float32 after
 * each operation as the reference does: at t = 999 the rounding of a frequency is multiplied by a thousand.
 */
export function timestepFrequencies(timesteps: ArrayLike<number>, channels: number): Float32Array {
  const half = Math.floor(channels / 2);
  const exponent = Math.fround(-Math.log(MAX_PERIOD));
  const frequencies = new Float32Array(half);
  for (let i = 0; i < half; i++) frequencies[i] = Math.exp(Math.fround(Math.fround(exponent * i) / half));
  const sinusoids = new Float32Array(timesteps.length * channels); // [S, F]
  for (let step = 0; step < timesteps.length; step++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(timesteps[step]! * frequencies[i]!);
      sinusoids[step * channels + i] = Math.cos(angle);
      sinusoids[step * channels + half + i] = Math.sin(angle);
    }
  }
  return sinusoids;
}
