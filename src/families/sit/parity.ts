import type { FamilyParameters } from "../../model/family-traits.js";
import type { SitArchitecture } from "../../model/manifest.js";
import { networkParity } from "../dit/parity/network.js";
import { flowEvaluations } from "./flow.js";

export const sit = networkParity<SitArchitecture>({
  outputHalves: 1,
  evaluations: (recording) =>
    flowEvaluations(
      recording.metadata("sampler") as FamilyParameters<"sit">["sampler"],
      recording.metadata("steps") as number,
    ),
});
