/** Upper bounds of histograms: few enough that every label's series stay cheap. */

/** Waits and pictures: 5 ms to 5 minutes. */
export const LONG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
/** Parts of one autoregressive step, and encoding: 1 ms to 10 seconds. */
export const SHORT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
export const IMAGES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
export const TENTHS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
