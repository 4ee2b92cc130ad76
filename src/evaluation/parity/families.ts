import { causal } from "../../families/causal/parity.js";
import { dit } from "../../families/dit/parity.js";
import { mar } from "../../families/mar/parity.js";
import { sit } from "../../families/sit/parity.js";
import type { FamilyName } from "../../model/family-traits.js";
import type { FamilyParity } from "./family-parity.js";

/** Every family whose models are compared with recordings. */
export const FAMILY_PARITY: Record<FamilyName, FamilyParity> = { mar, dit, sit, causal };
