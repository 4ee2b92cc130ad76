import Type, { type Static } from "typebox";

/**
 * How images share steps. Continuous is what serves. The static ways batch whole requests, to measure against: a batch
 * stays together from its first step to its last, nobody joins it, and all its pictures come out at its end
 * (request-level scheduling; Yu et al., Orca, OSDI 2022, section 2). In `static` the transformer rows of finished images
 * are computed to the end, as in an engine whose batch is one tensor; in `static-ragged` they cost nothing, which is the
 * most that such an engine could save.
 */
export const Batching = Type.Union(
  [Type.Literal("continuous"), Type.Literal("static"), Type.Literal("static-ragged")],
  {
    default: "continuous",
    description:
      "How images share steps. For measuring beside continuous: with static a batch stays whole from its first step to its last, rows of finished images included; with static-ragged such rows cost nothing.",
  },
);
export type Batching = Static<typeof Batching>;

/** Whether a batch takes nobody in and lets nobody out between its first step and its last. */
export const staysWhole = (batching: Batching): boolean => batching !== "continuous";

/** Whether the rows of images that are done are computed along with the others'. */
export const computesFinished = (batching: Batching): boolean => batching === "static";
