import { writeSync } from "node:fs";

import { matrixDocument } from "./document.ts";

writeSync(1, matrixDocument());
