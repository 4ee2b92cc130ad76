export { MarimbaClient } from "./client.js";
export type { MarimbaClientOptions } from "./http.js";
export { MarimbaProblem, type ProblemCode, type ProblemDocument } from "./problem.js";
export type { RetryOptions } from "./retry.js";
export type { components, operations, paths } from "./schema.js";
export type * from "./types.js";
