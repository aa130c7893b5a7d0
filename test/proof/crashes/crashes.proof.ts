import { proofLedger } from "../ledger.ts";
import { proveSweeps } from "./prove.ts";
import { slotScenarios } from "./scenarios.ts";

/** Layout `slots`. One broken variant shows in no sparser sample. */
const all = { secondMomentEvery: 1, secondCutEvery: 4, secondRecoveryEvery: 10 };

proveSweeps(slotScenarios, proofLedger("crashes", "sweep"), () => all);
